"""What a build needs of the host: missing things are named with their packages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from bootwright.errors import HostError
from bootwright.host import tools
from bootwright.kbuild import toolchain


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder in which programs are looked for; a build's needs are in it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(tools, "_SBIN", str(tmp_path / "sbin"))
    for name in ("gcc", "ld", "make", "flex", "bison", "bc", "perl"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder


def missing(config: Mapping[str, str] | None = None) -> str:
    """Return what is said to be missing; nothing where all is here."""
    try:
        toolchain.require(config)
    except HostError as error:
        return str(error)
    return ""


def test_toolchain_require_with_all_programs(programs: Path) -> None:
    assert missing() == ""


def test_toolchain_require_hint_installs_all_missing_programs(programs: Path) -> None:
    (programs / "flex").unlink()
    (programs / "ld").unlink()
    with pytest.raises(HostError, match="missing for a kernel build: ld, flex") as raised:
        toolchain.require()
    assert "sudo apt-get install binutils flex;" in raised.value.hint


def test_toolchain_require_depends_on_options(programs: Path) -> None:
    assert missing({"KERNEL_LZ4": "n", "MODULES": "y"}) == ""
    with pytest.raises(HostError, match="lz4, depmod"):
        toolchain.require({"KERNEL_LZ4": "y", "MODULES": "y", "EXT4_FS": "m"})


def test_toolchain_environment_is_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KCFLAGS", "-O0")
    monkeypatch.setenv("LOCALVERSION", "-mine")
    environment = toolchain.environment()
    assert "KCFLAGS" not in environment
    assert environment["LOCALVERSION"] == ""
    assert environment["KBUILD_BUILD_TIMESTAMP"].startswith("1970-01-01")
