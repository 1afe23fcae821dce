"""What device-mapper disks do on a real kernel; run as root in one of its own.

See benchmarks/user_mode_linux.py. Each case leaves no device; the name of each that went well is
printed.
"""

from __future__ import annotations

import mmap
import os
import signal
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bootwright.disks import devicemapper, dm_ioctl, dm_snapshot, loop, snapshot
from bootwright.disks.devicemapper import Linear, Zero
from bootwright.disks.disk import DiskLocation
from bootwright.errors import DeviceError
from bootwright.journal import Journal

MIB = 1 << 20
WORK = Path("/run/work")


def image(size: int = 4 * MIB) -> Path:
    """Return an image of letters, made anew."""
    path = WORK / "image"
    path.write_bytes(b"A" * size)
    return path


def write(node: Path, at: int, data: bytes) -> None:
    file = os.open(node, os.O_RDWR)
    try:
        os.pwrite(file, data, at)
        os.fsync(file)
    finally:
        os.close(file)


def read(node: Path, at: int, count: int) -> bytes:
    file = os.open(node, os.O_RDONLY)
    try:
        return os.pread(file, count, at)
    finally:
        os.close(file)


def nothing_left(within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while left := [*map(str, devicemapper.every()), *map(str, loop.bound())]:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


def killed_after(work: Callable[[], object]) -> None:
    """Do *work* in a child that is killed the moment it is done."""
    child = os.fork()
    if not child:
        try:
            held = work()  # until the end
            os.kill(os.getpid(), signal.SIGKILL)
            del held
        finally:
            traceback.print_exc()
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def what_is_written_stays_in_the_snapshot() -> None:
    base = image()
    with snapshot.transient(base, WORK, machine="m1") as disk:
        write(disk.node, 0, b"x" * 4096)
        assert read(disk.node, 0, 4) == b"xxxx"
        assert disk.usage().used_bytes == 16384
    assert base.read_bytes() == b"A" * (4 * MIB)
    with snapshot.transient(base, WORK, machine="m1") as disk:
        assert read(disk.node, 0, 4) == b"AAAA"


def one_base_serves_several_snapshots() -> None:
    base = image()
    disks = [snapshot.transient(base, WORK, machine=f"m{number}") for number in range(4)]
    assert len([device for device in loop.bound() if device.read_only]) == 1
    for number, disk in enumerate(disks):
        write(disk.node, 8192, b"%d" % number * 4096)
    for number, disk in enumerate(disks):
        assert read(disk.node, 8192, 2) == b"%d" % number * 2
        disk.remove()


def a_kept_disk_survives() -> None:
    base, store = image(), WORK / "kept"
    for turn in range(3):
        with snapshot.persistent(base, store, machine="kept") as disk:
            assert read(disk.node, 4096, 1) == (b"%d" % (turn - 1) if turn else b"A")
            write(disk.node, 4096, b"%d" % turn * 4096)
    store.unlink()


def a_disk_may_be_larger_than_its_image() -> None:
    base, store = image(), WORK / "kept"
    makers: list[Callable[[], snapshot.SnapshotDisk]] = [
        lambda: snapshot.transient(base, WORK, machine="m", disk_bytes=9 * MIB),
        lambda: snapshot.persistent(base, store, machine="m", disk_bytes=9 * MIB),
    ]
    for make in makers:
        with make() as disk:
            assert read(disk.node, 9 * MIB - 2, 4) == b"\0\0"
            write(disk.node, 8 * MIB, b"far" * 1000)
            assert read(disk.node, 8 * MIB, 3) == b"far"
    store.unlink()


def neither_kind_overflows_when_all_is_rewritten() -> None:
    base, store = image(), WORK / "kept"
    for disk in (
        snapshot.transient(base, WORK, machine="m"),
        snapshot.persistent(base, store, machine="k"),
    ):
        with disk:
            write(disk.node, 0, b"z" * (4 * MIB))
            usage = disk.usage()
            assert not usage.failure, usage
            assert 4 * MIB <= usage.used_bytes <= usage.total_bytes, usage
            assert read(disk.node, 4 * MIB - 1, 1) == b"z"
    store.unlink()


def _small_store(keeping: str, failure: str, readable: bool) -> None:
    """What would happen, were the store too small."""
    base = image()
    file = os.open(WORK, os.O_TMPFILE | os.O_RDWR)
    os.ftruncate(file, MIB)
    with loop.attach(file, tag="t") as store, loop.attach_shared(base, tag="b") as origin:
        assert keeping in ("N", "PO")
        line = devicemapper.Snapshot(
            start=0,
            length=4 * MIB // 512,
            origin=f"7:{origin.number}",
            store=f"7:{store.number}",
            keeping="N" if keeping == "N" else "PO",
            chunk_sectors=32,
        )
        device = devicemapper.create("small", "BOOTWRIGHT-small", [line])
        try:
            with pytest.raises(OSError, match="Input/output error"):
                write(device.node, 0, b"z" * (2 * MIB))
            assert devicemapper.snapshot_status("small").failure == failure
            try:
                file_read = os.open(device.node, os.O_RDONLY | os.O_DIRECT)
                try:
                    os.preadv(file_read, [memoryview(_aligned())], 3 * MIB)
                finally:
                    os.close(file_read)
            except OSError:
                assert not readable
            else:
                assert readable
        finally:
            devicemapper.remove("small")
    os.close(file)


def _aligned() -> memoryview:
    return memoryview(mmap.mmap(-1, 4096))


def a_small_transient_store_becomes_invalid() -> None:
    _small_store("N", "Invalid", readable=False)


def a_small_kept_store_overflows_and_still_reads() -> None:
    _small_store("PO", "Overflow", readable=True)


def a_device_grows_while_it_works() -> None:
    base = image()
    with loop.attach_shared(base, tag="b") as origin:
        line = Linear(start=0, length=4 * MIB // 512, device=f"7:{origin.number}")
        device = devicemapper.create("grow", "BOOTWRIGHT-grow", [line], read_only=True)
        more = Zero(start=line.length, length=2048)
        devicemapper.resize("grow", [line, more], read_only=True)
        assert read(device.node, 4 * MIB - 1, 4) == b"A\0\0\0"
        assert [part.kind for part in devicemapper.table("grow")] == ["linear", "zero"]
        devicemapper.remove("grow")


def a_killed_holder_frees_all() -> None:
    base = image()
    disk = snapshot.transient(base, WORK, machine="m", disk_bytes=9 * MIB)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        held = os.open(disk.node, os.O_RDWR)
        os.pwrite(held, b"y" * 4 * MIB, 0)
        os.fsync(held)
        os.write(writing, b".")
        signal.pause()
    os.read(reading, 1)
    full = os.statvfs(WORK).f_bfree
    disk.leave_to_the_holder()
    assert len(devicemapper.every()) == 2
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    nothing_left()
    # The store's file has no name; its blocks go with the last reference to it.
    deadline = time.monotonic() + 60
    while (freed := (os.statvfs(WORK).f_bfree - full) * os.statvfs(WORK).f_frsize) < 4 * MIB:
        assert time.monotonic() < deadline, freed
        time.sleep(0.01)


def a_busy_device_is_not_removed_and_its_holder_is_named() -> None:
    disk = snapshot.transient(image(), WORK, machine="m")
    held = os.open(disk.node, os.O_RDONLY)
    with pytest.raises(DeviceError, match=rf"\({os.getpid()}\)"):
        devicemapper.remove(disk.name, patience_s=0.05)
    assert not devicemapper.remove(disk.name, deferred=True, patience_s=0)
    os.close(held)


def another_ones_device_is_never_removed() -> None:
    devicemapper.create("bootwright-m", "SOMEBODY", [Zero(start=0, length=8)])
    with pytest.raises(DeviceError, match="bootwright did not make the device"):
        snapshot.remove("bootwright-m")
    devicemapper.remove("bootwright-m")


def a_kill_between_any_two_steps_leaves_what_one_removal_frees() -> None:
    base, store = image(), WORK / "kept"

    def dying_before(step: int) -> None:
        """Make a disk in a child that is killed before its call number *step* to the kernel."""
        original, steps = dm_ioctl.call, iter(range(1, step))

        def counted(file: int, command: int, **options: Any) -> dm_ioctl.Answer:
            if next(steps, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(file, command, **options)

        dm_ioctl.call = counted
        snapshot.persistent(base, store, machine="m", disk_bytes=9 * MIB)

    for step in range(1, 12):
        killed_after(partial(dying_before, step))
        names = {device.name for device in devicemapper.every()}
        assert names <= {"bootwright-m", "bootwright-m-base"}, names
        assert all(device.uuid.startswith("BOOTWRIGHT-") for device in devicemapper.every())
        snapshot.remove("bootwright-m")
        nothing_left()
        with snapshot.persistent(base, store, machine="m", disk_bytes=9 * MIB) as disk:
            assert read(disk.node, 0, 1) == b"A"
        nothing_left()
    store.unlink()


def a_refused_table_leaves_nothing() -> None:
    with pytest.raises(DeviceError, match="loading a table of linear into bad failed"):
        devicemapper.create("bad", "BOOTWRIGHT-bad", [Linear(start=0, length=8, device="99:99")])


def place(*, kept: bool) -> DiskLocation:
    return DiskLocation(
        folder=WORK,
        image=image(),
        image_bytes=4 * MIB,
        size_bytes=9 * MIB,
        cache=WORK,
        device="web-0123",
        kept=kept,
    )


def a_machines_disk_ends_with_its_vmm() -> None:
    with dm_snapshot.opened(place(kept=False)) as disk:
        [drive] = disk.drives
        assert (drive.form, drive.is_block_device, drive.is_direct) == ("raw", True, True)
        reading, writing = os.pipe()
        vmm = os.fork()
        if not vmm:
            held = os.open(drive.path, os.O_RDWR)
            os.pwrite(held, b"y" * MIB, 0)
            os.write(writing, b".")
            signal.pause()
        os.read(reading, 1)
        disk.held()
        assert disk.low_on_space() == ""
        os.kill(vmm, signal.SIGKILL)
        os.waitpid(vmm, 0)
        nothing_left()


def what_a_killed_monitor_left_goes_with_its_journal() -> None:
    journal = Journal(WORK / "journal", dm_snapshot.remove)
    name = snapshot.device_name("web-0123")

    def live() -> object:
        taking = journal.taking("device", name)
        taking.__enter__()
        disk = dm_snapshot.opened(place(kept=True))
        disk.__enter__()
        return taking, disk

    killed_after(live)
    assert name in {device.name for device in devicemapper.every()}
    journal.undo_all()
    nothing_left()
    journal.undo_all()
    (WORK / "disk.cow").unlink()


def a_filesystem_that_runs_full_is_told_before_the_guest_hears_of_it() -> None:
    with dm_snapshot.opened(place(kept=False)) as disk:
        assert disk.low_on_space() == ""
        free = os.statvfs(WORK).f_bavail * os.statvfs(WORK).f_frsize
        filler = WORK / "filler"
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, free - dm_snapshot.PAUSE_BYTES + MIB)
        assert "which stores its dm-snapshot, has only" in disk.low_on_space()
        os.truncate(filler, free - dm_snapshot.RESUME_BYTES + 8 * MIB)
        assert disk.low_on_space() != "", "it must get well before it is called well"
        filler.unlink()
        assert disk.low_on_space() == ""


CASES = (
    a_machines_disk_ends_with_its_vmm,
    what_a_killed_monitor_left_goes_with_its_journal,
    a_filesystem_that_runs_full_is_told_before_the_guest_hears_of_it,
    what_is_written_stays_in_the_snapshot,
    one_base_serves_several_snapshots,
    a_kept_disk_survives,
    a_disk_may_be_larger_than_its_image,
    neither_kind_overflows_when_all_is_rewritten,
    a_small_transient_store_becomes_invalid,
    a_small_kept_store_overflows_and_still_reads,
    a_device_grows_while_it_works,
    a_killed_holder_frees_all,
    a_busy_device_is_not_removed_and_its_holder_is_named,
    another_ones_device_is_never_removed,
    a_kill_between_any_two_steps_leaves_what_one_removal_frees,
    a_refused_table_leaves_nothing,
)


def main() -> None:
    """Run all cases; each that fails says why, and the rest still run."""
    assert devicemapper.available() == "", devicemapper.available()
    for case in CASES:
        try:
            case()
            nothing_left()
        except BaseException:
            print(f"failed {case.__name__}\n{traceback.format_exc()}", flush=True)
            for device in reversed(devicemapper.every()):
                devicemapper.remove(device.name, deferred=True, patience_s=0.1)
        else:
            print(f"passed {case.__name__}", flush=True)


if __name__ == "__main__":
    main()
