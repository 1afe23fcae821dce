"""bootwright timeline"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from bootwright import home as homes
from bootwright.cli import loop, names, screen
from bootwright.cli.boot_options import boot_options, check_timeout, completed, draft_of
from bootwright.cli.run import DOING, default_timeout_s, describe, fresh_name
from bootwright.errors import InputError
from bootwright.home import Home
from bootwright.host.clock import now_ns
from bootwright.machine import passes
from bootwright.machine.spec import MachineSpec
from bootwright.timeline.evidence import Evidence
from bootwright.timeline.phases import START
from bootwright.timeline.recorder import Mark, Recorder
from bootwright.timeline.span import ROOT, Timeline

JSON_VERSION = 1

EPILOG = """\b
Examples:
  bootwright timeline web                     every millisecond, from the command to the prompt
  bootwright timeline web --init tini --json
  bootwright timeline web --clock virtual --seed 1
                                              the same to the microsecond, on a busy host too
  bootwright timeline --log dmesg.txt --units dump.txt
                                              a boot that bootwright never saw: its dmesg (with
                                              initcall_debug), and systemd-analyze dump
"""

_FILE = click.Path(path_type=Path)


@click.command("timeline", epilog=EPILOG)
@click.argument("image", required=False, shell_complete=names.images)
@boot_options
@click.option("--log", type=_FILE, help="Boot nothing: read a kernel log, dmesg's or a console's.")
@click.option(
    "--units",
    type=_FILE,
    help="With --log: what systemd-analyze dump, or systemctl show '*', printed.",
)
@click.option("--timeout", type=float, metavar="SECONDS", help="How long a start-up may take.")
@click.option("--json", "as_json", is_flag=True, help="Print the spans as JSON.")
@click.pass_obj
def command(entered_ns: int, /, image: str | None, **options: Any) -> None:
    """Boot IMAGE and show where every millisecond went, in all layers.

    It is booted twice: as it is, which gives the lengths, and with a kernel that tells of each
    initcall, which says what they are made of.
    """
    begun_ns = now_ns()
    as_json = options["as_json"]
    if options["log"] is not None:
        if image is not None:
            raise InputError(
                f"--log reads a file, but image {image!r} was given too",
                hint="leave out one of the two",
            )
        from bootwright.timeline.assemble import from_logs

        log = _read(options["log"], "dmesg >dmesg.txt")
        units = options["units"]
        dump = "" if units is None else _read(units, "systemd-analyze dump >dump.txt")
        _show(from_logs(log, dump), as_json=as_json)
        return
    if options["units"] is not None:
        raise InputError("--units goes with --log", hint="add --log DMESG, or leave it out")
    check_timeout(options["timeout"])
    draft = draft_of(image, options)
    if draft.image is None or draft.init == "bare":
        raise InputError(
            "a timeline ends when one can log in, and nobody can log in to this guest",
            hint="name an image, with init systemd or tini; bootwright run shows others' phases",
        )
    home = homes.locate()
    recipe, choice = completed(home, draft, quiet=as_json)
    spec = MachineSpec(name=fresh_name(draft.image), recipe=recipe)
    if not as_json:
        screen.say(describe(spec, choice))
    recorder = Recorder()
    recorder.mark(START, entered_ns)
    recorder.mark("command.begun", begun_ns)
    timeout_s = options["timeout"] or default_timeout_s(recipe)
    evidence = _boot(home, spec, recorder, timeout_s, quiet=as_json)
    # Not at our start, which is part of the boot: it would be some 40 ms of it.
    from bootwright.timeline.assemble import assemble

    _show(assemble(evidence), as_json=as_json)


def _boot(
    home: Home, spec: MachineSpec, recorder: Recorder, timeout_s: float, *, quiet: bool
) -> Evidence:
    """Boot twice, telling how it goes."""
    with screen.status(f"{spec.name}: starting", quiet=quiet) as show:

        def step(text: str) -> None:
            show(f"{spec.name}: {text}")

        def follow(mark: Mark) -> None:
            if doing := DOING.get(mark.name):
                step(doing)

        recorder.listen(follow)
        return loop.run(
            passes.take(
                home,
                spec,
                recorder,
                timeout_s=timeout_s,
                notice=screen.say,
                on_step=step,
            )
        )


def _read(path: Path, how: str) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", hint=f"such as: {how}") from error


def _show(timeline: Timeline, *, as_json: bool) -> None:
    if not as_json:
        from bootwright.report import timeline as report

        click.echo(report.text(timeline, color=sys.stdout.isatty()))
        return
    unaccounted = timeline.unaccounted_ns()
    screen.print_json(
        {
            "version": JSON_VERSION,
            "clock": timeline.clock,
            "total_ns": timeline.total_ns,
            "unaccounted_ns": unaccounted[ROOT],
            "clock_error_ns": timeline.clock_error_ns,
            "overhead_ns": timeline.overhead_ns,
            "warnings": timeline.warnings,
            "accesses": timeline.accesses,
            "spans": timeline.spans,
        }
    )
