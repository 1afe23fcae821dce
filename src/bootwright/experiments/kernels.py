"""Comparing kernels: which boots faster, by how much, and why.

How long they take is measured as anything else is (see `compare`). Why is looked into with one
watched boot of each.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bootwright.booting.preparing import default_timeout_s
from bootwright.events import Observer, Progress, ignore
from bootwright.evidence import passes
from bootwright.evidence.unattended import collect
from bootwright.experiments import compare, subject
from bootwright.experiments.results import CompareResult, KernelCompareResult, KernelFacts
from bootwright.experiments.subject import Subject
from bootwright.history.measurement import MeasurementPlan, SideName
from bootwright.home import Home
from bootwright.kernels.kernel import load_kernel
from bootwright.machines.spec import MachineSpec
from bootwright.recipes.draft import Draft, merged
from bootwright.recipes.recipe import KernelFile, Recipe
from bootwright.statistics.sequential import PAIRS
from bootwright.timelines.assemble import assemble
from bootwright.timelines.kernels import memory_taken_bytes, reasons
from bootwright.timelines.recorder import Recorder
from bootwright.timelines.span import Timeline

_TELLING = ("apic=verbose",)
"""Lets the kernel say when it calibrates its APIC timer: without KVM its longest wait, and one that
only such a machine has. Source: Documentation/admin-guide/kernel-parameters.txt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelComparison:
    """Two kernels compared: the result, and what pictures of it are drawn from."""

    result: KernelCompareResult
    timelines: tuple[Timeline, Timeline] | None
    """Of the watched boot of each; None: nobody looked."""


async def compare_kernels(
    home: Home,
    a: str,
    b: str,
    image: str | None = None,
    *,
    draft: Draft | None = None,
    n: int = PAIRS["virtual"],
    timeout_s: float | None = None,
    parallel: int | None = None,
    observe: Observer = ignore,
) -> KernelComparison:
    """Boot two kernels in turns, and say which is faster, by how much, and why.

    The tiny guest is booted, and *image* as well where it is given; on the virtual clock unless
    *draft* says otherwise. Why is looked into on the virtual clock only.

    Args:
        a, b: The kernels' names.
        draft: What else the recipes have.
        n: How many boots of each.
        timeout_s, parallel, observe: As of `measure.measure`.

    Raises:
        BootwrightError: no boot can work here, or a watched boot failed.
    """
    base = merged(Draft(clock="virtual"), draft or Draft())
    images = (None,) if image is None else (None, image)
    # What is wrong with the image is reported before the tiny guest is booted.
    pairs = [
        await _sides(home, (a, b), merged(base, Draft(image=name)), observe) for name in images
    ]
    guests: list[CompareResult] = []
    for sides in pairs:
        plan = MeasurementPlan(
            looks=(n,), timeout_s=timeout_s or default_timeout_s(sides["A"].recipe)
        )
        guests.append(await compare.measured(home, sides, plan, parallel=parallel, observe=observe))
    tiny = guests[0]
    result = KernelCompareResult(
        kernel=tiny.phases.get("kernel") or tiny.phases.get("firmware and kernel"),
        tiny=tiny,
        image=guests[1] if image is not None else None,
        reasons=None,
        facts=None,
    )
    if tiny.verdict is None or tiny.clock == "wall":
        return KernelComparison(result=result, timelines=None)
    watched = await _watch(home, tiny, timeout_s, observe)
    timelines = (watched["A"].timeline, watched["B"].timeline)
    facts = {side: one.facts for side, one in watched.items()}
    return KernelComparison(
        result=replace(result, reasons=reasons(*timelines), facts=facts), timelines=timelines
    )


async def _sides(
    home: Home, pair: tuple[str, str], base: Draft, observe: Observer
) -> dict[SideName, Subject]:
    sides: dict[SideName, Subject] = {}
    named: tuple[SideName, SideName] = ("A", "B")
    for side, kernel in zip(named, pair, strict=True):
        draft = merged(base, Draft(kernel=kernel))
        plain = await subject.completed(home, draft, observe)
        sides[side] = replace(plain, changes=(f"kernel={kernel}",))
    return sides


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    timeline: Timeline
    facts: KernelFacts


async def _watch(
    home: Home, compared: CompareResult, timeout_s: float | None, observe: Observer
) -> Mapping[SideName, _Watched]:
    """Boot both sides of a comparison of tiny guests once more, watched.

    Raises:
        BootwrightError: a boot failed.
    """
    watched: dict[SideName, _Watched] = {}
    for number, (name, side) in enumerate(compared.sides.items()):
        recipe = replace(side.recipe, cmdline=(*side.recipe.cmdline, *_TELLING))
        limit_s = timeout_s or default_timeout_s(recipe)
        step = f"{name}: boot with initcall_debug"
        observe(Progress(step=step, share=number / 2))
        spec = MachineSpec(name=_name(), recipe=recipe)
        evidence = await passes.take(home, spec, Recorder(), timeout_s=limit_s)
        step = f"{name}: compare bzImage and vmlinux"
        observe(Progress(step=step, share=number / 2 + 0.3))
        kernel = load_kernel(home, recipe.kernel)
        has_both = {"vmlinux", "bzImage"} <= set(kernel.parts)
        facts = KernelFacts(
            release=kernel.release,
            boots=recipe.kernel_file,
            file_bytes={
                part: (kernel.folder / part).stat().st_size
                for part in ("vmlinux", "bzImage")
                if part in kernel.parts
            },
            memory_bytes=memory_taken_bytes(evidence.clean.kernel_log),
            unpacking_ns=await _unpacking_ns(home, recipe, limit_s)
            if kernel.pvh and has_both
            else None,
        )
        watched[name] = _Watched(timeline=assemble(evidence), facts=facts)
    return watched


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
