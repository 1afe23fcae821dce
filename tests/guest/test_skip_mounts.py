"""What the guest's first program leaves out of an image's fstab, and why; its real shell functions.

That systemd then boots is shown by a boot.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bootwright.guest import initramfs

_STUBS = """
mark() { echo "$*"; }
unit_name() { echo "$2" | tr / _ | sed "s/\\$/.$1/"; }
has_tag() { case "$1" in *here*) return 0 ;; esac; return 1; }
has_layers() { return $((!layers)); }
busybox() { "$@"; }
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for folder in ("etc", "dev", "lib/modules/6.1.0-test", "run", "proc"):
        (root / folder).mkdir(parents=True)
    (tmp_path / "filesystems").write_text("nodev\ttmpfs\nnodev\tproc\n\text4\n")
    (tmp_path / "osrelease").write_text("6.1.0-test\n")
    return root


def _skipped(root: Path, fstab: str, *, layers: bool = False) -> list[str]:
    """Return what the host is reported of *fstab*.

    Args:
        layers: Whether the disk has a part of LVM, LUKS or a RAID.
    """
    script = initramfs.program_files()["/init"][0].decode()
    start, end = script.index("skip_mounts() {"), script.index("# The name and the machine-id")
    functions = script[start:end]
    for path in ("filesystems", "sys/kernel/osrelease"):
        name = path.rpartition("/")[2]
        functions = functions.replace(f"/proc/{path}", str(root.parent / name))
    functions = functions.replace("/root", str(root))
    (root / "etc/fstab").write_text(fstab)
    done = subprocess.run(
        ["busybox", "sh", "-c", f"{functions}{_STUBS}layers={layers:d}\nskip_mounts"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return [line.removeprefix("mount.skipped ") for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        (
            "UUID=ABCD-here /boot/efi vfat umask=0077 0 1",
            "/boot/efi: kernel 6.1.0-test has no vfat",
        ),
        ("UUID=gone /srv ext4 defaults 0 2", "/srv: no disk has UUID=gone"),
        ('LABEL="gone" /srv ext4 defaults 0 2', '/srv: no disk has LABEL="gone"'),
        ("PARTUUID=gone /srv auto", "/srv: no disk has PARTUUID=gone"),
        ("/dev/disk/by-uuid/gone /srv ext4", "/srv: no disk has UUID gone"),
        ("/dev/disk/by-label/gone /srv ext4", "/srv: no disk has label gone"),
        ("/dev/sdb1 /srv ext4 defaults", "/srv: there is no /dev/sdb1"),
        ("/dev/nvme0n1p3 /srv ext4", "/srv: there is no /dev/nvme0n1p3"),
        ("/dev/disk/by-partuuid/gone /srv ext4", "/srv: no disk has PARTUUID gone"),
        ("/dev/mapper/vg-data /srv ext4 defaults 0 2", "/srv: there is no /dev/mapper/vg-data"),
        ("/dev/vg/data /srv ext4 defaults 0 2", "/srv: there is no /dev/vg/data"),
        ("/dev/md0 /srv ext4 defaults 0 2", "/srv: there is no /dev/md0"),
        ("share /mnt virtiofs", "/mnt: kernel 6.1.0-test has no virtiofs"),
        ("UUID=gone /with\\040blank ext4", "/with blank: no disk has UUID=gone"),
        ("UUID=gone none swap sw 0 0", "swap: no disk has UUID=gone"),
    ],
)
def test_skip_mounts_leaves_out_what_cannot_be_mounted(
    line: str, reported: str, root: Path
) -> None:
    assert _skipped(root, f"{line}\n") == [reported]


@pytest.mark.parametrize(
    "line",
    [
        "# UNCONFIGURED FSTAB FOR BASE SYSTEM",
        "",
        "UUID=is-here / ext4 errors=remount-ro 0 1",
        "/dev/sda1 / ext4 errors=remount-ro 0 1",
        "UUID=is-here /boot ext4 defaults 0 2",
        "UUID=is-here /boot auto defaults 0 2",
        "UUID=gone /srv ext4 defaults,nofail 0 2",
        "UUID=gone /srv ext4 noauto,user 0 2",
        "UUID=gone /srv ext4 x-systemd.automount 0 2",
        "host:/export /srv nfs4 defaults 0 0",
        "//host/share /srv cifs defaults 0 0",
        "tmpfs /tmp tmpfs size=1G 0 0",
        "/srv /mnt none bind 0 0",
        "/swapfile none swap sw 0 0",
        "/dev/mapper/vg-data / ext4 defaults 0 1",
        "/dev/disk/by-path/pci-0000:00:02.0-part2 /srv ext4 defaults 0 2",
        "/dev/disk/by-partuuid/is-here /srv ext4 defaults 0 2",
    ],
)
def test_skip_mounts_keeps_other_lines(line: str, root: Path) -> None:
    assert _skipped(root, f"{line}\n") == []
    assert not (root / "run/systemd").exists()


def test_skip_mounts_leaves_out_the_options_of_a_root_that_no_disk_has(root: Path) -> None:
    assert _skipped(root, "UUID=gone / ext4 errors=remount-ro 0 1\n") == [
        "/ with its options: no disk has UUID=gone"
    ]
    masked = root / "run/systemd/system.control/systemd-remount-fs.service"
    assert masked.readlink() == Path("/dev/null")


def test_skip_mounts_keeps_volumes_that_may_appear(root: Path) -> None:
    lines = "/dev/mapper/vg-data /srv ext4\n/dev/vg/home /home ext4\n/dev/md0 /data ext4\n"
    assert _skipped(root, lines, layers=True) == []


def test_skip_mounts_finds_drivers_in_the_image(root: Path) -> None:
    modules = root / "lib/modules/6.1.0-test/modules.dep"
    modules.write_text("kernel/fs/fat/vfat.ko: kernel/fs/fat/fat.ko\n")
    assert _skipped(root, "UUID=is-here /boot/efi vfat\n") == []
    assert len(_skipped(root, "UUID=is-here /boot/efi exfat\n")) == 1


def test_skip_mounts_looks_at_each_line_alone(root: Path) -> None:
    lines = ["UUID=one /a ext4", "UUID=is-here /b ext4", "UUID=two none swap", "UUID=three /c ext4"]
    reported = _skipped(root, "\n".join(lines) + "\n")
    assert [line.partition(":")[0] for line in reported] == ["/a", "swap", "/c"]
    units = root / "run/systemd/system.control"
    assert sorted(path.name for path in units.iterdir()) == [
        "_a.mount",
        "_c.mount",
        "_dev_disk_by-uuid_two.swap",
    ]
    assert (units / "_dev_disk_by-uuid_two.swap").readlink() == Path("/dev/null")
    assert (units / "_a.mount").read_text() == (
        "[Unit]\nDescription=/a, left out: no disk has UUID=one\nConditionPathExists=!/run\n"
        "[Mount]\nWhat=none\nWhere=/a\nType=tmpfs\n"
    )
