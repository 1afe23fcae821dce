"""bootwright run"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from bootwright.booting.request import BootRequest, Wish
from bootwright.cli import names, screen, standard_input, streams
from bootwright.cli.boot_options import boot_options, draft_of
from bootwright.cli.interrupts import INTERRUPTED
from bootwright.defaults import kvm_trial
from bootwright.defaults.kvm_trial import Choice
from bootwright.errors import InputError
from bootwright.events import Event, Observer, Progress, ignore
from bootwright.home import Home, locate_home
from bootwright.machines import request as machine_request
from bootwright.machines.events import MarkReached, OutputReceived
from bootwright.machines.monitor_process import MonitorProcess
from bootwright.machines.spec import MachineSpec
from bootwright.reports import text
from bootwright.timelines.marks import MarkName
from bootwright.timelines.phases import AFTER, START, phases, start_up_of
from bootwright.timelines.recorder import Recorder

if TYPE_CHECKING:
    from bootwright.booting.vm import Run

_END_S = 15.0
"""How long an interrupted command waits for its machine's end."""

# What a boot is doing after each mark, for the status line.
_DOING: dict[str, str] = {
    MarkName.VMM_EXEC: "VMM start",
    MarkName.VMM_RUNNING: "firmware and kernel",
    MarkName.INITRAMFS_START: "initramfs",
    MarkName.INITRAMFS_DONE: "PID 1 to sshd",
    MarkName.SSHD_LISTENING: "SSH log-in",
}

EPILOG = """\b
Examples:
  bootwright run web                         a prompt in a new machine
  bootwright run web -- uname -a             one command; run exits with its status
  bootwright run web -- 'ps aux | wc -l'     a single word is run by the guest's shell
  bootwright run web --detach --name db --publish 8080:80
  bootwright run --tiny --kernel debian -- cat /proc/cmdline
  bootwright run --tiny -- sha256sum < FILE  the command reads standard input
"""


class _Command(click.Command):
    """Takes what stands behind -- aside before click sees it, so that no word of the guest's
    command is ever taken for an option or an image."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        position = args.index("--") if "--" in args else len(args)
        ctx.meta[_GUEST_COMMAND] = tuple(args[position + 1 :])
        return super().parse_args(ctx, args[:position])


_GUEST_COMMAND = "bootwright.guest-command"


@click.command("run", cls=_Command, epilog=EPILOG)
@click.argument(
    "arguments",
    nargs=-1,
    type=click.UNPROCESSED,
    metavar="IMAGE [-- COMMAND...]",
    shell_complete=names.images,
)
@boot_options
@click.option("--name", help="Machine name and host name; default: derived from the image name.")
@click.option(
    "--publish",
    "-p",
    multiple=True,
    metavar="HOST:GUEST",
    help="Forward a port of 127.0.0.1 to the guest; HOST 0: any free port.",
)
@click.option("--keep", is_flag=True, help="Keep the machine and its disk after it stops.")
@click.option("--detach", "-d", is_flag=True, help="Leave it running, and print its name.")
@click.option(
    "--console-login",
    is_flag=True,
    help="Give the console a root shell without a password; see bootwright console.",
)
@click.option("--timeout", type=float, metavar="SECONDS", help="Maximum duration of the start-up.")
@click.option("--dry-run", is_flag=True, help="Print the exact commands without running them.")
@click.option("--json", "as_json", is_flag=True, help="Print phases, status and output as JSON.")
@click.pass_obj
def command(entered_ns: int, /, arguments: tuple[str, ...], **options: Any) -> int:
    """Boot a machine from IMAGE and log in, or run COMMAND in it.

    The machine and its disk are removed on exit, unless --keep or --detach is given.
    """
    argv = click.get_current_context().meta[_GUEST_COMMAND]
    image = None
    if options["tiny"]:
        argv = (*arguments, *argv)
    elif arguments:
        image, argv = arguments[0], (*arguments[1:], *argv)
    draft = draft_of(image, options)
    keep = options["keep"] or options["detach"]
    quiet, home = options["as_json"], locate_home()
    wish = Wish(
        home=home,
        draft=draft,
        name=options["name"],
        publish=options["publish"],
        command=argv,
        keep=keep,
        console_login=options["console_login"],
        timeout_s=options["timeout"],
    )
    _check(argv, options)
    request = _decided(wish, quiet=quiet)
    if options["dry_run"]:
        _print_plan(home, request.spec, argv)
        return 0
    ran = carry_out(
        request,
        ("true",) if options["detach"] else argv,
        entered_ns,
        quiet=quiet,
        detach=options["detach"],
    )
    return ran.exit_status


def _decided(wish: Wish, *, quiet: bool) -> BootRequest:
    """Decide what was left open of a boot, and show what takes a while."""
    with screen.observer("kernel", quiet=quiet) as shown:
        observe = ignore if quiet else shown
        if request := wish.request_now(observe):
            return request
        from bootwright.cli import loop  # here: it imports asyncio

        return loop.run(wish.request(observe))


def carry_out(
    request: BootRequest, argv: tuple[str, ...], entered_ns: int, *, quiet: bool, detach: bool
) -> Run:
    """Boot a machine for a command or a prompt, and print what `run` and `start` print."""
    recipe = request.spec.recipe
    given, waited_ns = (None, 0) if recipe.allows_login else standard_input.read(recipe)
    recorder = Recorder()
    recorder.mark(START, entered_ns + waited_ns)
    standard = (sys.stdin, sys.stdout, sys.stderr)
    with (
        _saying_what_is_left(request),
        _shown(request.spec, recorder, quiet=quiet) as observe,
        ExitStack() as ending,
    ):
        monitor = machine_request.request(
            request.home, request.spec, observe, again=request.again, input=given or b""
        )
        ending.callback(_wait_for_end, monitor)
        if not quiet:
            screen.say(describe(request.home, request.spec, request.choice))
        # Imported here, while the machine starts: it imports asyncio.
        from bootwright.booting.boot import run_once
        from bootwright.cli import loop

        running = run_once(
            request,
            argv,
            recorder,
            observe,
            monitor=monitor,
            capture=quiet,
            terminal=bool(argv)
            and not detach
            and all(stream is not None and stream.isatty() for stream in standard),
            detach=detach,
            input=b"" if detach else given,
        )
        ran = loop.run(running)
    if quiet:
        screen.print_json(ran)
    elif detach:
        click.echo(ran.name)
        if request.spec.console_login:
            screen.say(f"a root shell without a password: bootwright console {ran.name}")
    elif ran.phases and ran.phases[-1].name == AFTER[-1].name:
        screen.say(_closing(ran))
        if ran.exit_status == INTERRUPTED:
            screen.say(f"bootwright: interrupted: {_what_is_left(request)}")
    return ran


def _wait_for_end(monitor: MonitorProcess) -> None:
    """Wait until a monitor whose command was interrupted has given back what it took."""
    monitor.connection.close()
    with suppress(subprocess.TimeoutExpired):
        monitor.process.wait(_END_S)


@contextmanager
def _saying_what_is_left(request: BootRequest) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(_what_is_left(request))
        raise


def _what_is_left(request: BootRequest) -> str:
    name = request.spec.name
    if not (request.home.machines / name).exists():
        return f"machine {name} and its disk are removed, nothing is left"
    if request.spec.kept:
        return f"machine {name} is kept; bootwright start {name} starts it again"
    return f"machine {name} is still ending; bootwright ps shows it"


@contextmanager
def _shown(spec: MachineSpec, recorder: Recorder, *, quiet: bool) -> Iterator[Observer]:
    """Show a boot under way, then its phases; pass on what a guest's one command prints."""
    with ExitStack() as stack:
        show = stack.enter_context(screen.observer(spec.name, quiet=quiet))

        def observe(event: Event) -> None:
            match event:
                case MarkReached(name=MarkName.SSH_LOGIN | MarkName.COMMAND_START):
                    stack.close()  # from here on the screen is the command's
                    if not quiet:
                        cut = phases(recorder.marks(), start_up_of(spec.recipe.init))
                        screen.say(text.phase_table(cut, "start-up", screen.width(sys.stderr)))
                case MarkReached() if event.name in _DOING and spec.recipe.allows_login:
                    show(Progress(step=_DOING[event.name]))
                case OutputReceived() if not quiet:
                    streams.write_bytes(event.data)
                case _:
                    show(event)

        yield observe


def _closing(ran: Run) -> str:
    """Return one line that accounts for the whole, to hold against a stopwatch."""
    after = ", ".join(f"{p.name} {text.duration(p.duration_ns)}" for p in ran.phases[-len(AFTER) :])
    return (
        f"whole {text.duration(ran.total_ns)}: start-up {text.duration(ran.start_up_ns)}, {after}"
    )


def describe(home: Home, spec: MachineSpec, choice: Choice) -> str:
    """Return one line that says what boots, and on what."""
    recipe = spec.recipe
    return (
        f"{spec.name}: {recipe.vmm} {recipe.vmm_build.split()[0]} {recipe.machine_type}, "
        f"{recipe.vcpus} vCPU, {recipe.memory_mib} MiB, {kvm_trial.summary(home, choice)}"
        + (f", disk {recipe.disk} ({choice.disk_reason})" if choice.disk_reason else "")
    )


def _check(argv: tuple[str, ...], options: dict[str, Any]) -> None:
    """Refuse options that do not go together."""
    if options["detach"] and argv:
        raise InputError(
            "a detached machine runs no command",
            hint="bootwright run IMAGE --detach, then bootwright ssh NAME -- COMMAND",
        )
    if options["as_json"] and not argv and not options["detach"] and not options["dry_run"]:
        raise InputError("--json needs a command", hint="add one, such as -- true, or use --detach")


def _print_plan(home: Home, spec: MachineSpec, argv: tuple[str, ...]) -> None:
    """Print the commands that a start would run; the sockets' numbers are examples."""
    import shlex

    from bootwright.monitor.prepare import planned

    for comment, words in planned(home, spec, argv):
        click.echo(f"# {comment}")
        click.echo(shlex.join(words))
