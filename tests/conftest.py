"""What tests of every room share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootwright.home import Home, locate


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Return folders below tmp_path, and let BOOTWRIGHT_HOME name them."""
    monkeypatch.setenv("BOOTWRIGHT_HOME", str(tmp_path / "home"))
    return locate()


@pytest.fixture
def no_process_left(home: Home) -> Iterator[None]:
    """See that no process that knows of this test's folders outlives it."""
    yield
    wanted = f"BOOTWRIGHT_HOME={home.data.parent}".encode()
    left = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                left.append((folder / "cmdline").read_bytes().replace(b"\0", b" "))
        except OSError:
            continue
    assert left == []
