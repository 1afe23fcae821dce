"""What this host means by the names in a change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bootwright import digest
from bootwright.change import EMPTY, applied
from bootwright.change_text import parse
from bootwright.errors import InputError, NotFoundError
from bootwright.guest import seed
from bootwright.home import Home
from bootwright.inits.table import INITS
from bootwright.kernels.kernel import Kernel
from bootwright.machine.resolver import HomeResolver
from tests.machine.samples import RECIPE


@pytest.fixture
def resolver(home: Home) -> HomeResolver:
    return HomeResolver(home)


def test_a_file_is_taken_with_its_permissions(
    home: Home, resolver: HomeResolver, tmp_path: Path
) -> None:
    file = tmp_path / "motd"
    file.write_text("hello")
    file.chmod(0o640)
    recipe = applied(RECIPE, [parse(f"file:/etc/motd={file}", resolver)])
    [carried] = recipe.guest_files
    assert (carried.path, carried.mode) == ("/etc/motd", 0o640)
    assert seed.recall(home, carried.digest) == b"hello"


def test_a_file_that_is_not_there(resolver: HomeResolver) -> None:
    with pytest.raises(InputError, match=r"cannot read './nothing': No such file"):
        parse("file:/etc/motd=./nothing", resolver)


def test_a_mask_has_its_content_in_the_store(home: Home, resolver: HomeResolver) -> None:
    parse("mask=cron.service", resolver)
    assert seed.recall(home, EMPTY) == b""


def test_a_kernel_by_its_name(resolver: HomeResolver, add_kernel: Callable[..., Kernel]) -> None:
    kernel = add_kernel("mine", files=("bzImage",), pvh=False)
    recipe = applied(RECIPE, [parse("kernel=mine", resolver)])
    assert (recipe.kernel, recipe.kernel_file) == (kernel.digest, "bzImage")
    with pytest.raises(NotFoundError):
        parse("kernel=yours", resolver)


def test_inits_take_each_others_place(home: Home, resolver: HomeResolver) -> None:
    own = (seed.remember(home, {"/init": (b"seed", 0o755)}))[0]
    first = replace(RECIPE, guest_files=(own, *seed.remember(home, INITS["systemd"].guest_files())))
    second = applied(first, [parse("init=bare", resolver)])
    assert {file.path for file in second.guest_files} == {"/init", *INITS["bare"].guest_files()}
    assert applied(second, [parse("init=systemd", resolver)]) == first
    for file in second.guest_files:
        assert digest.of_bytes(seed.recall(home, file.digest)) == file.digest
