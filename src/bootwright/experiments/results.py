"""What experiments return: values that commands encode as JSON and that reports print.

Values only, documented field by field in docs/json.md: this module imports no engine, so that
`report` can import it. Times are in nanoseconds, boots are counted from 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bootwright.history.measurement import SideName
from bootwright.host.fingerprint import Fingerprint
from bootwright.recipes.recipe import Clock, KernelFile, Recipe
from bootwright.statistics.verdicts import Verdict
from bootwright.timelines.kernels import Reasons

WHOLE = "whole"
"""The name of the sum of all phases; it stands last among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseFigures:
    """What the samples of one phase say of its length."""

    median_ns: int
    min_ns: int
    max_ns: int
    ci_ns: tuple[int, int]
    """Interval of the median."""
    confidence: float
    """Of this interval; fewer than six boots cannot reach 0.95."""
    spread_ns: int
    """The median distance from the median."""
    outliers: tuple[int, ...]
    """Boots that are far from the rest. They are kept in all other figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BootSample:
    """One boot that succeeded."""

    boot: int
    seed: int | None
    """None: the host's randomness."""
    phases: dict[str, int]
    """By phase, its length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedBoot:
    """One boot that failed."""

    side: SideName
    boot: int
    seed: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What the results of a measurement and of a comparison share."""

    id: int
    """In the history; what `resume` takes."""
    began_s: int
    """When it was begun, in seconds since 1970."""
    clock: Clock
    boots: int
    """How many succeeded; of a comparison, how many were taken."""
    begins: str
    """What a sample begins with, in words."""
    ends: str
    failed: tuple[FailedBoot, ...]
    host: Fingerprint
    """When it was begun."""
    warnings: tuple[str, ...]
    """What spoils the figures."""
    bootwright: str
    """The version that began it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureResult(Experiment):
    """How long one recipe takes to boot."""

    title: str
    """The image or the recipe file, as the user gave it; empty for the tiny guest."""
    changes: tuple[str, ...]
    recipe: Recipe
    """With its changes."""
    wanted: int
    """How many boots were decided on."""
    phases: dict[str, PhaseFigures]
    """In order; empty where no boot succeeded."""
    samples: tuple[BootSample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseComparison:
    """What the pairs of boots say of one phase, B against A."""

    verdict: Verdict
    effect_ns: int
    """B less A, by pairs."""
    ci_ns: tuple[int, int]
    confidence: float
    p: float
    """Of a phase, adjusted as several are asked about at once; of the whole, as it is."""
    a_median_ns: int
    """Of the samples that have a partner."""
    b_median_ns: int
    may_tell: int | None = None
    """Where too few pairs are why one cannot tell yet: with how many one might."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SideResult:
    """What one side of a comparison booted."""

    title: str
    changes: tuple[str, ...]
    recipe: Recipe
    samples: tuple[BootSample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareResult(Experiment):
    """Whether B boots faster than A."""

    verdict: Verdict | None
    """That of the whole; None: there is none, see `why_none`."""
    why_none: str
    pairs: int
    """Of which both boots succeeded."""
    looks: tuple[int, ...]
    """After how many pairs it was decided to look."""
    may_tell: int | None
    """Where one cannot tell yet: with how many pairs one might; None: nobody knows."""
    smallest_ns: int
    """The smallest effect of interest, for the whole and for each phase."""
    phases: dict[str, PhaseComparison]
    """Those that both sides have, in order; empty without a verdict."""
    sides: dict[SideName, SideResult]

    @property
    def whole(self) -> PhaseComparison | None:
        """What the pairs say of the whole boot; None without a verdict."""
        return self.phases.get(WHOLE)


LimitKind = Literal["budget", "baseline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitCheck:
    """One phase against one limit."""

    phase: str
    kind: LimitKind
    median_ns: int | None
    """None: no boot succeeded, or there is no such phase any more."""
    ci_ns: tuple[int, int] | None
    limit_ns: int
    baseline_ns: int | None
    """Of a baseline its median; the limit is that and the tolerance."""
    is_over: bool
    """Whether the median exceeds the limit; a phase without a median does."""
    is_sure: bool
    """Whether all of the median's interval is on one side of the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BootCheck(MeasureResult):
    """One boot of a budget file against its limits."""

    name: str
    passed: bool
    """Nothing is over, and every boot succeeded."""
    rows: tuple[LimitCheck, ...]
    changed: tuple[str, ...]
    """What is not as it was when the baseline was accepted."""
    has_baseline: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineUpdate:
    """What became of the baseline that was to be updated."""

    path: str
    failed: tuple[str, ...]
    """Boots of the file that failed, so that the baseline is as it was; empty: it was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """Whether the boots of a budget file keep their budgets and baselines."""

    version: int = 1
    passed: bool
    boots: tuple[BootCheck, ...]
    update: BaselineUpdate | None = None
    """None: no update was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelFacts:
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
class KernelCompareResult:
    """How much faster one kernel is than another, and why."""

    kernel: PhaseComparison | None
    """The tiny guest's way to userspace; None without a verdict."""
    tiny: CompareResult
    image: CompareResult | None
    """None: no image was given."""
    reasons: Reasons | None
    """None: nobody looked, as there is no verdict or it was on the wall clock."""
    facts: dict[SideName, KernelFacts] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPoint:
    """One side of a measurement, of which at least one boot succeeded."""

    id: int
    """The measurement's."""
    side: SideName
    began_s: int
    boots: int
    failed: int
    phases: dict[str, PhaseFigures]
    recipe: dict[str, object]
    """As it was stored: another bootwright's may have other fields."""
    bootwright: str
    host: Fingerprint
    """When the measurement was begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendStep:
    """A point that is surely slower, or faster, than the one it is held against."""

    id: int
    side: SideName
    began_s: int
    against: int
    """The id of the measurement that it is held against."""
    verdict: Verdict
    effect_ns: int
    ci_ns: tuple[int, int]
    p: float
    before_ns: int
    """Medians."""
    after_ns: int
    phases: dict[str, int]
    """By how much the medians of the phases differ, where that is of interest; largest first."""
    differences: tuple[str, ...]
    """What is not as it was: of the recipe, the host, bootwright itself."""
    fixed_by: int | None = None
    """Of a slower one: the id of the later measurement that is as fast again."""

    @property
    def is_regression(self) -> bool:
        """Whether it is slower, and was not mended since."""
        return self.verdict == "slower" and self.fixed_by is None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendSeries:
    """Measurements that compare, the oldest first."""

    title: str
    changes: tuple[str, ...]
    clock: Clock
    host: str
    """On the wall clock; empty on the virtual one, which no host matters to."""
    points: tuple[TrendPoint, ...]
    steps: tuple[TrendStep, ...]
    regressions: tuple[int, ...]
    """The ids of the slower steps that are not fixed, the first one first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """How long boots took over all their measurements."""

    version: int = 1
    series: tuple[TrendSeries, ...]
