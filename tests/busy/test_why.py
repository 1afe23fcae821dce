"""Why something is busy: the real failures, with real loop devices and the real mount."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bootwright.busy.mounting import next_free
from bootwright.busy.why import explain_busy
from bootwright.disks.holders import SYS_BLOCK
from bootwright.doctor import sweep
from bootwright.doctor.blockdevices import listed
from bootwright.home import Home
from bootwright.reports import explanation
from tests.busy.conftest import backing, run

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(
        os.geteuid() != 0 or not os.path.exists("/dev/loop-control"), reason="needs loop devices"
    ),
]


def test_why_explains_that_mount_names_another_loop(
    home: Home, image: Path, tmp_path: Path, attach: Callable[..., Path], claim: Callable[..., int]
) -> None:
    node = attach(image)
    pid = claim(node)
    done = subprocess.run(["mount", image, tmp_path], capture_output=True, text=True)
    found = explain_busy(image, home)
    assert found.mounting is not None
    assert found.mounting.verdict == "busy"
    assert found.mounting.message in done.stderr
    assert node.name in found.mounting.message
    assert f"process {pid} (python3)" in found.reasons[0]
    assert "does not set up a new loop device" in found.reasons[0]
    shown = explanation.text(found)
    assert "is busy" in shown
    assert f"kill {pid}" in shown


def test_why_explains_two_loops_on_one_file_with_a_way_around(
    home: Home, image: Path, tmp_path: Path, attach: Callable[..., Path], claim: Callable[..., int]
) -> None:
    claim(attach(image))
    second = attach(image, "--read-only")
    point = tmp_path / "point"
    point.mkdir()
    run("mount", "-o", "ro", second, point)
    try:
        found = explain_busy(second, home)
        assert any(h.kind == "mount" and h.name == str(point) for h in found.devices[0].holders)
        assert any("share this file" in reason for reason in explain_busy(image, home).reasons)
        busy = explain_busy(point, home)
        assert busy.kind == "mount point"
        assert not any("umount reports it as busy" in reason for reason in busy.reasons)
    finally:
        run("umount", point)


def _claimed_without_file(
    image: Path, attach: Callable[..., Path], claim: Callable[..., int]
) -> tuple[Path, int]:
    """Return a claimed loop device that has no file, and the process that claims it.

    Other processes use loop devices too: one may take it first, or let it go late.
    """
    while True:  # pytest's time-out ends it
        node = attach(image)
        run("losetup", "-d", node)
        while backing(node).startswith(str(image)):
            time.sleep(0.01)
        if backing(node):
            continue
        pid = claim(node)
        if not backing(node):
            return node, pid


def test_why_explains_the_live_lock_of_a_claimed_unbound_loop(
    home: Home, image: Path, attach: Callable[..., Path], claim: Callable[..., int]
) -> None:
    node, pid = _claimed_without_file(image, attach, claim)
    found = explain_busy(node, home)
    assert found.is_busy
    assert any("live-lock" in reason for reason in found.reasons)
    assert any(h.name == str(pid) for h in found.devices[0].holders)
    while run("losetup", "--find") == str(node):  # no other program has let a lower one go
        stuck = explain_busy(image, home)
        if run("losetup", "--find") != str(node):
            continue  # one did meanwhile
        assert stuck.is_busy
        assert f"the kernel returns {node.name} again" in str(stuck.reasons)
        assert any(str(pid) in fix for fix in stuck.fixes)
        break


def test_why_explains_a_loop_on_a_part_of_the_file(
    home: Home, image: Path, tmp_path: Path, attach: Callable[..., Path]
) -> None:
    attach(image, "--offset", "4096")
    done = subprocess.run(["mount", image, tmp_path], capture_output=True, text=True)
    found = explain_busy(image, home)
    assert "overlapping loop device exists" in done.stderr
    assert found.mounting is not None
    assert found.mounting.verdict == "overlaps"


def test_why_explains_a_lazy_detach_and_a_deleted_file(
    home: Home, image: Path, attach: Callable[..., Path], claim: Callable[..., int]
) -> None:
    node = attach(image)
    claim(node)
    run("losetup", "-d", node)
    found = explain_busy(node, home)
    assert any("autoclear" in reason for reason in found.reasons)
    image.unlink()
    image.touch()
    assert any("uses a deleted file" in word for word in explain_busy(image, home).reasons)


def test_why_with_nothing_in_the_way(home: Home, image: Path) -> None:
    found = explain_busy(image, home)
    assert not found.is_busy
    shown = " ".join(explanation.text(found).split())
    assert shown.startswith(f"{image} (file) is not busy")


def test_sweep_removes_orphans_and_keeps_look_alikes(
    home: Home, image: Path, attach: Callable[..., Path]
) -> None:
    home.machines.mkdir(parents=True)
    (own := home.data / "disk.raw").parent.mkdir(parents=True)
    own.write_bytes(bytes(1 << 20))
    foreign, unmarked, orphan = attach(image), attach(own), attach(own)
    _tag(foreign, "bootwright:gone:cow")
    _tag(orphan, "bootwright:gone:cow")
    mine = {foreign.name, unmarked.name, orphan.name}
    states = {device.name: device.state for device in listed(home) if device.name in mine}
    assert states == {foreign.name: "foreign", unmarked.name: "foreign", orphan.name: "orphaned"}
    assert sweep.sweep(home) == [f"removed {orphan.name}: machine gone is not running"]
    assert sweep.sweep(home) == []
    assert backing(foreign).startswith(str(image))
    assert backing(unmarked).startswith(str(own))


def test_sweep_keeps_a_claimed_orphan(
    home: Home, attach: Callable[..., Path], claim: Callable[..., int]
) -> None:
    (own := home.data / "disk.raw").parent.mkdir(parents=True)
    own.write_bytes(bytes(1 << 20))
    orphan = attach(own)
    _tag(orphan, "bootwright:gone:cow")
    claim(orphan)
    assert sweep.sweep(home) == []
    assert backing(orphan).startswith(str(own))


def _tag(node: Path, tag: str) -> None:
    """Source: loop(4), LOOP_GET_STATUS64 and LOOP_SET_STATUS64: the name is at byte 56."""
    import fcntl

    opened = os.open(node, os.O_RDWR)
    try:
        info = bytearray(fcntl.ioctl(opened, 0x4C05, bytes(232)))
        info[56 : 56 + 64] = tag.encode().ljust(64, b"\0")
        fcntl.ioctl(opened, 0x4C04, bytes(info))
    finally:
        os.close(opened)


def test_next_free_is_the_kernels_next_loop_number() -> None:
    assert next_free([0, 1, 3], [0, 1, 2, 3]) == 2
    assert next_free([0, 1], [0, 1]) == 2
    assert SYS_BLOCK.is_dir()
