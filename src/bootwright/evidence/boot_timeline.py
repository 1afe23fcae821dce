"""Booting an image to measure its timeline."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from bootwright.booting.preparing import default_timeout_s, prepare
from bootwright.defaults import kernelchoice
from bootwright.errors import BootwrightError, InputError
from bootwright.events import Notice, Observer, ignore
from bootwright.evidence import passes
from bootwright.home import Home
from bootwright.machines.events import MarkReached
from bootwright.recipes.draft import Draft
from bootwright.timelines.evidence import Evidence
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
    """Boot *draft* twice, record the boot in the history, and return its timeline.

    Args:
        sample: On the virtual clock, boot a third time to sample the vCPU; on the wall clock the
            second boot does that anyway.
        timeout_s: How long each start-up may take; None: a default for its accelerator.
        earlier: Marks from before this call; the boot begins at `START`, or now without one.
        observe: Also receives each `MarkReached` of the first boot.

    Raises:
        InputError: the guest allows no log-in, where a timeline ends.
        BootwrightError: a boot failed.
    """
    if draft.init == "bare" or (draft.image is None and not draft.guest_clock.is_closed):
        raise InputError(
            "a timeline ends at the log-in, and this guest allows none",
            hint="use an image with init systemd or tini; or a tiny guest with "
            "--clock virtual; bootwright run shows the phases of any guest",
        )
    recorder = Recorder(lambda mark: observe(MarkReached(name=mark.name, time_ns=mark.time_ns)))
    if START not in {mark.name for mark in earlier}:
        recorder.mark(START)
    for mark in earlier:
        recorder.mark(mark.name, mark.time_ns)
    spec = await prepare(home, draft, observe)
    timeout_s = timeout_s or default_timeout_s(spec.recipe)
    first: list[Evidence] = []
    try:
        evidence = await passes.take(
            home,
            spec,
            recorder,
            timeout_s=timeout_s,
            sample=sample,
            on_first=first.append,
            observe=observe,
        )
    except BaseException:  # an interrupt too
        for done in first:
            _keep_first(home, draft, done, observe)
        raise
    return _kept(home, draft, evidence, observe)


def _kept(home: Home, draft: Draft, evidence: Evidence, observe: Observer) -> BootTimeline:
    """Analyse and record a boot."""
    # Imported here: at the top it would add some 40 ms to the boot.
    from bootwright.evidence.analysis import of_evidence, remembered

    found = of_evidence(evidence, title=draft.image or "the tiny guest")
    return remembered(
        home,
        found,
        image=draft.image or "",
        kernel=kernelchoice.name_of(home, draft),
        observe=observe,
    )


def _keep_first(home: Home, draft: Draft, evidence: Evidence, observe: Observer) -> None:
    """Record the first boot of a timeline whose second one did not end; report its ID."""
    with suppress(BootwrightError):  # why the timeline ends is more important
        boot_id = _kept(home, draft, evidence, observe).boot_id
        if boot_id is not None:
            text = f"the first boot is kept as boot {boot_id}: bootwright timeline --boot {boot_id}"
            observe(Notice(text=text))
