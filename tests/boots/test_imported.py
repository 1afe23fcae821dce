"""Images that know nothing of us."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path

import pytest

from bootwright.host import tools
from tests.boots.broken_guests import changed_image
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


_FSTAB = """\
UUID=deadbeef-1234-4000-8000-000000000001 / ext4 errors=remount-ro 0 1
UUID=deadbeef-1234-4000-8000-000000000002 /boot ext4 defaults 0 2
UUID=1234-ABCD /boot/efi vfat umask=0077 0 1
UUID=deadbeef-1234-4000-8000-000000000009 /srv/gone ext4 defaults 0 2
/dev/mapper/vg-data /data ext4 defaults 0 2
UUID=deadbeef-1234-4000-8000-000000000008 none swap sw 0 0
"""


def test_run_leaves_out_mounts_that_cannot_be_had(
    bootwright: Bootwright, bookworm: str, tmp_path: Path
) -> None:
    disk = _with_boot_partitions(tmp_path, Path(bootwright.json("image", "show", bookworm)["path"]))
    done = bootwright("image", "import", "cloud", disk)
    disk.unlink()
    assert done.returncode == 0, done.stderr
    look = (
        "findmnt -no TARGET /boot; systemctl is-active local-fs.target; "
        "systemctl --failed --no-legend; systemctl is-active boot-efi.mount"
    )
    try:
        done = bootwright("run", "cloud", "--", look)
    finally:
        bootwright("image", "rm", "cloud")
    assert done.stdout.split() == ["/boot", "active", "inactive"], done.stderr
    reported = [line for line in done.stderr.splitlines() if "not mounted in the guest: " in line]
    assert [line.partition("guest: ")[2].partition(":")[0] for line in reported] == [
        "/boot/efi",
        "/srv/gone",
        "/data",
        "swap",
    ]


def test_run_reports_the_cause_of_emergency_mode_at_once(
    bootwright: Bootwright, bookworm: str, tmp_path: Path
) -> None:
    files: dict[str, str | None] = {"/etc/fstab": "tmpfs /srv/a-b tmpfs nonsense=1 0 0\n"}
    with changed_image(bootwright, bookworm, "changed", tmp_path, files) as image:
        failed = bootwright("run", image, "--", "true")
        cured = bootwright(
            *("run", image, "--append", "systemd.mask=srv-a\\x2db.mount", "--", "true")
        )
    assert failed.returncode == 125
    assert "its last mark was emergency.mode: systemd went into emergency mode" in failed.stderr
    assert "tmpfs: Unknown parameter 'nonsense'" in failed.stderr
    assert "--append 'systemd.mask=srv-a\\x2db.mount'" in failed.stderr
    assert cured.returncode == 0, cured.stderr


@pytest.mark.root
@pytest.mark.skipif(
    os.geteuid() != 0 or tools.find("mkfs.btrfs") is None,
    reason="only root can make subvolumes, with btrfs-progs",
)
def test_image_import_boots_a_root_in_a_subvolume(
    bootwright: Bootwright, bookworm: str, tmp_path: Path
) -> None:
    disk, mounted, below = tmp_path / "disk", tmp_path / "mounted", tmp_path / "below"
    with disk.open("wb") as file:
        file.truncate(1200 << 20)
    subprocess.run([tools.find("mkfs.btrfs") or "", "-q", disk], check=True)
    mounted.mkdir()
    below.mkdir()
    image = bootwright.json("image", "show", bookworm)["path"]
    script = f"""
        mount -o loop {disk} {mounted} && mount -o loop,ro {image} {below} || exit 77
        btrfs subvolume create {mounted}/@root && cp -a {below}/. {mounted}/@root
        umount {mounted} {below}
    """
    if (done := subprocess.run(["unshare", "-m", "sh", "-c", script])).returncode == 77:
        pytest.skip("this host mounts no btrfs")
    assert done.returncode == 0
    assert bootwright("image", "import", "sub", disk).returncode == 0
    disk.unlink()
    try:
        assert bootwright.json("image", "show", "sub")["subvolume"] == "@root"
        booted = bootwright("run", "sub", "--", "findmnt -no FSROOT /")
    finally:
        bootwright("image", "rm", "sub")
    assert booted.stdout == "/@root\n", booted.stderr


def _with_boot_partitions(folder: Path, filesystem: Path) -> Path:
    """Make a disk as clouds have them: the root, /boot and the firmware's partition."""
    if (mkfs_vfat := tools.find("mkfs.vfat")) is None:
        pytest.skip("dosfstools is not installed")
    root, boot, firmware = folder / "root", folder / "boot", folder / "firmware"
    subprocess.run(["cp", "--sparse=always", filesystem, root], check=True)
    root.chmod(0o600)
    (folder / "fstab").write_text(_FSTAB)
    script = f"rm /etc/fstab\nwrite {folder / 'fstab'} /etc/fstab\nmkdir /boot/efi\n"
    with firmware.open("wb") as file:
        file.truncate(8 << 20)
    uuids = ["deadbeef-1234-4000-8000-000000000001", "deadbeef-1234-4000-8000-000000000002"]
    commands: tuple[list[str | Path], ...] = (
        ["/sbin/debugfs", "-w", "-f", "-", root],
        ["/sbin/e2fsck", "-fp", root],
        ["/sbin/tune2fs", "-U", uuids[0], root],
        ["/sbin/mke2fs", "-q", "-t", "ext4", "-U", uuids[1], boot, "16M"],
        [mkfs_vfat, "-i", "1234ABCD", firmware],
    )
    for command in commands:
        subprocess.run(command, input=script.encode(), check=True, capture_output=True)
    disk = folder / "disk.raw"
    table = b""
    start = _START_BYTES
    for part, kind in ((root, 0x83), (boot, 0x83), (firmware, 0xEF)):
        size = part.stat().st_size
        place = ["bs=1M", f"seek={start >> 20}", "conv=sparse,notrunc"]
        subprocess.run(["dd", f"if={part}", f"of={disk}", *place], capture_output=True, check=True)
        table += struct.pack("<4xB3xII", kind, start // 512, size // 512)
        start += size
        part.unlink()
    with disk.open("r+b") as file:
        file.truncate(start)
        file.write(bytes(446) + table + bytes(16) + b"\x55\xaa")
    return disk
