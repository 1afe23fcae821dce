"""bootwright kernel config ..."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootwright.cli import names, screen
from bootwright.home import locate_home

if TYPE_CHECKING:
    from bootwright.kbuild.configdiff import Difference
    from bootwright.kbuild.kconfig import Answer
    from bootwright.kbuild.renames import Renamed

_VALUE_WIDTH = 16


@click.group(
    "config",
    epilog="""\b
Examples:
  bootwright kernel config diff debian micro
  bootwright kernel config why CRYPTO_MANAGER_DISABLE_TESTS --kernel micro
""",
)
def command() -> None:
    """Compare kernel configs, and explain why an option is on or off."""


@command.command(
    epilog="""\b
Examples:
  bootwright kernel config diff debian micro
  bootwright kernel config diff firecracker-ci ~/linux/.config --json
  bootwright kernel config diff debian /proc/config.gz
  ssh box zcat /proc/config.gz | bootwright kernel config diff micro -
"""
)
@click.argument("a", shell_complete=names.configs)
@click.argument("b", shell_complete=names.configs)
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A kernel source tree, for prompts and initcalls; default: Debian's, if fetched.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diff(a: str, b: str, source: Path | None, as_json: bool) -> None:
    """Show how the configs A and B differ, grouped by what matters at boot.

    A and B are kernels, profiles, or files: a .config, also compressed as /proc/config.gz is, or a
    bzImage or vmlinux that has its config inside; - reads a pipe. Of a fragment, only what it
    names is compared.
    """
    from bootwright.kbuild import configdiff, configs

    with screen.observer("config") as observe:
        found = configs.diff(locate_home(), a, b, source=source, observe=observe)
    if as_json:
        screen.print_json(found)
        return
    sides = list(_labels(a, b))
    renamed = {one.new or one.old for one in found.renamed}
    for group, meaning in configdiff.GROUPS.items():
        rows = [difference for difference in found.differences if difference.group == group]
        if rows:
            click.echo(f"{group}: {len(rows)} ({meaning})")
            # Options that only follow from others say nothing to people, where prompts are known.
            shown_rows = [
                row
                for row in rows
                if row.prompt or row.initcalls or not found.source or row.name in renamed
            ]
            click.echo(screen.table(["", *sides, ""], [_row(row) for row in shown_rows]))
            if len(shown_rows) < len(rows):
                click.echo(
                    f"  and {len(rows) - len(shown_rows)} that only follow from others (--json)"
                )
            click.echo("")
    if found.renamed:
        click.echo(f"renamed: {len(found.renamed)} (one option, two names; compared by meaning)")
        for one in found.renamed:
            click.echo(_renamed(one))
        click.echo("")
    compared = "" if found.compared is None else f" of {found.compared} compared"
    click.echo(
        f"options that differ: {len(found.differences)}{compared}; "
        f"y: {' and '.join(map(str, found.options_on))}; "
        f"m: {' and '.join(map(str, found.modules))}"
    )
    screen.warn(found.warnings)
    if found.source is None:
        screen.say(
            "without the kernel's source, prompts, drivers and initcalls are not known: "
            "bootwright kernel config why SMP fetches it, or give --source DIR"
        )


@command.command(
    epilog="""\b
Examples:
  bootwright kernel config why CRYPTO_MANAGER_DISABLE_TESTS
  bootwright kernel config why BPF_JIT --kernel micro
"""
)
@click.argument("option")
@click.option(
    "--kernel",
    metavar="NAME",
    shell_complete=names.configs,
    default="micro",
    show_default=True,
    help="A kernel, a profile, or a file as of kernel config diff.",
)
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A kernel source tree; default: Debian's linux-source, fetched if missing.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def why(option: str, kernel: str, source: Path | None, as_json: bool) -> None:
    """Explain why OPTION is on or off, from the kernel's Kconfig."""
    from bootwright.kbuild import configs

    with screen.observer("config") as observe:
        answer = configs.why(locate_home(), option, kernel, source=source, observe=observe)
    if as_json:
        screen.print_json(answer)
    else:
        click.echo(_told(answer, kernel))


def _row(difference: Difference) -> list[str]:
    calls = difference.initcalls
    runs = f"runs {', '.join(calls[:3])}" + (f" and {len(calls) - 3} more" if calls[3:] else "")
    note = "; ".join(part for part in (difference.prompt, runs if calls else "") if part)
    return [f"  {difference.name}", *map(_short, (difference.a, difference.b)), note]


def _labels(a: str, b: str) -> tuple[str, str]:
    """Return short headings for two columns."""
    short = [Path(side).name if "/" in side else side for side in (a, b)]
    if short[0] == short[1]:
        return ("A", "B")
    return (_short(short[0]), _short(short[1]))


def _renamed(one: Renamed) -> str:
    note = " (turned round)" if one.turned_round else ""
    return f"  {'same' if one.same else 'differs':<9}{one.since:<6}{one.a}, {one.b}{note}"


def _short(value: str) -> str:
    return value if len(value) <= _VALUE_WIDTH else value[: _VALUE_WIDTH - 1] + "…"


def _told(answer: Answer, kernel: str) -> str:
    lines = [f"CONFIG_{answer.name} is {answer.value or 'empty'} in {kernel}: {answer.reason}", ""]
    lines += [f"{'type:':<13}{answer.kind}"]
    lines += [f"{'prompt:':<13}{answer.prompt or '(none: not configurable by users)'}"]
    lines += [f"{'defined in:':<13}{place}" for place in answer.where]
    if answer.choice:
        lines += [f"{'one of:':<13}a group in which {answer.choice} is chosen"]
    for label, terms in (
        ("needs:", answer.needs),
        ("selected by:", answer.selected_by),
        ("default:", answer.defaults),
    ):
        lines += [f"{label:<13}{term.condition}  ({term.value})" for term in terms]
    return "\n".join(lines)
