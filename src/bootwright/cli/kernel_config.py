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

    A and B are kernels, profiles, or .config files.
    """
    from bootwright.kbuild import configdiff, configs

    with screen.observer("config") as observe:
        found = configs.diff(locate_home(), a, b, source=source, observe=observe)
    if as_json:
        screen.print_json(found)
        return
    for group, meaning in configdiff.GROUPS.items():
        rows = [difference for difference in found.differences if difference.group == group]
        if rows:
            click.echo(f"{group}: {len(rows)} ({meaning})")
            # Options that only follow from others say nothing to people, where prompts are known.
            told = [row for row in rows if row.prompt or row.initcalls or not found.source]
            click.echo(screen.table(["", a, b, ""], [_row(row) for row in told]))
            if len(told) < len(rows):
                click.echo(f"  and {len(rows) - len(told)} that only follow from others (--json)")
            click.echo("")
    click.echo(
        f"options that differ: {len(found.differences)}; "
        f"y: {' and '.join(map(str, found.options_on))}; "
        f"m: {' and '.join(map(str, found.modules))}"
    )
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
    help="A kernel, a profile, or a .config file.",
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
    told = "; ".join(part for part in (difference.prompt, runs if calls else "") if part)
    return [f"  {difference.name}", *map(_short, (difference.a, difference.b)), told]


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
