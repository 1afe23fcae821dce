"""Initcalls held to the kernel's own scripts/bootgraph.pl, on the same logs.

Its rule (Linux 6.1): of ``calling  NAME+`` the stamp is NAME's start, of ``initcall NAME+...
returned`` its end, until a line has "Write protecting the" or "Freeing unused kernel memory"; the
length is the difference. It draws, 1950 points wide, what takes a 1200th of the time from the first
start to the last end.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from bootwright.timelines.kernel.spans import kernel_spans
from tests.timelines import klogs

_START = re.compile(r"([0-9.]+)\] calling  (\w+)\+")
_END = re.compile(r"([0-9.]+)\] initcall (\w+)\+.*returned")
_SCRIPT = "BOOTWRIGHT_BOOTGRAPH"


def _lengths(log: str) -> dict[str, int]:
    """Return bootgraph.pl's lengths, in microseconds."""
    starts: dict[str, int] = {}
    ends: dict[str, int] = {}
    for line in log.splitlines():
        if found := _START.search(line):
            starts[found[2]] = round(float(found[1]) * 1e6)
        if found := _END.search(line):
            ends[found[2]] = round(float(found[1]) * 1e6)
        if "Write protecting the" in line or "Freeing unused kernel memory" in line:
            break
    return {name: ends[name] - start for name, start in starts.items() if name in ends}


def _ours(name: str) -> dict[str, int]:
    """Return our lengths, in microseconds; of several calls of one name the last."""
    spans = kernel_spans(klogs.log(name), parent="boot")
    return {
        span.name: span.duration_ns // 1_000
        for span in sorted(spans, key=lambda span: span.start_ns)
        if span.id.startswith("kernel.initcall.")
    }


@pytest.mark.parametrize("name", klogs.INSTRUMENTED)
def test_kernel_spans_have_the_lengths_of_bootgraph(name: str) -> None:
    theirs = _lengths(klogs.text(name))
    ours = _ours(name)
    assert len(theirs) > 500
    assert ours == theirs
    longest = sorted(theirs, key=theirs.__getitem__)[-10:]
    assert sorted(ours, key=ours.__getitem__)[-1] in longest
    assert sum(ours.values()) == sum(theirs.values())


@pytest.mark.skipif(_SCRIPT not in os.environ, reason=f"${_SCRIPT} names no bootgraph.pl")
@pytest.mark.parametrize("name", klogs.INSTRUMENTED)
def test_kernel_spans_agree_with_the_real_bootgraph_script(name: str, tmp_path: Path) -> None:
    """Needs scripts/bootgraph.pl of the kernel's source (Debian: linux-source-6.1), and perl."""
    (tmp_path / "log").write_text(klogs.text(name))
    drawn = subprocess.run(
        ["perl", os.environ[_SCRIPT], str(tmp_path / "log")], capture_output=True, text=True
    )
    assert drawn.returncode == 0, drawn.stderr
    widths = re.findall(r'width="([0-9.e-]+)" y=.*\n<text .*>(\w+)</text>', drawn.stdout)
    ours = _ours(name)
    calls = [c for c in klogs.log(name).initcalls if not c.module]
    first = min(c.start_ns for c in calls if c.start_ns is not None)
    last = max(c.end_ns for c in calls if c.end_ns is not None)
    scale = 1950 / ((last - first) / 1_000)
    assert widths
    assert {n: round(float(w) / scale) for w, n in widths} == {n: ours[n] for _, n in widths}
    expected = {n for n, length in ours.items() if length >= (last - first) / 1_000 / 1_200}
    assert {n for _, n in widths} == expected
