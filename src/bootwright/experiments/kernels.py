"""Looking into kernels that are compared: one watched boot each, and what their files are.

How long they take is measured as anything else is (`measure`, `compare`); here is found why.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from bootwright.experiments import measure
from bootwright.history.measurement import Measurement, SideName
from bootwright.home import Home
from bootwright.kernels import kernel as kernels
from bootwright.machine import passes
from bootwright.machine.collect import collect
from bootwright.machine.spec import MachineSpec
from bootwright.recipe import KernelFile, Recipe
from bootwright.timeline.assemble import assemble
from bootwright.timeline.kernels import Reasons, memory_taken_bytes, reasons
from bootwright.timeline.recorder import Recorder
from bootwright.timeline.span import Timeline

_TELLING = ("apic=verbose",)
"""Lets the kernel say when it calibrates its APIC timer: without KVM its longest wait, and one that
only such a machine has. Source: Documentation/admin-guide/kernel-parameters.txt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What one kernel is, beside how long it takes."""

    release: str
    boots: KernelFile
    file_bytes: dict[str, int]
    """Sizes of vmlinux and bzImage, those that there are."""
    memory_bytes: int | None
    """What it keeps of a guest's memory for itself, by its own log."""
    unpacking_ns: int | None
    """By how much its bzImage gets to the kernel's clock later than its vmlinux, on the virtual
    clock: loading, firmware and decompression. None: it has not both, or nobody looked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """Two kernels looked into."""

    reasons: Reasons
    facts: dict[SideName, Facts]
    timelines: dict[SideName, Timeline]


async def look(
    home: Home,
    measurement: Measurement,
    timeout_s: float,
    *,
    on_step: Callable[[str, float], None] = lambda text, share: None,
) -> Looked:
    """Boot both sides of *measurement* once more, watched, and say why they differ.

    Args:
        measurement: Of tiny guests, on the virtual clock.
        on_step: Told what comes, and the share that is done.

    Raises:
        BootwrightError: a boot failed.
    """
    timelines: dict[SideName, Timeline] = {}
    facts: dict[SideName, Facts] = {}
    for number, side in enumerate(measurement.sides):
        recipe = measure.recipe_of(measurement, side)
        recipe = replace(recipe, cmdline=(*recipe.cmdline, *_TELLING))
        on_step(f"{side}: with a kernel that tells of its initcalls", number / 2)
        spec = MachineSpec(name=_name(), recipe=recipe)
        evidence = await passes.take(home, spec, Recorder(), timeout_s=timeout_s)
        timelines[side] = assemble(evidence)
        on_step(f"{side}: its bzImage and its vmlinux", number / 2 + 0.3)
        kernel = kernels.load(home, recipe.kernel)
        facts[side] = Facts(
            release=kernel.release,
            boots=recipe.kernel_file,
            file_bytes={
                part: (kernel.folder / part).stat().st_size
                for part in ("vmlinux", "bzImage")
                if part in kernel.parts
            },
            memory_bytes=memory_taken_bytes(evidence.clean.kernel_log),
            unpacking_ns=await _unpacking_ns(home, recipe, timeout_s)
            if kernel.pvh and {"vmlinux", "bzImage"} <= set(kernel.parts)
            else None,
        )
    return Looked(reasons=reasons(timelines["A"], timelines["B"]), facts=facts, timelines=timelines)


async def _unpacking_ns(home: Home, recipe: Recipe, timeout_s: float) -> int | None:
    packed = await _before_clock_ns(home, recipe, "bzImage", timeout_s)
    plain = await _before_clock_ns(home, recipe, "vmlinux", timeout_s)
    return None if packed is None or plain is None else packed - plain


async def _before_clock_ns(
    home: Home, recipe: Recipe, file: KernelFile, timeout_s: float
) -> int | None:
    """Return how long the VMM had run when the kernel's clock began; None: nothing tells.

    q35 has a timer that the VMM's clock can be read from; both of a kernel's files are booted so.
    """
    watched = replace(recipe, machine_type="q35", kernel_file=file)
    told = await collect(home, watched, name=_name(), timeout_s=timeout_s, watch="samples")
    line = next((line for line in told.lines if line.time_ns), None)
    return None if line is None else (line.before_ns + line.after_ns) // 2 - line.time_ns


def _name() -> str:
    return f"kernel-{secrets.token_hex(4)}"
