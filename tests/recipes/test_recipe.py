"""Recipes refuse what cannot boot, and say which field, what was given, what goes."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from bootwright.digest import digest_of_bytes
from bootwright.errors import InputError
from bootwright.recipes.recipe import (
    CMDLINE_BYTES,
    MEMORY_FLOOR_MIB,
    MIB,
    SEED_LIMIT,
    GuestFile,
    Recipe,
)

_RECIPE = Recipe(
    kernel=digest_of_bytes(b"kernel"),
    image=digest_of_bytes(b"image"),
    init="systemd",
    cmdline=("quiet", "root=/dev/vda"),
    vmm="qemu",
    vmm_build="QEMU emulator version 7.2.17",
    accelerator="tcg",
    machine_type="microvm",
    cpu="max",
    memory_mib=512,
    vcpus=2,
    disk="qcow2",
    disk_bytes=4096 * MIB,
    network="user",
)


def test_recipe_equality_follows_its_values() -> None:
    same = replace(_RECIPE, cmdline=("quiet", "root=/dev/vda"))
    assert same == _RECIPE
    assert hash(same) == hash(_RECIPE)
    assert replace(_RECIPE, vmm_build="QEMU emulator version 9") != _RECIPE


def test_recipe_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        _RECIPE.memory_mib = 1024  # type: ignore[misc]


def test_guest_file_mode_defaults_to_readable_by_all() -> None:
    assert GuestFile(path="/x", digest=digest_of_bytes(b"x")).mode == 0o644


@pytest.mark.parametrize(
    "good",
    [
        {"memory_mib": MEMORY_FLOOR_MIB},
        {"vcpus": 1},
        {"vcpus": 255},
        {"cmdline": ("x" * CMDLINE_BYTES,)},
        {"cmdline": ()},
        {"disk_bytes": 512},
        {"random_seed": 0},
        {"nested": True},
        {"nested": True, "accelerator": "kvm", "cpu": "host,-avx"},
        {"random_seed": SEED_LIMIT - 1},
        {"disk": "pmem", "machine_type": "q35"},
        {"image": None, "init": "none", "disk": "none", "disk_bytes": 0},
    ],
)
def test_recipe_accepts_limits_of_each_field(good: dict[str, Any]) -> None:
    recipe = replace(_RECIPE, **good)
    assert all(getattr(recipe, field) == value for field, value in good.items())


@pytest.mark.parametrize(
    ("bad", "message", "hint"),
    [
        (
            {"memory_mib": 15},
            "memory_mib is 15, but a guest needs 16 or more",
            'write memory = "512M", or --memory 512M',
        ),
        (
            {"nested": True, "cpu": "max,-svm"},
            "cpu is 'max,-svm', but nested decides '-svm' itself",
            "leave -svm out of cpu, or leave nested out",
        ),
        (
            {"nested": True, "accelerator": "kvm", "cpu": "Skylake-Client"},
            "cpu is 'Skylake-Client', but nested with KVM needs the host's CPU",
            'write cpu = "host", or leave cpu out',
        ),
        ({"vcpus": 0}, "vcpus is 0, but a guest has 1 to 255", "write vcpus = 2"),
        ({"vcpus": 256}, "vcpus is 256, but a guest has 1 to 255", "write vcpus = 2"),
        (
            {"cmdline": ("x" * 1000, "y" * 1047)},
            "cmdline is 2048 bytes long, but an x86 kernel reads 2047",
            "drop arguments; more than some forty systemd.mask= do not fit",
        ),
        (
            {"cmdline": ("ü" * 1024,)},
            "cmdline is 2048 bytes long, but an x86 kernel reads 2047",
            "drop arguments; more than some forty systemd.mask= do not fit",
        ),
        (
            {"image": None},
            "init is 'systemd', which does not go with no image",
            'write init = "systemd" (or tini, bare) with an image, "none" without one',
        ),
        (
            {"init": "none"},
            "init is 'none', which does not go with an image",
            'write init = "systemd" (or tini, bare) with an image, "none" without one',
        ),
        (
            {"image": None, "init": "none"},
            "disk is 'qcow2', which does not go with no image",
            'write disk = "qcow2" (or another kind) with an image, "none" without one',
        ),
        (
            {"disk": "none"},
            "disk is 'none', which does not go with an image",
            'write disk = "qcow2" (or another kind) with an image, "none" without one',
        ),
        (
            {"disk_bytes": 1000},
            "disk_bytes is 1000, but a disk is made of 512-byte sectors",
            "write a multiple of 512",
        ),
        (
            {"disk": "pmem"},
            "disk is 'pmem', which machine type 'microvm' does not have",
            "leave out --machine-type, or give q35",
        ),
        (
            {"random_seed": -1},
            "random_seed is -1, but must be 0 or more and below 2^63",
            "write seed = 1, or --seed 1",
        ),
        (
            {"random_seed": SEED_LIMIT},
            "random_seed is 9223372036854775808, but must be 0 or more and below 2^63",
            "write seed = 1, or --seed 1",
        ),
    ],
)
def test_recipe_refuses_what_cannot_boot(bad: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        replace(_RECIPE, **bad)
    assert str(caught.value) == message
    assert caught.value.hint == hint


_VIRTUAL = replace(
    _RECIPE,
    machine_type="q35",
    vcpus=1,
    disk="pmem",
    network="none",
    random_seed=1,
    clock="virtual",
)


def test_recipe_accepts_a_tiny_guest_on_the_virtual_clock() -> None:
    tiny = replace(
        _VIRTUAL, image=None, init="none", disk="none", disk_bytes=0, machine_type="microvm"
    )
    assert tiny.clock == "virtual"


@pytest.mark.parametrize(
    ("bad", "message", "hint"),
    [
        (
            {"accelerator": "kvm"},
            "accelerator is 'kvm', but the virtual clock needs 'tcg'",
            "only TCG counts instructions; leave out --accelerator",
        ),
        (
            {"vcpus": 2},
            "vcpus is 2, but the virtual clock needs 1",
            "the host would decide when two vCPUs take turns; leave out --vcpus",
        ),
        (
            {"network": "user"},
            "network is 'user', but the virtual clock needs 'none'",
            "packets come when the host sends them; leave network out",
        ),
        (
            {"disk": "qcow2"},
            "disk is 'qcow2', but the virtual clock needs 'pmem'",
            "other disks answer when the host does; leave disk out",
        ),
        (
            {"random_seed": None},
            "random_seed is missing, but the virtual clock needs one",
            "write seed = 1, or --seed 1",
        ),
    ],
)
def test_recipe_refuses_host_input_on_the_virtual_clock(
    bad: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(InputError) as caught:
        replace(_VIRTUAL, **bad)
    assert str(caught.value) == message
    assert caught.value.hint == hint
