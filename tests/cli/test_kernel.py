"""bootwright kernel: a damaged kernel is shown beside the others, and can be removed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from bootwright.digest import short_digest
from bootwright.home import Home
from bootwright.kernels.kernel import Kernel
from tests.pruning.samples import add_kernel

Cli = Callable[..., Any]


@pytest.fixture(params=["kernel.json", "vmlinux"])
def damaged(request: pytest.FixtureRequest, home: Home) -> Kernel:
    """Make a sound kernel called mine, and return one called debian that lacks a file."""
    add_kernel(home, "mine")
    kernel = add_kernel(home, "debian")
    (kernel.folder / request.param).unlink()
    return kernel


def test_kernel_list_shows_kernels(bootwright: Cli, home: Home) -> None:
    kernel = add_kernel(home, "mine")
    done = bootwright("kernel", "list")
    assert (done.status, done.err) == (0, "")
    row = done.out.splitlines()[1]
    assert row.split()[:3] == ["mine", "6.1.0-test", short_digest(kernel.digest)]
    assert row.endswith("  a test")
    [shown] = json.loads(bootwright("kernel", "list", "--json").out)
    assert "damaged" not in shown
    assert (shown["boots"], shown["boots_bytes"]) == ("vmlinux", 16 << 10)


def test_kernel_list_shows_damaged_kernels_beside_others(bootwright: Cli, damaged: Kernel) -> None:
    done = bootwright("kernel", "list")
    debian, mine = done.out.splitlines()[1:]
    assert debian.split()[:2] == ["debian", short_digest(damaged.digest)]
    assert debian.endswith("  damaged: bootwright kernel rm debian")
    assert mine.endswith("  a test")
    assert (done.status, done.err) == (1, "")


def test_kernel_list_json_marks_damaged_kernels(bootwright: Cli, damaged: Kernel) -> None:
    done = bootwright("kernel", "list", "--json")
    debian, mine = json.loads(done.out)
    assert str(damaged.folder) in debian.pop("damaged")
    assert debian.keys() == mine.keys()
    assert {field for field, value in debian.items() if value is None} == {
        *("release", "source", "parts", "pvh", "boots", "boots_bytes", "added_s")
    }
    assert (debian["name"], debian["digest"]) == ("debian", damaged.digest)
    assert (done.status, done.err) == (1, "")


def test_kernel_rm_removes_a_damaged_kernel(bootwright: Cli, damaged: Kernel) -> None:
    done = bootwright("kernel", "rm", "debian")
    assert (done.status, done.err) == (0, "kernel debian: removed\n")
    assert not damaged.folder.exists()
    assert bootwright("kernel", "list").status == 0
