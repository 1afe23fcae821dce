"""Store a boot in the history; an error does not fail the boot."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from bootwright.digest import digest_of_bytes
from bootwright.errors import BootwrightError
from bootwright.events import Notice, Observer, ignore
from bootwright.history.boot import Boot, BootSummary, Command, LongPart
from bootwright.history.history import History
from bootwright.home import Home
from bootwright.host import fingerprint
from bootwright.host.clock import now_ns
from bootwright.recipes.clock import CLOCKS
from bootwright.timelines.evidence import Evidence
from bootwright.timelines.phases import AFTER, START, phases, start_up_of, total_ns
from bootwright.timelines.recorder import Mark

if TYPE_CHECKING:
    from bootwright.timelines.span import Timeline


def remember(
    home: Home,
    evidence: Evidence,
    *,
    command: Command,
    image: str | None,
    kernel: str,
    timeline: Timeline | None = None,
    observe: Observer = ignore,
) -> int | None:
    """Store a boot and this host, on which it ran; takes about 10 ms.

    Args:
        image: The name that the user gave; None for the tiny guest.
        kernel: The name that the user gave.
        timeline: The timeline of the evidence; without it, the marks give the times.
        observe: Receives a notice if the boot cannot be stored.

    Returns:
        Its id; None if it is not stored.
    """
    boot = Boot(
        summary=_summary(evidence, command, image, kernel, timeline),
        evidence=evidence,
        host=fingerprint.read(),
    )
    try:
        return History(home.history).add(boot)
    except BootwrightError as error:
        hint = f" ({error.hint})" if error.hint else ""
        text = f"note: cannot store this boot in the history: {error}{hint}"
        observe(Notice(text=text))
        return None


def _summary(
    evidence: Evidence,
    command: Command,
    image: str | None,
    kernel: str,
    timeline: Timeline | None,
) -> BootSummary:
    total, start_up_ns, unaccounted_ns, stretches = _figures(evidence, timeline)
    recipe = evidence.recipe
    seed = recipe.get("random_seed")
    return BootSummary(
        began_s=began_s(evidence),
        command=command,
        image=image or "",
        kernel=kernel,
        image_digest=str(recipe.get("image") or ""),
        kernel_digest=str(recipe.get("kernel") or ""),
        recipe_digest=digest_of_bytes(msgspec.json.encode(recipe, order="sorted")),
        init=str(recipe.get("init", "")),
        clock=evidence.clock,
        accelerator=str(recipe.get("accelerator", "")),
        seed=seed if isinstance(seed, int) else None,
        vmm_build=str(recipe.get("vmm_build", "")),
        bootwright=evidence.bootwright,
        total_ns=total,
        start_up_ns=start_up_ns,
        unaccounted_ns=unaccounted_ns,
        stretches=stretches,
    )


def _figures(
    evidence: Evidence, timeline: Timeline | None
) -> tuple[int | None, int | None, int | None, tuple[LongPart, ...]]:
    """Return the total, start-up and unaccounted time, in nanoseconds, and the long parts."""
    if timeline is not None:
        from bootwright.timelines.span import ROOT  # already loaded if there is a timeline

        stretches = tuple(
            LongPart(name=span.name, start_ns=span.start_ns, duration_ns=span.duration_ns)
            for span in timeline.children().get(ROOT, ())
        )
        total = timeline.total_ns
        return total, total, timeline.unaccounted_ns()[ROOT], stretches
    init = str(evidence.recipe.get("init", ""))
    marks = [Mark(name=mark.name, time_ns=mark.time_ns) for mark in evidence.clean.marks]
    start_up = start_up_of(init)
    whole = phases(marks, (*start_up, *AFTER))
    stretches = tuple(
        LongPart(name=phase.name, start_ns=phase.start_ns, duration_ns=phase.duration_ns)
        for phase in whole
    )
    if CLOCKS[evidence.clock].timed_by_guest or len(whole) < len(start_up):
        # The marks have the host's times, or end before the boot does.
        return None, None, None, stretches
    start_up_ns = total_ns(whole[: len(start_up)])
    return total_ns(whole), start_up_ns, _unaccounted_ns(evidence, start_up_ns), stretches


def _unaccounted_ns(evidence: Evidence, start_up_ns: int) -> int:
    """Return the time of a start-up that no evidence of the host explains.

    The same as in `timelines.outline`, without its imports.
    """
    from bootwright.timelines import host
    from bootwright.timelines.span import covered_ns, merged

    times = evidence.clean.first_times()
    steps = host.spans(times, -times[START])
    explained = merged((s.start_ns, s.end_ns) for s in steps if s.kind != "frame")
    return start_up_ns - covered_ns(explained, 0, start_up_ns)


def began_s(evidence: Evidence) -> int:
    """Return when the command of a boot of this session was entered, in seconds since 1970."""
    entered = (mark.time_ns for mark in evidence.clean.marks if mark.name == START)
    now = now_ns()
    return int(time.time() - (now - next(entered, now)) / 1e9)
