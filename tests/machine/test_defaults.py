"""What is there for speed: each can be switched off, and says why it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import fields

import pytest

from bootwright.draft import Draft
from bootwright.errors import InputError
from bootwright.home import Home
from bootwright.images.image import Image
from bootwright.kernels.kernel import Kernel
from bootwright.machine.complete import complete
from bootwright.machine.defaults import FAST
from bootwright.recipe import Recipe

NAMES = tuple(default.name for default in FAST)


def recipe_of(home: Home, **given: object) -> Recipe:
    given = {"tiny": "image" not in given, "accelerator": "tcg", **given}
    return asyncio.run(complete(home, Draft(**given)))[0]  # type: ignore[arg-type]


@pytest.fixture
def kernel(add_kernel: Callable[..., Kernel]) -> Kernel:
    return add_kernel(files=("bzImage", "vmlinux"), config="CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES=y\n")


def test_each_says_why_it_is_there_what_it_saved_and_what_it_costs() -> None:
    assert len(set(NAMES)) == len(NAMES)
    for default in FAST:
        assert default.reason
        assert default.side_effect
        assert default.stock
        assert any(char.isdigit() for char in default.measured), f"{default.name} has no figure"


def test_all_are_on_where_all_can_be(home: Home, kernel: Kernel) -> None:
    recipe = recipe_of(home)
    assert [default.name for default in FAST if not default.is_on(recipe)] == []


@pytest.mark.parametrize("name", NAMES)
def test_each_is_switched_off_alone(name: str, home: Home, kernel: Kernel) -> None:
    usual, without = recipe_of(home), recipe_of(home, without=(name,))
    assert [default.name for default in FAST if not default.is_on(without)] == [name]
    differ = [f.name for f in fields(Recipe) if getattr(usual, f.name) != getattr(without, f.name)]
    assert len(differ) == 1


def test_stock_has_none_of_them(
    home: Home, kernel: Kernel, add_image: Callable[..., Image]
) -> None:
    add_image()
    recipe = recipe_of(home, image="web", without=NAMES)
    assert [default.name for default in FAST if default.is_on(recipe)] == []
    assert recipe.cmdline == ("console=ttyS0", "panic=-1", "net.ifnames=0")
    assert (recipe.kernel_file, recipe.machine_type, recipe.cpu) == ("bzImage", "q35", "max")


def test_what_is_asked_for_stays(home: Home, kernel: Kernel) -> None:
    recipe = recipe_of(home, without=NAMES, append=("quiet",), cpu="qemu64", machine_type="microvm")
    assert recipe.cmdline == ("console=ttyS0", "panic=-1", "quiet")
    assert (recipe.cpu, recipe.machine_type) == ("qemu64", "microvm")


def test_it_leaves_a_recipe_files_command_line_too(home: Home, kernel: Kernel) -> None:
    assert recipe_of(home, cmdline=("quiet", "debug"), without=("quiet",)).cmdline == ("debug",)


def test_a_name_that_is_none(home: Home, kernel: Kernel) -> None:
    with pytest.raises(InputError) as bad:
        recipe_of(home, without=("speed",))
    assert str(bad.value) == "without names 'speed', which is no default of ours"
    assert bad.value.hint.startswith("there are: vmlinux, quiet, cryptomgr.notests,")


def test_a_kernel_without_a_bzimage_boots_what_it_has(
    home: Home, add_kernel: Callable[..., Kernel]
) -> None:
    add_kernel()
    assert recipe_of(home, without=("vmlinux",)).kernel_file == "vmlinux"
    with pytest.raises(InputError) as bad:
        recipe_of(home, kernel_file="bzImage")
    assert str(bad.value) == "kernel_file is 'bzImage', but kernel 6.1.0-test has no such file"
    assert bad.value.hint == "leave it out, or write 'vmlinux'"


def test_a_vmlinux_that_no_vmm_starts(home: Home, add_kernel: Callable[..., Kernel]) -> None:
    add_kernel(files=("bzImage", "vmlinux"), pvh=False)
    assert recipe_of(home).kernel_file == "bzImage"
    with pytest.raises(InputError, match="has a vmlinux without PVH entry point"):
        recipe_of(home, kernel_file="vmlinux")
