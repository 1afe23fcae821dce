"""Who the tests run as, and which programs they find."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootwright.host import tools

_NOBODY = 65534


@pytest.fixture
def ordinary() -> Iterator[None]:
    """Make the test an ordinary user's, where it is root's."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(_NOBODY)
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


class Programs:
    """The only folder in which programs are looked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, name: str, script: str) -> Path:
        """Add a shell script as the program *name*."""
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Return a folder without programs, in which alone they are looked for."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(tools, "_SBIN", str(tmp_path / "sbin"))
    return Programs(folder)
