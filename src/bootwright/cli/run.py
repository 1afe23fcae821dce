"""bootwright run"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import click

from bootwright import __version__
from bootwright import home as homes
from bootwright.cli import names, screen
from bootwright.cli.boot_options import boot_options, check_timeout, completed, draft_of
from bootwright.errors import InputError
from bootwright.home import Home
from bootwright.machine.complete import DEFAULT_KERNEL
from bootwright.machine.draft import Draft
from bootwright.machine.request import request
from bootwright.machine.spec import MachineSpec, check_host_name
from bootwright.machine.trial import Choice
from bootwright.networks.user import Forward
from bootwright.recipe import Recipe
from bootwright.report import text
from bootwright.timeline.phases import AFTER, START, Phase, phases, start_up_of, total_ns
from bootwright.timeline.recorder import Mark, Recorder

if TYPE_CHECKING:
    from bootwright.history.boot import Command
    from bootwright.machine.client import Machine
    from bootwright.machine.monitor_process import MonitorProcess

_TIMEOUT_S = {"kvm": 60.0, "tcg": 300.0}

# What a boot is doing after each mark, for the status line.
_DOING = {
    "vmm.exec": "VMM start",
    "vmm.running": "firmware and kernel",
    "seed.start": "seed",
    "seed.done": "PID 1 to sshd",
    "sshd.listening": "SSH log-in",
}

EPILOG = """\b
Examples:
  bootwright run web                         a prompt in a new machine
  bootwright run web -- uname -a             one command; its exit status is ours
  bootwright run web -- 'ps aux | wc -l'     one word is a line for the guest's shell
  bootwright run web --detach --name db --publish 8080:80
  bootwright run --tiny --kernel debian -- cat /proc/cmdline
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
@click.option("--name", help="The machine's name and host name; default: made from the image's.")
@click.option(
    "--publish",
    "-p",
    multiple=True,
    metavar="HOST:GUEST",
    help="Let a port of 127.0.0.1 lead into the guest; HOST 0: any that is free.",
)
@click.option("--keep", is_flag=True, help="Keep the machine and its disk when it has stopped.")
@click.option("--detach", "-d", is_flag=True, help="Leave it running, and print its name.")
@click.option("--timeout", type=float, metavar="SECONDS", help="How long the start-up may take.")
@click.option("--dry-run", is_flag=True, help="Print the exact commands, and run none.")
@click.option("--json", "as_json", is_flag=True, help="Print phases, status and output as JSON.")
@click.pass_obj
def command(entered_ns: int, /, arguments: tuple[str, ...], **options: Any) -> int:
    """Boot a machine from IMAGE and log in, or run COMMAND in it.

    On exit the machine is gone with all that it owned, unless it is kept or detached.
    """
    argv = click.get_current_context().meta[_GUEST_COMMAND]
    image = None
    if options["tiny"]:
        argv = (*arguments, *argv)
    elif arguments:
        image, argv = arguments[0], (*arguments[1:], *argv)
    draft = draft_of(image, options)
    _check(argv, options, tiny=draft.image is None, bare=draft.init == "bare")
    if draft.clock == "virtual":
        _check_virtual(draft, options)
    home = homes.locate()
    quiet = options["as_json"]
    # All that can be wrong with the words is said before anything is fetched or tried.
    name = check_host_name(options["name"] or fresh_name(draft.image))
    publish = tuple(_forward(text) for text in options["publish"])
    recipe, choice = completed(home, draft, quiet=quiet)
    spec = MachineSpec(
        name=name,
        recipe=recipe,
        publish=publish,
        command=() if recipe.lets_in else argv,
        kept=options["keep"] or options["detach"],
    )
    if options["dry_run"]:
        return _dry_run(home, spec, argv)
    if not quiet:
        screen.say(describe(spec, choice))
    timeout_s = options["timeout"] or default_timeout_s(recipe)
    recorder = Recorder()
    recorder.mark(START, entered_ns)
    monitor = request(home, spec, notice=screen.say)
    session = Session(home, spec, recorder, timeout_s, monitor, quiet=quiet)
    # Imported here, while the machine starts: it imports asyncio.
    from bootwright.cli import loop

    try:
        if recipe.lets_in:
            exit_status = loop.run(session.full(argv, detach=options["detach"]))
        else:
            exit_status = loop.run(session.one_command())
    finally:
        session.remember("run", image=draft.image, kernel=draft.kernel or DEFAULT_KERNEL)
    if options["as_json"]:
        screen.print_json(session.result(choice, exit_status))
    elif options["detach"]:
        click.echo(name)
    elif closing := session.closing():
        screen.say(closing)
    return exit_status


class Session:
    """One start of a machine as seen by the person who typed the command."""

    def __init__(
        self,
        home: Home,
        spec: MachineSpec,
        recorder: Recorder,
        timeout_s: float,
        requested: MonitorProcess | None = None,
        *,
        quiet: bool,
    ) -> None:
        self._home = home
        self._spec = spec
        self._recorder = recorder
        self._timeout_s = timeout_s
        self._requested = requested
        self._quiet = quiet
        self._start_up = start_up_of(spec.recipe.init)
        self._output = b""
        self._error_output = b""

    async def one_command(self) -> int:
        """Run the guest's one command; its output goes to our stdout as it comes."""

        def take(output: bytes) -> None:
            if self._quiet:
                self._output += output
            else:
                sys.stdout.buffer.write(output)
                sys.stdout.buffer.flush()

        async with self._started() as machine:
            await machine.ready(self._timeout_s)
            await self._show_table()
            return await machine.finished(None, take)

    async def full(self, argv: tuple[str, ...], *, detach: bool, again: bool = False) -> int:
        """Boot, log in, and run *argv* or give a prompt."""
        command = ("true",) if detach else argv
        on_terminal = all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
        async with self._started(again=again) as machine:
            await self._wait_ready(machine)
            done = await machine.run(
                command,
                self._show_table,
                terminal=on_terminal and bool(argv) and not self._quiet,
                capture=self._quiet,
            )
            self._output, self._error_output = done.stdout, done.stderr
            if detach:
                machine.set_free()
            return done.exit_status

    @asynccontextmanager
    async def _started(self, *, again: bool = False) -> AsyncIterator[Machine]:
        from bootwright.machine import client

        with ExitStack() as bars:
            shown: list[Callable[[str, float], None]] = []

            def advance(step: str, share: float) -> None:
                # What is done at once has no bar.
                if not shown:
                    bar = screen.progress(self._spec.name, quiet=self._quiet)
                    shown.append(bars.enter_context(bar))
                shown[0](step, share)
                if share == 1:
                    bars.close()

            async with client.started(
                self._home,
                self._spec,
                self._recorder,
                again=again,
                requested=self._requested,
                notice=screen.say,
                on_progress=advance,
            ) as machine:
                yield machine

    async def _wait_ready(self, machine: Machine) -> None:
        with screen.status(f"{machine.name}: VMM start", quiet=self._quiet) as show:

            def follow(mark: Mark) -> None:
                if mark.name in _DOING:
                    show(f"{machine.name}: {_DOING[mark.name]}")

            self._recorder.listen(follow)
            await machine.ready(self._timeout_s)

    async def _show_table(self) -> None:
        if not self._quiet:
            cut = phases(self._recorder.marks(), self._start_up)
            screen.say(text.phase_table(cut, "start-up"))

    def closing(self) -> str:
        """Return one line that accounts for the whole, to hold against a stopwatch."""
        marks = self._recorder.marks()
        whole = phases(marks, (*self._start_up, *AFTER))
        start_up = total_ns(phases(marks, self._start_up))
        if len(whole) < len(self._start_up) + len(AFTER):
            return ""
        after = ", ".join(f"{p.name} {text.duration(p.duration_ns)}" for p in whole[-len(AFTER) :])
        return (
            f"whole {text.duration(total_ns(whole))}: start-up {text.duration(start_up)}, {after}"
        )

    def remember(self, command: Command, *, image: str | None, kernel: str) -> None:
        """Keep the boot in the history, if it came so far that a command could run.

        It is called when the machine is gone, or goes on alone: it costs the boot nothing.

        Args:
            image: What the user calls it; None for the tiny guest.
            kernel: Likewise.
        """
        marks = self._recorder.marks()
        if len(phases(marks, self._start_up)) < len(self._start_up):
            return
        # Imported here, as this too is to cost the boot nothing.
        import msgspec

        from bootwright.history.remember import remember
        from bootwright.timeline.evidence import Evidence, MarkSeen, Pass

        recipe = self._spec.recipe
        evidence = Evidence(
            bootwright=__version__,
            clock=recipe.clock,
            recipe=msgspec.to_builtins(recipe),
            clean=Pass(marks=tuple(MarkSeen(mark.name, mark.time_ns) for mark in marks)),
        )
        remember(
            self._home,
            evidence,
            command=command,
            image=image,
            kernel=kernel,
            notice=screen.say,
        )

    def result(self, choice: Choice, exit_status: int) -> dict[str, object]:
        """Return what --json prints; documented in docs/json.md."""
        marks = self._recorder.marks()
        cut: tuple[Phase, ...] = phases(marks, (*self._start_up, *AFTER))
        return {
            "name": self._spec.name,
            "total_ns": total_ns(cut),
            "start_up_ns": total_ns(phases(marks, self._start_up)),
            "phases": cut,
            "accelerator": choice.accelerator,
            "accelerator_reason": choice.reason,
            "disk": self._spec.recipe.disk,
            "disk_reason": choice.disk_reason,
            "machine": self._spec.recipe.machine,
            "exit_status": exit_status,
            "output": self._output.decode("utf-8", "replace"),
            "error_output": self._error_output.decode("utf-8", "replace"),
        }


def describe(spec: MachineSpec, choice: Choice) -> str:
    """Return one line that says what boots, and on what."""
    recipe = spec.recipe
    return (
        f"{spec.name}: {recipe.vmm} {recipe.vmm_build.split()[0]} {recipe.machine}, "
        f"{recipe.vcpus} vCPU, {recipe.memory_mib} MiB, {choice}"
        + (f", disk {recipe.disk} ({choice.disk_reason})" if choice.disk_reason else "")
    )


def _check(argv: tuple[str, ...], options: dict[str, Any], *, tiny: bool, bare: bool) -> None:
    """Refuse options that do not go together."""
    what = "a tiny guest" if tiny else "a guest with --init bare"
    if (tiny or bare) and not argv:
        how = "--tiny" if tiny else "IMAGE --init bare"
        raise InputError(
            f"{what} needs a command", hint=f"such as: bootwright run {how} -- uname -a"
        )
    if (tiny or bare) and (options["detach"] or options["keep"]):
        raise InputError(
            f"{what} ends with its command; it cannot be kept or detached",
            hint="leave out --keep and --detach, or boot an image"
            + ("" if tiny else " with another init"),
        )
    if tiny and options["publish"]:
        raise InputError(
            "a tiny guest has no network, so no port can lead into it",
            hint="leave out --publish, or boot an image",
        )
    if options["detach"] and argv:
        raise InputError(
            "a detached machine runs no command",
            hint="bootwright run IMAGE --detach, then bootwright ssh NAME -- COMMAND",
        )
    if options["as_json"] and not argv and not options["detach"] and not options["dry_run"]:
        raise InputError(
            "--json has no prompt to give", hint="add a command, such as -- true, or --detach"
        )
    check_timeout(options["timeout"])


def _check_virtual(draft: Draft, options: dict[str, Any]) -> None:
    """Refuse what needs a network, which a guest on the virtual clock has not."""
    if draft.image is not None and draft.init != "bare":
        raise InputError(
            "nobody can log in to a guest on the virtual clock: it has no network, and its time "
            "runs away from a connection that waits",
            hint="one command runs on it: add --init bare, or --tiny without an image",
        )
    if options["publish"]:
        raise InputError(
            "a guest on the virtual clock has no network, so no port can lead into it",
            hint="leave out --publish, or --clock virtual",
        )


def fresh_name(image: str | None) -> str:
    """Return a name that no machine has: 30 random bits behind what it boots."""
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    return f"{_base_name(image)}-" + "".join(letters[byte % 32] for byte in os.urandom(6))


def _base_name(image: str | None) -> str:
    if image is None:
        return "tiny"
    kept = "".join(c if c.isalnum() or c == "-" else "-" for c in image.lower())
    return kept.removeprefix("sha256-")[:20].strip("-") or "machine"


def _forward(rule: str) -> Forward:
    host, _, guest = rule.rpartition(":")
    if not re.fullmatch("[0-9]{1,5}:[0-9]{1,5}", rule):
        raise InputError(
            f"--publish {rule!r} is no pair of ports", hint="such as --publish 8080:80"
        )
    return Forward(host_port=int(host), guest_port=int(guest))


def _dry_run(home: Home, spec: MachineSpec, argv: tuple[str, ...]) -> int:
    """Print the commands that a start would run; the sockets' numbers are examples."""
    import shlex

    from bootwright.machine.prepare import planned

    for comment, words in planned(home, spec, argv):
        click.echo(f"# {comment}")
        click.echo(shlex.join(words))
    return 0


def default_timeout_s(recipe: Recipe) -> float:
    """Return how long a start-up may take where the user does not say."""
    return _TIMEOUT_S[recipe.accelerator]
