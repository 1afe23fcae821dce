"""bootwright kernel config ..."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootwright import home as homes
from bootwright.cli import names, screen

if TYPE_CHECKING:
    from bootwright.kernels.configdiff import Difference
    from bootwright.kernels.kconfig import Answer

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
    """Compare kernels' configs, and ask why an option is on or off."""


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
    help="A kernel source tree, for prompts and initcalls; default: Debian's, where it is there.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diff(a: str, b: str, source: Path | None, as_json: bool) -> None:
    """Show how the configs A and B differ, grouped by what matters at boot.

    A and B are kernels, profiles, or .config files.
    """
    from bootwright.kernels import configdiff, configs, configure, kconfig
    from bootwright.kernels import source as sources

    home = homes.locate()
    dropped: list[str] = []
    with screen.progress("config") as advance:
        sides = [
            configure.parse(configs.text_of(home, side, advance, dropped.append)) for side in (a, b)
        ]
        tree = source or _here(sources.known(home))
        advance("reading the kernel's options", 0.95)
        options = kconfig.Options(tree) if tree else None
        found = configdiff.differences(*sides, options=options, source=tree)
    screen.warn(dropped)
    if as_json:
        screen.print_json({"a": a, "b": b, "differences": found})
        return
    for group, meaning in configdiff.GROUPS.items():
        rows = [difference for difference in found if difference.group == group]
        if rows:
            click.echo(f"{group}: {len(rows)} ({meaning})")
            # Options that only follow from others say nothing to people, where prompts are known.
            told = [row for row in rows if row.prompt or row.initcalls or options is None]
            click.echo(screen.table(["", a, b, ""], [_row(row) for row in told]))
            if len(told) < len(rows):
                click.echo(f"  and {len(rows) - len(told)} that only follow from others (--json)")
            click.echo("")
    on = [sum(value == "y" for value in side.values()) for side in sides]
    modules = [sum(value == "m" for value in side.values()) for side in sides]
    click.echo(
        f"options that differ: {len(found)}; y: {on[0]} and {on[1]}; "
        f"m: {modules[0]} and {modules[1]}"
    )
    if tree is None:
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
    help="A kernel source tree; default: Debian's linux-source, fetched where it is not there.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def why(option: str, kernel: str, source: Path | None, as_json: bool) -> None:
    """Say why OPTION is on or off, as the kernel's own Kconfig has it."""
    import tempfile

    from bootwright.kernels import configs, kconfig
    from bootwright.kernels import source as sources

    home = homes.locate()
    dropped: list[str] = []
    with screen.progress("config") as advance:
        text = configs.text_of(home, kernel, advance, dropped.append)
        tree = source or sources.debian(home, progress=advance).path
        advance("reading the kernel's options", 0.95)
        with tempfile.NamedTemporaryFile("w", suffix=".config") as file:
            file.write(text)
            file.flush()
            answer = kconfig.Options(tree, Path(file.name)).why(option)
    screen.warn(dropped)
    if as_json:
        screen.print_json(answer)
    else:
        click.echo(_told(answer, kernel))


def _here(source: object) -> Path | None:
    path: Path | None = getattr(source, "path", None)
    return path if path is not None and path.is_dir() else None


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
    lines += [f"{'prompt:':<13}{answer.prompt or '(none: people are not asked)'}"]
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
