"""bootwright kernel compare"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bootwright import home as homes
from bootwright.cli import experiment, loop, names, screen
from bootwright.cli.boot_options import boot_options
from bootwright.errors import InputError
from bootwright.home import Home

if TYPE_CHECKING:
    from bootwright.experiments.kernels import Looked
    from bootwright.history.measurement import Measurement

_PAIRS = 8
_NOT_HERE = ("tiny", "kernel", "recipe_file")


@click.command(
    "compare",
    epilog="""\b
Examples:
  bootwright kernel compare firecracker-ci micro
  bootwright kernel compare debian micro web --html kernels.html
  bootwright kernel compare debian micro --stock -n 20 --json
""",
)
@click.argument("a", shell_complete=names.kernels)
@click.argument("b", shell_complete=names.kernels)
@click.argument("image", required=False, shell_complete=names.images)
@click.option(
    "-n",
    "number",
    type=click.IntRange(1, 100_000),
    default=_PAIRS,
    show_default=True,
    help="How many boots of each. It is decided before the first.",
)
@click.option("--parallel", type=click.IntRange(1, 64), metavar="N", help="Run N boots at once.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="How long one boot may take.",
)
@click.option("--html", type=click.Path(path_type=Path), help="Write a page with both.")
@boot_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    a: str, b: str, image: str | None, number: int, html: Path | None, **options: Any
) -> int:
    """Boot kernels A and B in turns, and say which is faster, by how much, and why.

    The tiny guest is booted, and IMAGE as well where it is given; on the virtual clock, where one
    seed takes one time, unless --clock wall is given. Why is looked into on the virtual clock: one
    more boot of each, in which the kernel tells of its initcalls.
    """
    if given := [name for name in _NOT_HERE if options[name]]:
        raise InputError(
            f"--{given[0].removesuffix('_file')} does not go with kernel compare",
            hint="the two kernels are named, and the tiny guest is always booted",
        )
    home = homes.locate()
    options |= {"resume": None, "texts": (), "clock": options["clock"] or "virtual"}
    tiny, told = _measured(home, (a, b), None, number, options)
    whole = None
    if image is not None:
        whole, _ = _measured(home, (a, b), image, number, options)
    looked = None
    if told["verdict"] is not None and tiny.guest_clock.is_repeatable:
        looked = _look(home, tiny, options)
    values = _values(told, whole, looked)
    if html is not None and looked is not None:
        from bootwright.cli.pictures import write_file
        from bootwright.report.diff_page import page

        content = page(
            looked.reasons.diff,
            looked.timelines["A"],
            looked.timelines["B"],
            names=(a, b),
            report=_text(values),
        )
        write_file(html, content.encode())
    if options["as_json"]:
        screen.print_json(values)
    else:
        click.echo(_text(values, color=sys.stdout.isatty()))
    return 0 if told["verdict"] is not None else 1


def _measured(
    home: Home, pair: tuple[str, str], image: str | None, number: int, options: dict[str, Any]
) -> tuple[Measurement, dict[str, Any]]:
    from msgspec import to_builtins

    from bootwright.experiments import compare, measure
    from bootwright.history.measurement import Plan, SideName

    sides: dict[SideName, Any] = {}
    named: tuple[SideName, SideName] = ("A", "B")
    for side, kernel in zip(named, pair, strict=True):
        own = options | {"kernel": kernel, "tiny": image is None}
        title, recipe, _ = experiment.side(home, image, own, changes=False)
        sides[side] = (title, recipe, (f"kernel={kernel}",))
    plan = Plan(looks=(number,), timeout_s=experiment.timeout_s(options, sides["A"][1]))
    begun = measure.begin(home, sides, plan)
    taken, warnings = experiment.take(home, begun, options, compare.is_over)
    return taken, to_builtins(compare.values(taken, warnings))


def _look(home: Home, measurement: Measurement, options: dict[str, Any]) -> Looked:
    from bootwright.experiments import kernels, measure

    timeout_s = experiment.timeout_s(options, measure.recipe_of(measurement))
    with screen.progress("why", quiet=options["as_json"]) as advance:
        return loop.run(kernels.look(home, measurement, timeout_s, on_step=advance))


def _values(
    told: dict[str, Any], whole: Measurement | None, looked: Looked | None
) -> dict[str, Any]:
    """Return what --json prints; documented in docs/json.md."""
    from msgspec import to_builtins

    from bootwright.experiments import compare

    kernel = told["phases"].get("kernel") or told["phases"].get("firmware and kernel") or {}
    values = {
        "a_ns": kernel.get("a_median_ns"),
        "b_ns": kernel.get("b_median_ns"),
        "effect_ns": kernel.get("effect_ns"),
        "ci_ns": kernel.get("ci_ns"),
        "named_share": None if looked is None else looked.reasons.named_share,
        "tiny": told,
        "image": None if whole is None else to_builtins(compare.values(whole, [])),
        "reasons": None,
        "facts": None,
    }
    if looked is not None:
        found = to_builtins(looked.reasons)
        del found["diff"]
        values |= {"reasons": found, "facts": to_builtins(looked.facts)}
    return values


def _text(values: dict[str, Any], *, color: bool = False) -> str:
    from bootwright.report import comparison, kernels

    parts = [comparison.text(values["tiny"], color=color)]
    if values["image"] is not None:
        parts.append(comparison.text(values["image"], color=color))
    if values["reasons"] is not None:
        parts.append(kernels.text(values))
    return "\n\n".join(parts)
