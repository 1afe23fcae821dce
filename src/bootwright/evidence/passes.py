"""The two passes of a timeline: a clean one for lengths, an instrumented one for reasons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec

from bootwright import __version__
from bootwright.events import Observer, Progress, ignore
from bootwright.evidence.record import ASK, record_boot, resolve_samples, sections
from bootwright.evidence.unattended import KERNEL_LOG, collect, with_collector
from bootwright.home import Home
from bootwright.machines.spec import MachineSpec
from bootwright.recipes.recipe import Recipe
from bootwright.timelines.evidence import Evidence, MarkSeen, Pass
from bootwright.timelines.recorder import Recorder

INSTRUMENTED = ("initcall_debug", "log_buf_len=1M", "nokaslr")
"""Kernel arguments of the second pass. The kernel logs its initcalls at debug level, so not on the
console. Its functions stay where they were linked, so that vCPU samples can be resolved.

Source: Documentation/admin-guide/kernel-parameters.txt.
"""


async def take(
    home: Home,
    spec: MachineSpec,
    recorder: Recorder,
    *,
    timeout_s: float,
    sample: bool = False,
    on_first: Callable[[Evidence], None] = lambda evidence: None,
    observe: Observer = ignore,
) -> Evidence:
    """Boot *spec* twice, and return the evidence.

    Args:
        on_first: Given the evidence of the first boot as soon as it is there.
        sample: On the virtual clock, boot a third time to sample the vCPU; on the wall clock the
            second boot does that anyway.

    Raises:
        BootwrightError: a boot failed.
    """

    async def boot(machine: MachineSpec, marks: Recorder) -> Pass:
        if machine.recipe.guest_clock.is_closed:
            return await _unattended(home, machine, marks, timeout_s, observe)
        return await record_boot(home, machine, marks, timeout_s=timeout_s, observe=observe)

    # Where instructions are counted, stopping the guest takes none of its time.
    sampling_is_free = spec.recipe.guest_clock.counts_instructions
    clean = await boot(spec, recorder)
    first = Evidence(
        bootwright=__version__,
        clock=spec.recipe.clock,
        # As it is read again from where it is stored: lists, no tuples.
        recipe=msgspec.json.decode(msgspec.json.encode(spec.recipe)),
        clean=clean,
    )
    on_first(first)
    observe(Progress(step="booting again, with the kernel logging its initcalls"))
    watched = replace(
        spec,
        recipe=_instrumented(spec.recipe),
        watch="accesses" if sampling_is_free else "samples",
    )
    instrumented = await boot(watched, Recorder())
    sampled = None
    if sample and sampling_is_free:
        observe(Progress(step="booting a third time, sampling the vCPU every few 100 µs"))
        sampled = await boot(replace(spec, watch="samples"), Recorder())
    return msgspec.structs.replace(first, instrumented=instrumented, sampled=sampled)


def _instrumented(recipe: Recipe) -> Recipe:
    added = (word for word in INSTRUMENTED if word not in recipe.cmdline)
    return replace(recipe, cmdline=(*recipe.cmdline, *added))


async def _unattended(
    home: Home, spec: MachineSpec, recorder: Recorder, timeout_s: float, observe: Observer
) -> Pass:
    """Boot a guest without logging in; it sends its logs by itself."""
    recipe = spec.recipe
    if recipe.allows_login:
        recipe = with_collector(home, recipe, {"asked": ("sh", "-c", ASK)})
    collected = await collect(
        home,
        recipe,
        name=spec.name,
        timeout_s=timeout_s,
        recorder=recorder,
        watch=spec.watch,
        observe=observe,
    )
    asked = sections(collected.logs.get("asked", b"").decode("utf-8", "replace"))
    return Pass(
        marks=tuple(MarkSeen(mark.name, mark.time_ns) for mark in collected.marks),
        kernel_log=collected.logs[KERNEL_LOG].decode("utf-8", "replace"),
        monotonic=asked.get("monotonic", ""),
        manager=asked.get("manager", ""),
        units=asked.get("units", ""),
        processes=asked.get("processes", ""),
        samples=resolve_samples(home, spec.recipe, collected.samples) if collected.samples else (),
        lines=collected.lines,
        accesses=collected.accesses,
    )
