"""Two kernels beside each other: what has a name adds up to the gap, or is told to have none."""

from __future__ import annotations

import pytest

from bootwright.timelines.kernels import Part, memory_taken_bytes, reasons
from bootwright.timelines.logs import from_logs

_HEAD = """\
[    0.000000] Linux version 6.1.0
[    0.012826] Memory: 234192K/523896K available (14338K kernel code, 38608K reserved, 0K cma)
"""


def _log(*calls: tuple[str, int, int], end_us: int) -> str:
    """Return the log of a kernel whose initcalls begin and take so many microseconds."""
    lines = [_HEAD]
    for name, begin_us, took_us in calls:
        lines += [
            f"[{begin_us / 1e6:12.6f}] calling  {name}+0x0/0x10 @ 1\n",
            f"[{(begin_us + took_us) / 1e6:12.6f}] initcall {name}+0x0/0x10 returned 0 after "
            f"{took_us} usecs\n",
        ]
    return "".join([*lines, f"[{end_us / 1e6:12.6f}] Run /init as init process\n"])


A = _log(("both_init", 10_000, 5_000), ("old_init", 20_000, 30_000), end_us=51_000)
B = _log(("both_init", 10_000, 2_000), ("new_init", 20_000, 1_000), end_us=22_000)


def test_reasons_tell_initcalls_apart() -> None:
    found = reasons(from_logs(A), from_logs(B))
    ms = 1_000_000
    assert found.gap_ns == -29 * ms
    assert found.only_a == (Part(name="old_init", a_ns=30 * ms, b_ns=0),)
    assert found.only_b == (Part(name="new_init", a_ns=0, b_ns=1 * ms),)
    assert found.differ == (Part(name="both_init", a_ns=5 * ms, b_ns=2 * ms),)
    assert found.only_a[0].change_ns == -30 * ms


def test_reasons_add_up_to_the_gap() -> None:
    found = reasons(from_logs(A), from_logs(B))
    lists = (found.only_a, found.only_b, found.differ, found.waits, found.steps, found.unnamed)
    assert sum(part.change_ns for parts in lists for part in parts) == found.gap_ns
    astray = sum(abs(part.change_ns) for part in found.unnamed)
    assert found.explained_share == pytest.approx(1 - astray / 29_000_000)
    assert 0.8 < found.explained_share < 1


def test_reasons_of_a_kernel_with_itself_are_none() -> None:
    found = reasons(from_logs(A), from_logs(A))
    assert (found.gap_ns, found.explained_share) == (0, 1.0)
    assert (found.only_a, found.only_b) == ((), ())
    assert [part.change_ns for part in found.differ] == [0, 0]


def test_memory_taken_bytes_reads_the_log() -> None:
    """As a guest with Firecracker's config said it, whose MemTotal was 493252 of 523896 kB."""
    log = f"""{_HEAD}\
[    0.055260] Freeing SMP alternatives memory: 40K
[    0.079666] Freeing initrd memory: 1948K
[    0.131481] Freeing unused kernel image (initmem) memory: 2488K
[    0.133285] Freeing unused kernel image (text/rodata gap) memory: 2044K
[    0.134061] Freeing unused kernel image (rodata/data gap) memory: 1444K
"""
    assert memory_taken_bytes(log) == (523_896 - 493_252) * 1024
    assert memory_taken_bytes("[    0.000000] Linux version 6.1.0") is None
