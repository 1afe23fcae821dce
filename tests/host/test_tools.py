"""Programs are found wherever Debian puts them; missing ones are named with their packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.errors import HostError
from bootwright.host import tools


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder in which programs are looked for; it is empty."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(tools, "_SBIN", str(tmp_path / "sbin"))
    return folder


def _program(path: Path, mode: int = 0o755) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


def test_tools_require_returns_paths_in_order() -> None:
    found = tools.require("mke2fs", "tar")
    assert [path.name for path in found] == ["mke2fs", "tar"]
    assert all(path.is_absolute() and path.exists() for path in found)


def test_tools_require_of_nothing(bare: Path) -> None:
    assert tools.require() == []


def test_tools_find_looks_in_sbin_after_path(bare: Path, tmp_path: Path) -> None:
    assert tools.find("mke2fs") is None
    in_sbin = _program(tmp_path / "sbin" / "mke2fs")
    assert tools.find("mke2fs") == in_sbin
    in_path = _program(bare / "mke2fs")
    assert tools.find("mke2fs") == in_path


def test_tools_find_ignores_files_that_are_not_executable(bare: Path) -> None:
    _program(bare / "tar", mode=0o644)
    assert tools.find("tar") is None


def test_tools_require_names_a_missing_program_and_its_package(bare: Path) -> None:
    with pytest.raises(HostError) as caught:
        tools.require("qemu-img")
    assert str(caught.value) == "not installed here: qemu-img (reads qcow2 files)"
    assert caught.value.hint == (
        "on Debian: sudo apt-get install qemu-utils; on Fedora: sudo dnf install qemu-img"
    )


def test_tools_require_hint_installs_all_missing_programs(bare: Path) -> None:
    _program(bare / "tar")
    with pytest.raises(HostError) as caught:
        tools.require("ssh", "tar", "scp", "setpriv", "depmod")
    assert str(caught.value) == (
        "not installed here: ssh (logs in), scp (copies files), "
        "setpriv (ends the VMM when its monitor ends), "
        "depmod (finds the dependencies of kernel modules)"
    )
    assert caught.value.hint == (
        "on Debian: sudo apt-get install kmod openssh-client util-linux; "
        "on Fedora: sudo dnf install kmod openssh-clients util-linux-core"
    )
