"""Time reads and writes of a drive through a VMM's block layer, and inspect the page cache.

qemu-io is QEMU's block layer without a guest.

Source: qemu-io's `help`; mincore(2).
"""

from __future__ import annotations

import ctypes
import mmap
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

from bootwright.disks.disk import Drive
from bootwright.errors import BuildError
from bootwright.host import commands, tools

_PAGE = mmap.PAGESIZE


def block_writes(drive: Drive, offsets: Sequence[int]) -> tuple[list[int], list[int]]:
    """Write 4 KiB at each offset, twice; return the nanoseconds of each first and second write.

    Both lists are empty without qemu-io.
    """
    if tools.find("qemu-io") is None:
        return [], []
    lines = [f"write -C -P 1 {offset} {_PAGE}" for offset in (*offsets, *offsets)]
    printed = _qemu_io(drive, lines)
    # bytes, operations, time, bytes a second, operations a second: the last is the finest.
    rates = re.findall(r"^\d+,1,[\d:.]+,[\d.]+,([\d.]+)$", printed, re.MULTILINE)
    if len(rates) != len(lines):
        raise BuildError("qemu-io did not report the time of each write", evidence=printed[-500:])
    times = [int(1e9 / float(rate)) for rate in rates]
    return times[: len(offsets)], times[len(offsets) :]


def mapped_writes(file: Path, offsets: Sequence[int]) -> tuple[list[int], list[int]]:
    """Write pages of a private mapping, twice; return the nanoseconds of each write."""
    page = b"\1" * _PAGE
    both: tuple[list[int], list[int]] = ([], [])
    with file.open("rb") as opened:
        # Map only what is written: the kernel reserves memory for the whole mapping.
        mapped = mmap.mmap(opened.fileno(), max(offsets) + _PAGE, access=mmap.ACCESS_COPY)
        for times in both:
            for offset in offsets:
                begin = time.perf_counter_ns()
                mapped[offset : offset + _PAGE] = page
                times.append(time.perf_counter_ns() - begin)
        mapped.close()
    return both


def read(drive: Drive, count: int) -> None:
    """Read the first *count* bytes as a VMM would."""
    if drive.form == "memory":
        with drive.path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), count, access=mmap.ACCESS_COPY)
            for offset in range(0, count, _PAGE):
                mapped[offset]
            mapped.close()
        return
    _qemu_io(drive, [f"read -q 0 {count}"], "-r")


def forget(file: Path) -> None:
    """Drop *file* from the page cache."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def resident_bytes(file: Path, count: int) -> int:
    """Return how much of the first *count* bytes of *file* is in the page cache."""
    libc = ctypes.CDLL(None, use_errno=True)
    with file.open("rb") as opened:
        count = min(count, os.fstat(opened.fileno()).st_size)
        mapped = mmap.mmap(opened.fileno(), count, access=mmap.ACCESS_COPY)
    pages = -(-count // _PAGE)
    found = (ctypes.c_ubyte * pages)()
    view = ctypes.c_char.from_buffer(mapped)
    try:
        if libc.mincore(ctypes.c_void_p(ctypes.addressof(view)), ctypes.c_size_t(count), found):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(file))
    finally:
        del view
        mapped.close()
    return sum(state & 1 for state in found) * _PAGE


def _qemu_io(drive: Drive, lines: Sequence[str], *options: str) -> str:
    [program] = tools.require("qemu-io")
    cache = ["-t", "none"] if drive.is_direct else ["-t", "writeback"]
    words = [word for line in lines for word in ("-c", line)]
    done = commands.run([program, *options, *cache, "-f", drive.form, *words, drive.path])
    if done.returncode or "error" in done.stdout:
        raise BuildError("qemu-io failed", evidence=(done.stderr or done.stdout)[-500:])
    return done.stdout
