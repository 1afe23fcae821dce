"""Loop devices of this host's kernel."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bootwright.disks import loop, loop_ioctl
from bootwright.disks.loop import TAG_PREFIX
from bootwright.errors import DeviceError, InputError


def _refused_because() -> str:
    try:
        with loop._control():
            return ""
    except DeviceError as error:
        return str(error)


pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(bool(_refused_because()), reason=f"no loop devices: {_refused_because()}"),
]


@contextmanager
def backing(folder: Path, size: int = 1 << 20) -> Iterator[int]:
    """Yield a file without a name."""
    file = os.open(folder, os.O_TMPFILE | os.O_RDWR)
    try:
        os.ftruncate(file, size)
        yield file
    finally:
        os.close(file)


def of(file: int) -> list[loop.Bound]:
    """Return the loop devices of one file."""
    wanted = os.fstat(file)
    return [
        device
        for device in loop.bound()
        if (device.device, device.inode) == (wanted.st_dev, wanted.st_ino)
    ]


def gone(file: int) -> bool:
    deadline = time.monotonic() + 60
    while of(file):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def test_loop_attach_tags_the_device_and_detaches_it_after_the_block(tmp_path: Path) -> None:
    with backing(tmp_path) as file:
        with loop.attach(file, tag=f"{TAG_PREFIX}m1:cow") as device:
            [seen] = of(file)
            assert (seen.number, seen.file_name) == (device.number, "bootwright:m1:cow")
            assert seen.autoclear
            assert not seen.read_only
            assert seen.direct_io == device.direct_io
            node = os.open(device.node, os.O_RDWR)
            os.pwrite(node, b"written", 0)
            os.fsync(node)
            os.close(node)
            device.detach()
            assert of(file) == []
        assert os.pread(file, 7, 0) == b"written"


def test_loop_bound_as_an_ordinary_user_reads_sysfs(tmp_path: Path) -> None:
    with backing(tmp_path) as file, loop.attach(file, tag="t") as device:
        child = os.fork()
        if not child:
            os.setuid(65534)
            [seen] = [one for one in loop.bound() if one.number == device.number]
            os._exit(0 if (seen.inode, seen.file_name) == (0, "") and seen.autoclear else 1)
        assert os.waitpid(child, 0)[1] == 0


def test_loop_attach_leaves_no_device_when_its_holder_is_killed(tmp_path: Path) -> None:
    with backing(tmp_path) as file:
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            loop.attach(file, tag="t")
            os.write(writing, b".")
            signal.pause()
        assert os.read(reading, 1) == b"."
        assert of(file)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)
        assert gone(file)


def test_loop_detach_names_who_holds_the_device(tmp_path: Path) -> None:
    with backing(tmp_path) as file:
        device = loop.attach(file, tag="t")
        holder = os.open(device.node, os.O_RDONLY)
        with pytest.raises(DeviceError, match=rf"still bound .*open in .* \({os.getpid()}\)"):
            device.detach(timeout_s=0.05)
        os.close(holder)
        assert gone(file)


def test_loop_attach_shared_gives_one_device_to_all_holders(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(bytes(1 << 20))
    with loop.attach_shared(image, tag="bootwright:i:base") as one:
        with loop.attach_shared(image, tag="bootwright:i:base") as two:
            assert one.number == two.number
            assert two.read_only
        with image.open("rb") as file:
            assert [seen.read_only for seen in of(file.fileno())] == [True]
    with image.open("rb") as file:
        assert gone(file.fileno())


def test_loop_attach_refuses_a_tag_that_is_too_long(tmp_path: Path) -> None:
    with backing(tmp_path) as file, pytest.raises(InputError, match="more than 63 bytes"):
        loop.attach(file, tag="x" * 64)


def test_loop_attach_skips_a_free_device_that_is_claimed(tmp_path: Path) -> None:
    """The livelock: the kernel offers the same number for ever, and refuses it each time."""
    with loop._control() as control, backing(tmp_path) as file:
        offered = loop_ioctl.get_free(control)
        claim = os.open(f"/dev/loop{offered}", os.O_RDWR | os.O_EXCL)
        try:
            with loop.attach(file, tag="t") as device:
                assert device.number != offered
                assert [seen.number for seen in of(file)] == [device.number]
        finally:
            os.close(claim)
        assert gone(file)


def test_mount_o_loop_names_a_device_that_another_claims(tmp_path: Path) -> None:
    """Why "/dev/loop26 already mounted or mount point busy" names a number nobody asked for."""
    image, place = tmp_path / "image", tmp_path / "place"
    place.mkdir()
    subprocess.run(["mke2fs", "-q", str(image), "1M"], check=True)
    file = os.open(image, os.O_RDWR)
    with loop.attach(file, tag="t") as older:
        claim = os.open(older.node, os.O_RDONLY | os.O_EXCL)
        argv = ["mount", "-o", "loop", str(image), str(place)]
        done = subprocess.run(argv, capture_output=True, text=True)
        os.close(claim)
    assert done.returncode
    assert f"{older.node} already mounted or mount point busy" in done.stderr
    assert gone(file)
    os.close(file)


def _attach_and_detach(folder: Path, times: int, answers: multiprocessing.Queue[str]) -> None:
    random.seed(os.getpid())
    try:
        with backing(folder) as file:
            mark = f"{os.getpid()}".encode()
            os.pwrite(file, mark, 0)
            for _ in range(times):
                with loop.attach(file, tag="bootwright:race:cow") as device:
                    assert os.pread(device.fileno(), len(mark), 0) == mark, "another's file"
                    device.detach(timeout_s=20)
            assert of(file) == [], "left"
    except BaseException as error:
        answers.put(f"{type(error).__name__}: {error}")
    else:
        answers.put("")


@pytest.mark.parametrize(
    ("processes", "times"), [(8, 40), pytest.param(16, 500, marks=pytest.mark.acceptance)]
)
def test_loop_attach_by_many_processes_at_once_gives_each_its_own(
    tmp_path: Path, processes: int, times: int
) -> None:
    answers: multiprocessing.Queue[str] = multiprocessing.Queue()
    workers = [
        multiprocessing.Process(target=_attach_and_detach, args=(tmp_path, times, answers))
        for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    assert [answers.get(timeout=300) for _ in workers] == [""] * processes
    for worker in workers:
        worker.join()
    assert not [seen for seen in loop.bound() if seen.file_name == "bootwright:race:cow"]
