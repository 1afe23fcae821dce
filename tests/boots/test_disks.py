"""Every kind of disk that works here, under a VMM: what one machine writes no other ever sees."""

from __future__ import annotations

import pytest

from bootwright.digest import digest_of_disk
from bootwright.images.image import load_image
from tests.boots.harness import Bootwright, home_of, put_into

pytestmark = pytest.mark.boot

_TELL = "findmnt -no FSTYPE /; cat /root/mine; echo mine >/root/mine; sync"


def _boot(own: Bootwright, image: str, kernel: str, kind: str, *words: str) -> list[str]:
    done = own(*("run", image, "--kernel", kernel, "--disk", kind, *words, "--", _TELL))
    assert done.returncode == 0, done.stderr
    assert f"disk {kind} (asked for)" in done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("kind", "filesystem"),
    [("qcow2", "ext4"), ("overlay", "overlay"), ("pmem", "ext4"), ("copy", "ext4")],
)
def test_disk_writes_stay_in_the_machines_own_disk(
    bootwright: Bootwright, bookworm: str, kernel: str, kind: str, filesystem: str
) -> None:
    disk = load_image(home_of(bootwright), bookworm).disk
    before = digest_of_disk(disk)
    for _ in range(2):
        assert _boot(bootwright, bookworm, kernel, kind, "--init", "tini") == [filesystem]
    assert digest_of_disk(disk) == before


def test_disk_overlay_boots_systemd_and_a_kept_machine_keeps_its_files(
    bootwright: Bootwright, bookworm: str, kernel: str
) -> None:
    told = _boot(bootwright, bookworm, kernel, "overlay", "--keep", "--name", "db")
    assert told == ["overlay"]
    assert bootwright("start", "db").returncode == 0
    done = bootwright("ssh", "db", "--", "cat /root/mine; systemctl is-system-running --wait")
    assert done.stdout.split() == ["mine", "running"], done.stderr
    assert bootwright("rm", "--force", "db").returncode == 0


@pytest.mark.root
def test_disk_reflink_shares_blocks_with_the_image(
    on_xfs: Bootwright, bootwright: Bootwright, bookworm: str, kernel: str
) -> None:
    put_into(on_xfs, home_of(bootwright), bookworm)
    disk = load_image(home_of(on_xfs), bookworm).disk
    before = digest_of_disk(disk)
    for _ in range(2):
        assert _boot(on_xfs, bookworm, kernel, "reflink", "--init", "tini") == ["ext4"]
    assert digest_of_disk(disk) == before
    assert list(on_xfs.machines.iterdir()) == []
