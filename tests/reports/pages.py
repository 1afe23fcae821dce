"""Pages of all kinds, with ordinary and with awkward contents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from msgspec import structs

from bootwright.experiments import compare, figures, trend
from bootwright.experiments.results import CompareResult, MeasureResult, Trend, TrendSeries
from bootwright.history.measurement import Measurement, Sample
from bootwright.host.fingerprint import Fingerprint
from bootwright.reports import comparison_page, diff_page, kernel_page, measurement_page, trend_page
from bootwright.timelines.diff import diff
from tests.experiments import measured
from tests.reports.boots import boot, small
from tests.reports.test_kernels import RESULT
from tests.reports.timelines import of_size

HOST = Fingerprint(cpu="A CPU of a host", cpus=2, kernel="6.12.1-host", load=0.5)
KERNEL = "6.1.0-guest"
LONG = "a-very-long-name-without-any-place-to-break-it-" * 3
KERNELS = {str(measured.TINY.kernel): KERNEL}
FACTS = {"date": "2023-11-14 22:13", "kernel": KERNEL, "host": HOST.cpu}


def taken(
    a: Sequence[float | None],
    b: Sequence[float | None] | None = None,
    *,
    phases: int = 2,
    title: str = "web",
) -> Measurement:
    """Return a measurement of these lengths, in milliseconds, cut into so many phases."""
    found = measured.measurement(a, b)
    samples = tuple(_cut(sample, phases) for sample in found.samples)
    sides = {name: structs.replace(side, title=title) for name, side in found.sides.items()}
    return structs.replace(found, host=HOST, samples=samples, sides=sides)


def _cut(sample: Sample, phases: int) -> Sample:
    """Return a sample with so many phases; beyond two, all but the first have long names."""
    if sample.total_ns is None or phases == 2:
        return sample
    others = {f"phase {n} of {LONG}": n * 10 for n in range(1, phases)}
    kernel_ns = sample.total_ns - sum(others.values())
    return structs.replace(sample, phases={"kernel": kernel_ns, **others})


def compared(
    a: Sequence[float | None], b: Sequence[float | None], *, phases: int = 2, title: str = "web"
) -> CompareResult:
    """Return a comparison of these lengths, in milliseconds."""
    return compare.result(taken(a, b, phases=phases, title=title))


def measured_result(lengths: Sequence[float | None], *, title: str = "web") -> MeasureResult:
    """Return a measurement's result."""
    return figures.result(taken(lengths, title=title))


def series(*wholes: float, phases: int = 2, title: str = "web") -> TrendSeries:
    """Return a series of measurements, each of six boots of a length in milliseconds."""
    all_taken = [
        structs.replace(
            taken([whole] * 6, phases=phases, title=title),
            id=number + 1,
            began_s=1_700_000_000 + 86400 * number,
        )
        for number, whole in enumerate(wholes)
    ]
    (found,) = trend.of_image(all_taken)
    return found


def two_boots() -> str:
    """Return the page of two boots of many spans."""
    a, b = of_size(400), of_size(300)
    names = (f"web, boot 1 of {LONG}", "web, boot 2")
    return diff_page.page(diff(a, b), a, b, names=names, facts=FACTS)


def two_kernels() -> str:
    """Return the page of two kernels."""
    a = replace(small(), clock="virtual")
    spans = [s for s in a.spans if s.id != "kernel.tiny"]
    b = replace(boot(*spans), clock="virtual")
    result = replace(RESULT, tiny=compared([1000] * 8, [900] * 8))
    return kernel_page.page(result, (a, b), names=("debian", LONG), kernels=KERNELS)


def two_kernels_unwatched() -> str:
    """Return the page of two kernels in two guests, of which nobody looked why."""
    tiny = compared([1000] * 8, [900] * 8)
    result = replace(RESULT, tiny=tiny, image=tiny, reasons=None, facts=None)
    return kernel_page.page(result, None, names=("debian", LONG), kernels=KERNELS)


def _comparison(result: CompareResult) -> str:
    return comparison_page.page(result, kernels=KERNELS)


def _trend(*found: TrendSeries) -> str:
    return trend_page.page(Trend(series=found), title="Boot time of web", kernels=KERNELS)


_MANY: list[float | None] = [100 + n % 7 for n in range(200)]
_WILD: list[float | None] = [90.0, 91, 92, 93, 94, 95, 96, 9_000_000, None]
EXAMPLES: dict[str, Callable[[], str]] = {
    "comparison": lambda: _comparison(compared([100.0, 101, 102, 103, 104, 105], [90.0] * 6)),
    "comparison of one pair": lambda: _comparison(compared([100], [90])),
    "comparison without boots": lambda: _comparison(compared([None], [None])),
    "comparison of many": lambda: _comparison(compared(_MANY, [*_MANY[1:], 300], title=LONG)),
    "comparison of phases": lambda: _comparison(
        compared(_WILD, _WILD[::-1], phases=15, title=LONG)
    ),
    "measurement": lambda: measurement_page.page(measured_result(_WILD), kernels=KERNELS),
    "measurement without boots": lambda: measurement_page.page(
        measured_result([None] * 30), kernels=KERNELS
    ),
    "trend of one": lambda: _trend(series(100)),
    "trend": lambda: _trend(series(100, 100, 120, 119, 80)),
    "trend of many": lambda: _trend(series(*(100 + n % 9 for n in range(200)))),
    "trend of phases": lambda: _trend(
        series(100, 90, 0.01, 9e6, phases=15, title=LONG), series(5, title=LONG)
    ),
    "trend of none": lambda: _trend(),
    "two boots": two_boots,
    "two kernels": two_kernels,
    "two kernels in two guests": two_kernels_unwatched,
}
"""Pages by what they show; made when they are asked for, as some take long."""
