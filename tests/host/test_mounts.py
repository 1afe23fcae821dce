"""Which filesystem a folder is on."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from bootwright.host import mounts


def test_mounts_kind_agrees_with_stat() -> None:
    done = subprocess.run(
        ["stat", "--file-system", "--format=%T", "/proc"], capture_output=True, text=True
    )
    assert mounts.kind(Path("/proc")) == done.stdout.strip() == "proc"


def test_mounts_kind_is_of_the_mount_with_the_folders_device(tmp_path: Path) -> None:
    device = os.stat(tmp_path).st_dev
    numbers = f"{os.major(device)}:{os.minor(device)}"
    table = tmp_path / "mountinfo"
    table.write_text(
        "22 1 8:99 / / rw shared:1 - ext4 /dev/sda1 rw\n"
        f"36 35 {numbers} /home /home rw,noatime master:1 - nfs4 server:/home rw\n"
    )
    assert mounts.kind(tmp_path, table) == "nfs4"
    table.write_text("22 1 8:99 / / rw - ext4 /dev/sda1 rw\ngarbage\n\n")
    assert mounts.kind(tmp_path, table) == ""
    assert mounts.kind(tmp_path, tmp_path / "missing") == ""


@pytest.mark.parametrize(
    ("kind", "is_network"),
    [("nfs4", True), ("cifs", True), ("fuse.sshfs", True), ("ext4", False), ("", False)],
)
def test_mounts_is_network_knows_network_filesystems(kind: str, is_network: bool) -> None:
    assert mounts.is_network(kind) is is_network
