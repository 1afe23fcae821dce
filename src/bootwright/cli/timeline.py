"""bootwright timeline"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bootwright.booting.preparing import Prepared, check_timeout
from bootwright.cli import loop, names, screen
from bootwright.cli.boot_options import boot_options, draft_of
from bootwright.cli.live import phases_shown
from bootwright.cli.run import describe
from bootwright.errors import InputError
from bootwright.events import Event
from bootwright.evidence.boot_timeline import timeline
from bootwright.home import locate_home
from bootwright.host.clock import now_ns
from bootwright.timelines.marks import MarkName
from bootwright.timelines.phases import START, START_UP
from bootwright.timelines.recorder import Mark

if TYPE_CHECKING:
    from bootwright.evidence.analysis import BootTimeline

EPILOG = """\b
Examples:
  bootwright timeline web                     every millisecond, from the command to the prompt
  bootwright timeline web --html boot.html    a page to zoom into and search
  bootwright timeline web --clock virtual --seed 1
                                              the same to the microsecond, on a busy host too
  bootwright timeline web --clock virtual --sample --html flame.html
                                              and where the kernel's own time goes
  bootwright timeline --boot 12 --json        a boot of the history, by today's analysis
  bootwright timeline diff 12 15              two boots of the history, beside each other
  bootwright timeline --log dmesg.txt --units units.txt
                                              a boot that bootwright never saw: its dmesg (with
                                              initcall_debug), and systemctl show --all '*'
"""

_FILE = click.Path(path_type=Path)


class _OrDiff(click.Command):
    """Takes ``diff`` as its first word for another command; any other is an image."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Return the context of the command that the words are for."""
        if args[:1] == ["diff"]:
            from bootwright.cli.timeline_diff import command as diff

            return diff.make_context(f"{info_name} diff", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


def picture_options(function: Any) -> Any:
    """Add the options that say where pictures of a boot go."""
    for option in reversed(
        (
            click.option("--html", type=_FILE, help="Write a page: zoom, search, hover."),
            click.option("--svg", type=_FILE, help="Write a picture."),
            click.option("--perfetto", type=_FILE, help="Write a trace for ui.perfetto.dev."),
            click.option("--folded", type=_FILE, help="Write the vCPU's samples as folded stacks."),
        )
    ):
        function = option(function)
    return function


@click.command("timeline", cls=_OrDiff, epilog=EPILOG)
@click.argument("image", required=False, shell_complete=names.images)
@boot_options
@click.option(
    "--sample",
    is_flag=True,
    help="On the virtual clock, boot once more to see where the vCPU is, which costs its guest no "
    "time; elsewhere the second boot tells that anyway.",
)
@picture_options
@click.option(
    "--boot",
    "boot_id",
    type=names.BOOT_ID,
    shell_complete=names.boots,
    metavar="ID",
    help="Show a boot from bootwright history instead of booting.",
)
@click.option(
    "--log",
    type=_FILE,
    help="Read a kernel log (dmesg, journalctl or a console) instead of booting; -: stdin.",
)
@click.option(
    "--units",
    type=_FILE,
    help="With --log: what systemctl show --all '*' printed, or systemd-analyze dump, plot, "
    "critical-chain or blame.",
)
@click.option("--timeout", type=float, metavar="SECONDS", help="Maximum duration of a start-up.")
@click.option("--json", "as_json", is_flag=True, help="Print the spans as JSON.")
@click.pass_obj
def command(entered_ns: int, /, image: str | None, **options: Any) -> None:
    """Boot IMAGE and show where every millisecond went, in all layers.

    It is booted twice: as it is, which gives the lengths, and with a kernel that tells of each
    initcall, which says what they are made of.
    """
    begun_ns = now_ns()
    sources = [f"--{name}" for name, key in (("boot", "boot_id"), ("log", "log")) if options[key]]
    sources += [f"image {image!r}"] if image is not None else []
    if len(sources) > 1:
        raise InputError(
            f"there are {' and '.join(sources)}, but one boot is shown",
            hint="give only one of them",
        )
    if options["units"] is not None and options["log"] is None:
        raise InputError("--units goes with --log", hint="add --log DMESG, or leave it out")
    targets = [options[key] for key in ("html", "svg", "perfetto", "folded") if options[key]]
    if targets:
        from bootwright.cli.pictures import check_target

        for target in targets:
            check_target(target)
    if str(options["log"]) == str(options["units"]) == "-":
        raise InputError("--log and --units both read the pipe", hint="name a file for one")
    if options["log"] is not None:
        from bootwright.evidence import analysis

        shown = analysis.of_logs(options["log"], options["units"])
    elif options["boot_id"] is not None:
        from bootwright.evidence import analysis

        shown = analysis.stored(locate_home(), options["boot_id"])
    else:
        shown = _boot(image, options, entered_ns, begun_ns)
    from bootwright.cli import pictures

    pictures.write(shown, options)
    pictures.show(shown.timeline, as_json=options["as_json"])


def _boot(
    image: str | None, options: dict[str, Any], entered_ns: int, begun_ns: int
) -> BootTimeline:
    """Boot, and return what is to be shown of it."""
    check_timeout(options["timeout"])
    draft = draft_of(image, options)
    quiet = options["as_json"]
    earlier = (
        Mark(name=START, time_ns=entered_ns),
        Mark(name=MarkName.COMMAND_BEGUN, time_ns=begun_ns),
    )
    with phases_shown(START_UP, quiet=quiet) as show:

        def observe(event: Event) -> None:
            if isinstance(event, Prepared) and not quiet:
                screen.say(describe(locate_home(), event.spec, event.choice))
            show(event)

        shown = loop.run(
            timeline(
                locate_home(),
                draft,
                sample=options["sample"],
                timeout_s=options["timeout"],
                earlier=earlier,
                observe=observe,
            )
        )
    if shown.boot_id is not None and not quiet:
        screen.say(f"kept as boot {shown.boot_id}: bootwright timeline --boot {shown.boot_id}")
    return shown
