"""What tests of every room share."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler.loadfile import LoadFileScheduling

from bootwright.home import Home, locate_home

pytest_plugins = ["tests.machines.fixtures"]
"""Fixtures of rooms that make machines; each of those rooms uses them."""

# No example has a deadline: beside other work any of them may take long.
# make fast tries fewer examples than make test.
settings.register_profile("bootwright", deadline=None)
settings.register_profile("fast", deadline=None, max_examples=30)
settings.load_profile("bootwright")


def pytest_configure() -> None:
    """Let interrupts work in the processes that tests start, and let nothing say how wide they are.

    Who is started in the background by a shell script ignores SIGINT, and so do all its children.
    pytest-xdist gives its workers 80 columns.
    """
    os.environ.pop("COLUMNS", None)
    signal.signal(signal.SIGINT, signal.default_int_handler)


class _ByFile(LoadFileScheduling):  # type: ignore[misc]  # it has no type hints
    """One worker for each file, but one for all tests that must not run beside each other."""

    _TOGETHER: ClassVar = {
        "tests/nested/": "the machine with KVM in it",
        # Some explain which loop device is free, others take hundreds.
        "tests/busy/": "loop devices",
        "tests/disks/test_loop.py": "loop devices",
    }

    def _split_scope(self, nodeid: str) -> str:
        found = (scope for start, scope in self._TOGETHER.items() if nodeid.startswith(start))
        return next(found, "") or str(super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> _ByFile | None:
    """Distribute the tests over workers, where that goes by files."""
    return _ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Return folders below tmp_path, and let BOOTWRIGHT_HOME name them."""
    monkeypatch.setenv("BOOTWRIGHT_HOME", str(tmp_path / "home"))
    return locate_home()


@pytest.fixture
def no_process_left(home: Home) -> Iterator[None]:
    """See that no process that knows of this test's folders outlives it."""
    yield
    # A monitor that was set free says its last word and then ends, so it gets a moment.
    deadline = time.monotonic() + 60
    while left := _processes_of(home):
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


def _processes_of(home: Home) -> list[bytes]:
    """Return the command lines of the processes whose folders are these, less our own."""
    wanted = f"BOOTWRIGHT_HOME={home.data.parent}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" "))
        except OSError:
            continue
    return found
