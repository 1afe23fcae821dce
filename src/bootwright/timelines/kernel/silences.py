"""Silent stretches: where a kernel log has no line for long, with the lines round them.

A gap says that time passed, and not on what. It is named by its two lines, and by what such lines
are known to mean.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from bootwright.timelines.kernel.knownlines import known
from bootwright.timelines.kernel.loglines import LogLine
from bootwright.timelines.span import Silence

MOST = 12
"""How many are listed."""
_SHARE = 100
_LEAST_NS = 1_000_000


def silences(lines: Iterable[LogLine], *, until_ns: int) -> tuple[Silence, ...]:
    """Return the longest silent stretches up to *until_ns*, the longest first.

    Those shorter than a millisecond, or than a hundredth of the whole, are left out.
    """
    least_ns = max(_LEAST_NS, until_ns // _SHARE)
    timed = sorted(
        (
            (line.time_ns, index, line)
            for index, line in enumerate(lines)
            if line.time_ns is not None and line.time_ns <= until_ns
        ),
        key=lambda entry: entry[:2],
    )
    found: list[Silence] = []
    joins = False
    for (start_ns, _, before), (end_ns, _, after) in pairwise(timed):
        if end_ns - start_ns < least_ns:
            continue
        meaning, source, both = known(before.text, after.text)
        silence = Silence(
            start_ns=start_ns,
            end_ns=end_ns,
            before=before.text,
            after=after.text,
            before_line=before.number,
            after_line=after.number,
            known=meaning,
            source=source,
        )
        last = found[-1] if found else None
        if both and joins and last and last.end_ns == start_ns and last.known == meaning:
            silence = _joined(found.pop(), silence)
        found.append(silence)
        joins = both
    found.sort(key=lambda silence: (-silence.duration_ns, silence.start_ns))
    return tuple(found[:MOST])


def _joined(first: Silence, second: Silence) -> Silence:
    return Silence(
        start_ns=first.start_ns,
        end_ns=second.end_ns,
        before=first.before,
        after=second.after,
        before_line=first.before_line,
        after_line=second.after_line,
        known=first.known,
        source=first.source,
        parts=first.parts + second.parts,
    )
