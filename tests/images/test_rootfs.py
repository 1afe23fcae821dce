"""What an imported root filesystem lacks, and what it is."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from bootwright.errors import FormatError
from bootwright.host import tools
from bootwright.images import rootfs
from bootwright.images.disklayout import Root
from bootwright.inits.table import INITS

_ROOT = Root(filesystem="ext4", partition=0)


def _program(machine: int = 62, order: str = "<") -> bytes:
    """Return the beginning of a program for a processor."""
    head = bytes((0x7F, *b"ELF", 2, 1 if order == "<" else 2, 1)) + bytes(9)
    return head + struct.pack(f"{order}HH", 2, machine) + bytes(44)


def _disk(folder: Path, files: dict[str, bytes | str], folders: tuple[str, ...] = ()) -> Path:
    tree = folder / "tree"
    for path in ("", *folders):
        (tree / path).mkdir(parents=True)
    for path, content in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            (tree / path).write_bytes(content)
        else:
            (tree / path).symlink_to(content)
    disk = folder / "disk"
    [mke2fs] = tools.require("mke2fs")
    command: list[str | Path] = [mke2fs, "-q", "-t", "ext4", "-d", tree, disk, "4M"]
    subprocess.run(command, check=True, capture_output=True)
    return disk


def test_rootfs_requires_what_an_init_needs() -> None:
    assert set(INITS["systemd"].needs) == {rootfs.INIT, rootfs.SSH_SERVER}


@pytest.mark.parametrize("merged", [False, True])
def test_rootfs_of_a_complete_system_lacks_nothing(merged: bool, tmp_path: Path) -> None:
    usr = "usr/" if merged else ""
    files: dict[str, bytes | str] = {
        f"{usr}sbin/init": "/lib/systemd/systemd",
        "usr/sbin/sshd": _program(),
        f"{usr}lib/systemd/systemd": _program(),
        "etc/os-release": b'ID=debian\nVERSION_CODENAME="trixie"\n',
    }
    if merged:
        files |= {"sbin": "usr/sbin", "lib": "usr/lib"}
    found = rootfs.look(_disk(tmp_path, files), _ROOT)
    assert (found.missing, found.suite, found.root) == ((), "trixie", _ROOT)


def test_rootfs_names_what_a_container_lacks(tmp_path: Path) -> None:
    found = rootfs.look(_disk(tmp_path, {"bin/sh": _program()}, ("etc",)), _ROOT)
    assert (found.missing, found.suite) == (("/sbin/init", "/usr/sbin/sshd"), "")


def test_rootfs_lacks_what_a_link_only_promises(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        "sbin/init": "/usr/lib/systemd/systemd",
        "usr/sbin/sshd": "/opt/ssh/sshd",  # which is there, but not on this host
        "opt/ssh/sshd": _program(),
    }
    assert rootfs.look(_disk(tmp_path, files), _ROOT).missing == ("/sbin/init",)


@pytest.mark.parametrize(
    ("release", "suite"),
    [
        (b"ID=debian\nVERSION_CODENAME=bookworm\n", "bookworm"),
        (b"ID='debian'\nPRETTY_NAME=x\n", ""),
        (b"ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n", ""),
        (b"\xff\xfe", ""),
    ],
)
def test_rootfs_suite_is_debians_only(release: bytes, suite: str, tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        "usr/lib/os-release": release,
        "etc/os-release": "../usr/lib/os-release",
    }
    assert rootfs.look(_disk(tmp_path, files), _ROOT).suite == suite


@pytest.mark.parametrize(
    ("files", "shown"),
    [({}, "it is empty"), ({"disk.raw": b"x", "notes/a": b""}, "at its top are disk.raw, notes")],
)
def test_rootfs_refuses_what_is_no_root(
    files: dict[str, bytes | str], shown: str, tmp_path: Path
) -> None:
    with pytest.raises(FormatError) as caught:
        rootfs.look(_disk(tmp_path, files), _ROOT)
    assert str(caught.value) == f"it holds no root filesystem: {shown}"
    assert caught.value.hint == "a root filesystem has bin, etc, usr at its top"


@pytest.mark.parametrize(
    ("program", "named"),
    [
        (_program(183), "arm64"),
        (_program(22, ">"), "s390x"),
        (_program(3), "32-bit x86"),
        (_program(258), "another processor (258)"),
    ],
)
def test_rootfs_refuses_another_architecture(program: bytes, named: str, tmp_path: Path) -> None:
    system: dict[str, bytes | str] = {
        "sbin": "usr/sbin",
        "lib": "usr/lib",
        "usr/sbin/init": "/lib/systemd/systemd",
        "usr/lib/systemd/systemd": program,
    }
    container: dict[str, bytes | str] = {"bin/sh": program}
    for files in (system, container):
        folder = tmp_path / str(len(files))
        with pytest.raises(FormatError) as caught:
            rootfs.look(_disk(folder, files), _ROOT)
        assert str(caught.value) == f"it is a system for {named}, and bootwright boots x86-64"
