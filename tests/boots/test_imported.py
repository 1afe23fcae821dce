"""Images that know nothing of us."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from tests.boots.harness import Bootwright

pytestmark = pytest.mark.boot

_START_BYTES = 1 << 20


def test_image_import_boots_a_partitioned_qcow2_with_its_own_keys(
    bootwright: Bootwright, bookworm: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("import")
    disk = _partitioned(folder, Path(bootwright.json("image", "show", bookworm)["path"]))
    assert bootwright("image", "import", "foreign", disk).returncode == 0
    try:
        shown = bootwright.json("image", "show", "foreign")
        assert (shown["filesystem"], shown["partition"]) == ("ext4", 1)
        done = bootwright(
            *("run", "foreign", "--name", "newcomer", "--"),
            "hostname; cat /etc/hostname; findmnt -no SOURCE /; wc -c </etc/machine-id",
        )
        larger = bootwright("run", "foreign", "--disk-size", "8G", "--", "true")
    finally:
        bootwright("image", "rm", "foreign")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["newcomer", "newcomer", "/dev/vda1", "33"]
    assert "cannot grow: its root is partition 1" in larger.stderr


def _partitioned(folder: Path, filesystem: Path) -> Path:
    """Put a filesystem into a partition, with a foreign name and machine-id, and make it qcow2."""
    raw = folder / "disk.raw"
    size = filesystem.stat().st_size
    with raw.open("wb") as file:
        entry = struct.pack("<4xB3xII", 0x83, _START_BYTES // 512, size // 512)
        file.write(bytes(446) + entry + bytes(48) + b"\x55\xaa")
        file.truncate(_START_BYTES + size)
    copy = folder / "root.ext4"
    subprocess.run(["cp", "--sparse=always", filesystem, copy], check=True)
    copy.chmod(0o600)
    (folder / "hostname").write_text("somebody-else\n")
    (folder / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    for name in ("hostname", "machine-id"):
        commands = f"rm /etc/{name}\nwrite {folder / name} /etc/{name}\n"
        subprocess.run(
            ["/sbin/debugfs", "-w", "-f", "-", copy],
            input=commands.encode(),
            capture_output=True,
            check=True,
        )
    subprocess.run(
        ["dd", f"if={copy}", f"of={raw}", "bs=1M", "seek=1", "conv=sparse,notrunc"],
        capture_output=True,
        check=True,
    )
    qcow2 = folder / "disk.qcow2"
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, qcow2], check=True)
    return qcow2
