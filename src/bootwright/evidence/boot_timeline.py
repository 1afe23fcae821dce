"""Booting an image to see where every millisecond of its boot goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootwright.booting.preparing import default_timeout_s, prepare
from bootwright.defaults import kernelchoice
from bootwright.errors import InputError
from bootwright.events import Observer, ignore
from bootwright.evidence import passes
from bootwright.home import Home
from bootwright.machines.events import MarkReached
from bootwright.recipes.draft import Draft
from bootwright.timelines.phases import START
from bootwright.timelines.recorder import Mark, Recorder

if TYPE_CHECKING:
    from bootwright.evidence.analysis import BootTimeline


async def timeline(
    home: Home,
    draft: Draft,
    *,
    sample: bool = False,
    timeout_s: float | None = None,
    earlier: tuple[Mark, ...] = (),
    observe: Observer = ignore,
) -> BootTimeline:
    """Boot what *draft* asks for, twice, keep the boot in the history, and return its timeline.

    Args:
        sample: On the virtual clock, boot a third time to see where the vCPU is; on the wall clock
            the second boot tells that anyway.
        timeout_s: How long each start-up may take; left out, what its accelerator needs.
        earlier: Marks from before this call; the boot begins at `START`, which is now where none
            of them is.
        observe: Given each `MarkReached` of the first boot, too.

    Raises:
        InputError: nobody can log in to such a guest, which is where a timeline ends.
        BootwrightError: a boot failed.
    """
    if draft.init == "bare" or (draft.image is None and not draft.guest_clock.is_closed):
        raise InputError(
            "a timeline ends when one can log in, and nobody can log in to this guest",
            hint="name an image, with init systemd or tini; or look into a tiny guest with "
            "--clock virtual; bootwright run shows others' phases",
        )
    recorder = Recorder(lambda mark: observe(MarkReached(name=mark.name, time_ns=mark.time_ns)))
    if START not in {mark.name for mark in earlier}:
        recorder.mark(START)
    for mark in earlier:
        recorder.mark(mark.name, mark.time_ns)
    spec = await prepare(home, draft, observe)
    timeout_s = timeout_s or default_timeout_s(spec.recipe)
    evidence = await passes.take(
        home, spec, recorder, timeout_s=timeout_s, sample=sample, observe=observe
    )
    # Not at the start, which is part of the boot: it would be some 40 ms of it.
    from bootwright.evidence.analysis import of_evidence, remembered

    found = of_evidence(evidence, title=draft.image or "the tiny guest")
    return remembered(
        home,
        found,
        image=draft.image or "",
        kernel=kernelchoice.name_of(home, draft),
        observe=observe,
    )
