"""What is there for speed: each can be switched off, and says why it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import fields

import pytest

from bootwright.defaults.complete import complete
from bootwright.defaults.speed import FAST
from bootwright.errors import InputError
from bootwright.home import Home
from bootwright.images.image import Image
from bootwright.kernels.kernel import Kernel
from bootwright.recipes.draft import Draft
from bootwright.recipes.recipe import Recipe

NAMES = tuple(default.name for default in FAST)


def recipe_of(home: Home, **given: object) -> Recipe:
    given = {"tiny": "image" not in given, "accelerator": "tcg", **given}
    return asyncio.run(complete(home, Draft(**given)))[0]  # type: ignore[arg-type]


@pytest.fixture
def kernel(add_kernel: Callable[..., Kernel]) -> Kernel:
    return add_kernel(files=("bzImage", "vmlinux"), config="CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES=y\n")


def test_defaults_document_reason_saving_and_cost() -> None:
    assert len(set(NAMES)) == len(NAMES)
    for default in FAST:
        assert default.reason
        assert default.side_effect
        assert default.stock
        assert any(char.isdigit() for char in default.measured), f"{default.name} has no figure"


def test_defaults_are_all_on_where_possible(home: Home, kernel: Kernel) -> None:
    recipe = recipe_of(home)
    assert [default.name for default in FAST if not default.is_on(recipe)] == []


@pytest.mark.parametrize("name", NAMES)
def test_defaults_are_turned_off_one_by_one(name: str, home: Home, kernel: Kernel) -> None:
    usual, without = recipe_of(home), recipe_of(home, without=(name,))
    assert [default.name for default in FAST if not default.is_on(without)] == [name]
    differ = [f.name for f in fields(Recipe) if getattr(usual, f.name) != getattr(without, f.name)]
    assert len(differ) == 1


def test_defaults_are_all_off_with_stock(
    home: Home, kernel: Kernel, add_image: Callable[..., Image]
) -> None:
    add_image()
    recipe = recipe_of(home, image="web", without=NAMES)
    assert [default.name for default in FAST if default.is_on(recipe)] == []
    assert recipe.cmdline == ("console=ttyS0", "panic=-1", "net.ifnames=0")
    assert (recipe.kernel_file, recipe.machine_type, recipe.cpu) == ("bzImage", "q35", "max")


def test_defaults_do_not_override_given_arguments(home: Home, kernel: Kernel) -> None:
    recipe = recipe_of(home, without=NAMES, append=("quiet",), cpu="qemu64", machine_type="microvm")
    assert recipe.cmdline == ("console=ttyS0", "panic=-1", "quiet")
    assert (recipe.cpu, recipe.machine_type) == ("qemu64", "microvm")


def test_defaults_do_not_change_the_command_line_of_a_recipe_file(
    home: Home, kernel: Kernel
) -> None:
    assert recipe_of(home, cmdline=("quiet", "debug"), without=("quiet",)).cmdline == ("debug",)


def test_defaults_refuse_an_unknown_name(home: Home, kernel: Kernel) -> None:
    with pytest.raises(InputError) as bad:
        recipe_of(home, without=("speed",))
    assert str(bad.value) == "without names 'speed', which is not a default"
    assert bad.value.hint.startswith("there are: vmlinux, quiet, cryptomgr.notests,")


def test_defaults_boot_a_kernel_without_a_bzimage(
    home: Home, add_kernel: Callable[..., Kernel]
) -> None:
    add_kernel()
    assert recipe_of(home, without=("vmlinux",)).kernel_file == "vmlinux"
    with pytest.raises(InputError) as bad:
        recipe_of(home, kernel_file="bzImage")
    assert str(bad.value) == "kernel_file is 'bzImage', but kernel 6.1.0-test has no such file"
    assert bad.value.hint == "leave it out, or write 'vmlinux'"


def test_defaults_boot_the_bzimage_when_the_vmlinux_has_no_pvh(
    home: Home, add_kernel: Callable[..., Kernel]
) -> None:
    add_kernel(files=("bzImage", "vmlinux"), pvh=False)
    assert recipe_of(home).kernel_file == "bzImage"
    with pytest.raises(InputError, match="has a vmlinux without PVH entry point"):
        recipe_of(home, kernel_file="vmlinux")
