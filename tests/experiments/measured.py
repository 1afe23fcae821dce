"""Measurements made up of samples that are given."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import replace

import msgspec

from bootwright.digest import digest_of_bytes
from bootwright.experiments.executor import Job
from bootwright.history.measurement import Measurement, MeasurementPlan, Sample, Side, SideName
from bootwright.host.fingerprint import Fingerprint
from bootwright.recipes.recipe import Recipe

MS = 1_000_000
TINY = Recipe(
    kernel=digest_of_bytes(b"kernel"),
    image=None,
    init="none",
    cmdline=("quiet",),
    vmm="qemu",
    vmm_build="7.2",
    accelerator="tcg",
    machine_type="q35",
    cpu="qemu64",
    memory_mib=512,
    vcpus=1,
    disk="none",
    disk_bytes=0,
    network="none",
    random_seed=1,
    clock="virtual",
)


def sample(side: SideName, number: int, whole_ms: float | None) -> Sample:
    """Return a sample whose kernel took a millisecond less than the whole; None: it failed."""
    phases = {}
    if whole_ms is not None:
        phases = {"kernel": round((whole_ms - 1) * MS), "initramfs": MS}
    return Sample(
        side=side,
        number=number,
        seed=number + 1,
        began_s=float(number),
        phases=phases,
        failure="" if phases else "its kernel panicked",
    )


def measurement(
    a: Sequence[float | None] = (),
    b: Sequence[float | None] | None = None,
    *,
    looks: tuple[int, ...] = (),
    recipe: Recipe = TINY,
) -> Measurement:
    """Return a measurement with these lengths in milliseconds; with *b*, a comparison."""
    other = replace(recipe, cmdline=(*recipe.cmdline, "notests"))
    sides: dict[SideName, Side] = {
        "A": Side(title="web", recipe=_stored(recipe)),
        "B": Side(title="web", recipe=_stored(other), changes=("cmdline+=notests",)),
    }
    if b is None:
        del sides["B"]
    samples = [sample("A", number, length) for number, length in enumerate(a)]
    samples += [sample("B", number, length) for number, length in enumerate(b or ())]
    return Measurement(
        id=3,
        began_s=1_700_000_000,
        command="measure" if b is None else "compare",
        clock=recipe.clock,
        plan=MeasurementPlan(looks=looks or (len(a),), first_seed=1, timeout_s=60),
        sides=sides,
        host=Fingerprint(cpu="A CPU", cpus=2, is_virtual=True, load=0.5),
        bootwright="0",
        samples=tuple(samples),
    )


def _stored(recipe: Recipe) -> dict[str, object]:
    """Return *recipe* as it is read from where it is stored."""
    stored: dict[str, object] = msgspec.json.decode(msgspec.json.encode(recipe))
    return stored


class Instant:
    """An executor whose boots take no time, and as long as they are told."""

    def __init__(self, lengths_ms: dict[SideName, float | None], stop_after: int = 10**6) -> None:
        self.lengths_ms = lengths_ms
        self.stop_after = stop_after
        self.jobs: list[Job] = []

    async def run(self, jobs: Iterable[Job]) -> AsyncGenerator[Sample, None]:
        """Yield a sample for each job."""
        for job in jobs:
            if len(self.jobs) == self.stop_after:
                raise KeyboardInterrupt
            self.jobs.append(job)
            yield sample(job.side, job.number, self.lengths_ms[job.side])
