"""The kernel's log read from memory, as it grows: records are made as Linux lays them out."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from bootwright.monitor.printk_ring import RECORDS, Ring
from bootwright.timelines.evidence import LogLineTime

_FIRST = (1 << 64) - 4096
"""What the kernel has in the number of the first record before that is written."""


def _memory(times_ns: Sequence[int]) -> list[int]:
    """Return the words of a ring whose lines were written at *times_ns*."""
    words = [0] * (11 * (len(times_ns) + RECORDS + 1))
    words[0] = _FIRST
    for number, time_ns in enumerate(times_ns):
        words[11 * number : 11 * number + 3] = [number, time_ns, 40]
    return words


def _look(ring: Ring, times_ns: Sequence[int], vm_ns: int) -> None:
    address, count = ring.window
    begin = (address - 0x1000) // 8
    ring.take(_memory(times_ns)[begin : begin + count], vm_ns)


def test_ring_dates_lines_between_two_reads() -> None:
    ring = Ring(0x1000)
    _look(ring, [], 10)
    _look(ring, [0], 20)
    _look(ring, [0, 0, 500], 30)
    _look(ring, [0, 0, 500], 40)
    _look(ring, [0, 0, 500, 900], 50)
    assert ring.lines == [
        LogLineTime(0, 10, 20),
        LogLineTime(0, 20, 30),
        LogLineTime(500, 20, 30),
        LogLineTime(900, 40, 50),
    ]


def test_ring_of_unmapped_memory_has_no_lines() -> None:
    ring = Ring(0x1000)
    ring.take((), 10)
    _look(ring, [7], 20)
    # Nobody has seen that it was not there before.
    assert ring.lines == [LogLineTime(7, 0, 20)]


def test_ring_first_read_may_miss_older_lines() -> None:
    ring = Ring(0x1000)
    _look(ring, [], 10)
    times = list(range(100, 100 + RECORDS + 2))
    _look(ring, times, 20)
    _look(ring, times, 30)
    assert [line.after_ns for line in ring.lines] == [20] * RECORDS + [30] * 2
    assert {line.before_ns for line in ring.lines} == {10}


@given(st.lists(st.integers(0, 20), max_size=30))
def test_ring_returns_every_line_once_within_its_bounds(counts: list[int]) -> None:
    ring = Ring(0x1000)
    written: list[tuple[int, int]] = []
    for look, count in enumerate(counts):
        written += [(1000 * look + 1, n) for n in range(count)]
        _look(ring, [at for at, _ in written], 1000 * (look + 1))
    for look in range(len(counts), len(counts) + len(written)):
        _look(ring, [at for at, _ in written], 1000 * (look + 1))
    assert [line.time_ns for line in ring.lines] == [at for at, _ in written]
    assert all(line.before_ns <= line.time_ns <= line.after_ns for line in ring.lines)
