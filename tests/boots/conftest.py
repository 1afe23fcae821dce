"""What the tests that boot share: images and kernels, built once and kept; machines of their own.

Images and kernels live in a store of the tests' own, below the user's cache, so that a second run
is fast. Machines live below pytest's temporary folder, and after each test nothing of them may be
left: no folder, no process.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bootwright.disks import loop
from tests.boots.harness import Bootwright, commands


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Bootwright:
    """bootwright for what is built once a session."""
    return commands(tmp_path_factory.mktemp("builder"))


@pytest.fixture(scope="session")
def kernel(builder: Bootwright) -> str:
    """Debian 12's cloud kernel."""
    return _kernel(builder, "debian", "bookworm")


@pytest.fixture(scope="session")
def debian_13_kernel(builder: Bootwright) -> str:
    """Debian 13's cloud kernel."""
    return _kernel(builder, "debian-trixie", "trixie")


@pytest.fixture(scope="session")
def micro(builder: Bootwright) -> str:
    """The kernel micro; built when the tests' store has none of today's input (10 minutes)."""
    with building(builder):
        done = builder("kernel", "build", "micro", "--replace", timeout_s=3600)
        assert done.returncode == 0, done.stderr
        assert "warning" not in done.stderr, "micro asks for what this kernel does not have"
    return "micro"


def _kernel(builder: Bootwright, name: str, suite: str) -> str:
    with building(builder):
        shown = builder("kernel", "show", name)
        # One from before symbols were stored is fetched again.
        if "System.map" not in shown.stdout:
            done = builder("kernel", "add", "debian", "--suite", suite, "--replace")
            assert done.returncode == 0, done.stderr
    return name


def _image(builder: Bootwright, suite: str) -> str:
    with building(builder):
        done = builder("image", "build", suite, "--debian", suite, "--replace")
        assert done.returncode == 0, done.stderr
    return suite


@contextmanager
def building(builder: Bootwright) -> Iterator[None]:
    """Let one worker of pytest build what all share, while the others wait for it."""
    store = Path(builder.environment["XDG_DATA_HOME"])
    store.mkdir(parents=True, exist_ok=True)
    with (store / ".building").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def bookworm(builder: Bootwright, kernel: str) -> str:
    """A Debian 12 image, as `image build` makes it."""
    return _image(builder, "bookworm")


@pytest.fixture(scope="session")
def trixie(builder: Bootwright, kernel: str, debian_13_kernel: str) -> str:
    """A Debian 13 image."""
    return _image(builder, "trixie")


@pytest.fixture
def bootwright(tmp_path: Path) -> Iterator[Bootwright]:
    """bootwright with machines of this test's own; fails where something is left of them."""
    own = commands(tmp_path / "state")
    yield own
    left = sorted(path.name for path in own.machines.iterdir()) if own.machines.is_dir() else []
    assert (left, own.processes()) == ([], [])


@pytest.fixture
def on_xfs(tmp_path: Path, bootwright: Bootwright) -> Iterator[Bootwright]:
    """bootwright with all its folders on a fresh XFS."""
    if os.geteuid() or shutil.which("mkfs.xfs") is None:
        pytest.skip("needs root and mkfs.xfs")
    file, point = tmp_path / "xfs", tmp_path / "mounted"
    point.mkdir()
    with file.open("wb") as opened:
        opened.truncate(4 << 30)
    subprocess.run(["mkfs.xfs", "-q", file], check=True)
    backing = os.open(file, os.O_RDWR)
    try:
        device = loop.attach(backing, tag="bootwright:tests:xfs")
    except OSError:
        pytest.skip("there are no loop devices")
    finally:
        os.close(backing)
    with device:
        subprocess.run(["mount", device.node, point], check=True)
        folders = {f"XDG_{name}_HOME": str(point / name) for name in ("DATA", "CACHE", "STATE")}
        try:
            yield replace(
                bootwright,
                environment=bootwright.environment | folders,
                machines=point / "STATE/bootwright/machines",
            )
        finally:
            subprocess.run(["umount", point], check=True)
