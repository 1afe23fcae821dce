"""A boot's timeline on stdout, and the files that it is written to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bootwright.cli import screen
from bootwright.errors import HostError, InputError
from bootwright.reports import text

if TYPE_CHECKING:
    from bootwright.evidence.analysis import BootTimeline
    from bootwright.timelines.span import Timeline


def write(shown: BootTimeline, options: Mapping[str, Any]) -> None:
    """Write the files that were asked for.

    Raises:
        HostError: one cannot be written.
    """
    makers: dict[str, Callable[[BootTimeline], str | bytes]] = {
        "html": _html,
        "svg": _svg,
        "perfetto": _perfetto,
        "folded": _folded,
    }
    for key, make in makers.items():
        path: Path | None = options[key]
        if path is None:
            continue
        content = make(shown)
        if not content:  # only samples may be none
            screen.say(f"note: {path} was not written: nobody looked where this boot's vCPU was")
            continue
        write_file(path, content.encode() if isinstance(content, str) else content)


def write_file(path: Path, content: bytes) -> None:
    """Write a file, and say so.

    Raises:
        HostError: it cannot be written.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        raise HostError(f"cannot write {path}: {error.strerror}") from error
    screen.say(f"{path}: written ({text.size(len(content))})")


def check_target(path: Path) -> None:
    """Refuse a file that could not be written, before anything is booted for it.

    Raises:
        InputError: it is a folder, or its folder does not exist.
    """
    if path.is_dir() or not path.absolute().parent.is_dir():
        why = "it is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise InputError(f"cannot write {path}: {why}", hint="such as --html boot.html")


def show(timeline: Timeline, *, as_json: bool) -> None:
    """Print a timeline on stdout."""
    from bootwright.reports import timeline as report

    if as_json:
        screen.print_json(report.values(timeline))
    else:
        click.echo(report.text(timeline, color=screen.colors(), columns=screen.width()))


def _html(shown: BootTimeline) -> str:
    from bootwright.reports.page import page

    return page(shown.timeline, title=shown.title, facts=shown.facts, flame=shown.stacks)


def _svg(shown: BootTimeline) -> str:
    from bootwright.reports.svg import svg

    return svg(shown.timeline, title=shown.title)


def _perfetto(shown: BootTimeline) -> bytes:
    from bootwright.reports.perfetto import trace

    return trace(shown.timeline, title=shown.title)


def _folded(shown: BootTimeline) -> str:
    from bootwright.timelines import folded

    return folded.text(shown.stacks)
