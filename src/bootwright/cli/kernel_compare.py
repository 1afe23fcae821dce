"""bootwright kernel compare"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bootwright.cli import experiment, loop, names, screen
from bootwright.cli.boot_options import boot_options, draft_of
from bootwright.errors import InputError
from bootwright.home import locate_home
from bootwright.statistics.sequential import PAIRS

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
    default=PAIRS["virtual"],
    show_default=True,
    help="Number of boots of each, fixed before the first.",
)
@experiment.PARALLEL
@experiment.TIMEOUT
@click.option("--html", type=click.Path(path_type=Path), help="Write an HTML page that shows both.")
@boot_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    a: str, b: str, image: str | None, number: int, html: Path | None, **options: Any
) -> int:
    """Boot kernels A and B alternately; show which is faster, by how much, and why.

    The tiny guest is booted, and IMAGE as well where it is given; on the virtual clock, where one
    seed takes one time, unless --clock wall is given. Why is looked into on the virtual clock: one
    more boot of each, in which the kernel tells of its initcalls.
    """
    if given := [name for name in _NOT_HERE if options[name]]:
        raise InputError(
            f"--{given[0].removesuffix('_file')} does not go with kernel compare",
            hint="kernel compare boots the tiny guest with the two named kernels",
        )
    experiment.check_html(html)
    home = locate_home()
    from bootwright.experiments.kernels import compare_kernels
    from bootwright.reports import kernels as report

    with experiment.observer(quiet=options["as_json"], progress="why") as observe:
        compared = loop.run(
            compare_kernels(
                home,
                a,
                b,
                image,
                draft=draft_of(None, options | {"tiny": True}),
                n=number,
                timeout_s=options["timeout"],
                parallel=options["parallel"],
                observe=observe,
            )
        )
    result = compared.result
    if html is not None:
        from bootwright.cli.pictures import write_file
        from bootwright.kernels.listing import releases
        from bootwright.reports.kernel_page import page

        found = releases(home, (side.recipe.kernel for side in result.tiny.sides.values()))
        content = page(result, compared.timelines, names=(a, b), kernels=found)
        write_file(html, content.encode())
    if options["as_json"]:
        screen.print_json(result)
    else:
        click.echo(report.text(result, color=screen.colors(), columns=screen.width()))
    return 0 if result.tiny.verdict is not None else 1
