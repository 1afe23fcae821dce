"""Booting a machine for somebody who uses it: from what was asked for to a command's end.

`boot`, `start` and `run` are the library's; the commands of the same names are made of the rest.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bootwright import __version__
from bootwright.booting.keywords import (
    BootOptions,
    RunOptions,
    bytes_of,
    home_of,
    takes,
    takes_first_and,
    words_of,
)
from bootwright.booting.request import BootRequest, Wish, check_input, kept
from bootwright.booting.vm import VM, Run
from bootwright.errors import InputError
from bootwright.events import Event, Observer, ignore
from bootwright.home import Home
from bootwright.machines import client
from bootwright.machines.events import OutputReceived
from bootwright.machines.lifetime import cancelled_at
from bootwright.machines.monitor_process import MonitorProcess
from bootwright.timelines.marks import MarkName
from bootwright.timelines.phases import START, phases, start_up_of
from bootwright.timelines.recorder import Recorder


@takes(BootOptions)
@asynccontextmanager
async def boot(options: BootOptions) -> AsyncIterator[VM]:
    """Boot a machine, and own it for the length of the block.

    The block begins when the guest's SSH server listens (of a guest that runs one command: when
    that begins). After it the machine is gone, with all that it had, whatever ended the block; one
    with *keep* has been shut down and lies ready to start. When the machine ends by itself, the
    block is cancelled, and the error says how it ended, with the last lines of its console.

    Raises:
        InputError: something that was given cannot be used.
        GuestError: the guest did not become ready, or ended during the block.
        VmmError: the VMM did not start, or died.
        HostError: this host lacks something.
    """
    recorder = Recorder()
    recorder.mark(START)
    request = await _requested(options, words_of(options.command))
    if options.command and request.spec.recipe.allows_login:
        raise InputError(
            f"a guest with init {request.spec.recipe.init!r} runs no command by itself",
            hint='log in instead: vm.run("uname -a")',
        )
    given = bytes_of(options.input)
    check_input(request.spec.recipe, given, has_command=bool(options.command))
    async with booted(request, recorder, options.observer, input=given) as vm:
        yield vm


@asynccontextmanager
async def start(
    name: str,
    *,
    console_login: bool | None = None,
    timeout: float | None = None,  # noqa: ASYNC109
    home: Home | Path | str | None = None,
    observer: Observer = ignore,
) -> AsyncIterator[VM]:
    """Start a kept machine again, with its disk as it left it, for the length of the block.

    Afterwards it is shut down again, unless it was detached.

    Args:
        console_login: Whether its console has a root shell this time; None: as it was made.

    Raises:
        NotFoundError: there is none of that name.
        BootwrightError: as for `boot`.
    """
    recorder = Recorder()
    recorder.mark(START)
    request = kept(home_of(home), name, timeout, console_login=console_login)
    async with booted(request, recorder, observer) as vm:
        yield vm


@takes_first_and(RunOptions)
async def run(command: str | Sequence[str], options: RunOptions) -> Run:
    """Boot a machine, run one command in it, and end it.

    Args:
        command: One string is a line for the guest's shell; several are a program and its
            arguments.
        options: As for `boot`.

    Raises:
        LostGuestError: the guest went away while the command ran.
        BootwrightError: as for `boot`.
    """
    recorder = Recorder()
    recorder.mark(START)
    words, given = words_of(command), bytes_of(options.input)
    request = await _requested(options, words)
    return await run_once(request, words, recorder, options.observer, input=given)


async def _requested(options: RunOptions, command: tuple[str, ...]) -> BootRequest:
    rules = (options.publish,) if isinstance(options.publish, str) else options.publish
    wish = Wish(
        home=home_of(options.home),
        draft=options.draft(),
        name=options.name,
        publish=tuple(rules),
        command=command,
        keep=options.keep,
        console_login=options.console_login,
        timeout_s=options.timeout,
    )
    return await wish.request(options.observer)


async def run_once(
    request: BootRequest,
    command: tuple[str, ...],
    recorder: Recorder,
    observe: Observer,
    *,
    monitor: MonitorProcess | None = None,
    capture: bool = True,
    terminal: bool = False,
    detach: bool = False,
    input: bytes | None = b"",
) -> Run:
    """Boot a machine for one command, or for a prompt where there is none; then end it.

    Args:
        monitor: As for `booted`.
        capture: Whether to return what the command prints. Else it has this process's own standard
            streams; the output of a guest's one command is only observed.
        terminal: Whether a command that is not captured gets a terminal.
        detach: Let the machine go on afterwards.
        input: What the command reads; None: this process's own standard input, for a guest that
            one logs in to.
    """
    recipe = request.spec.recipe
    carried = b"" if recipe.allows_login else input or b""
    check_input(recipe, carried, has_command=True)
    booting = booted(request, recorder, observe, monitor=monitor, capture=capture, input=carried)
    async with booting as vm:
        if not recipe.allows_login:
            done = await vm.finished()
        elif capture:
            done = await vm.run(*command, input=input)
        else:
            done = await vm.interact(*command, terminal=terminal)
        if detach:
            vm.detach()
    return vm.summary(done)


@asynccontextmanager
async def booted(
    request: BootRequest,
    recorder: Recorder,
    observe: Observer,
    *,
    monitor: MonitorProcess | None = None,
    capture: bool = True,
    input: bytes = b"",
) -> AsyncIterator[VM]:
    """Boot a machine for the length of the block; see `boot`.

    Afterwards the boot is in the history, if it came so far that a command could run.

    Args:
        recorder: Has the mark `START`.
        monitor: What `machines.request.request` returned, where that was called already.
        capture: Whether to keep the output of a guest's one command.
        input: What that command reads.
    """
    output = bytearray()

    def collect(event: Event) -> None:
        if capture and isinstance(event, OutputReceived):
            output.extend(event.data)
        observe(event)

    started = client.started(
        request.home,
        request.spec,
        recorder,
        collect,
        again=request.again,
        input=input,
        requested=monitor,
    )
    try:
        async with started as machine:
            await machine.ready(request.timeout_s)
            with cancelled_at(machine.ended, machine.lost):
                yield VM(machine, request.choice, output)
            if request.spec.recipe.allows_login:
                machine.mark(MarkName.COMMAND_END)
                machine.note_login()
    finally:
        remember(request, recorder, observe)


def remember(request: BootRequest, recorder: Recorder, observe: Observer) -> None:
    """Keep a boot in the history, if it came so far that a command could run.

    It is called when the machine is gone, or goes on alone: it costs the boot nothing.
    """
    recipe, marks = request.spec.recipe, recorder.marks()
    specs = start_up_of(recipe.init)
    if len(phases(marks, specs)) < len(specs):
        return
    # Imported here, as this too is to cost the boot nothing.
    import msgspec

    from bootwright.history.remember import remember as store
    from bootwright.timelines.evidence import Evidence, MarkSeen, Pass

    evidence = Evidence(
        bootwright=__version__,
        clock=recipe.clock,
        recipe=msgspec.to_builtins(recipe),
        clean=Pass(marks=tuple(MarkSeen(mark.name, mark.time_ns) for mark in marks)),
    )
    store(
        request.home,
        evidence,
        command="start" if request.again else "run",
        image=request.image,
        kernel=request.kernel,
        observe=observe,
    )
