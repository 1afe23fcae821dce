"""Booting a machine once and collecting its evidence.

The guest is left alone while it boots. Afterwards ssh logs in verbosely and runs one command; then
the guest's clock is compared and its logs are fetched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from bootwright.errors import GuestError
from bootwright.events import Event, Notice, Observer, Progress, ignore
from bootwright.home import Home
from bootwright.host.clock import now_ns
from bootwright.kernels.kernel import load_kernel
from bootwright.kernels.symbols import Symbols
from bootwright.machines import client
from bootwright.machines.client import Machine
from bootwright.machines.events import MarkReached
from bootwright.machines.messages import VcpuSample
from bootwright.machines.spec import MachineSpec
from bootwright.machines.ssh import SshEndpoint
from bootwright.recipes.recipe import Recipe
from bootwright.timelines import sshlog
from bootwright.timelines.evidence import Exchange, MarkSeen, Pass, ResolvedSample
from bootwright.timelines.marks import MarkName
from bootwright.timelines.recorder import Recorder
from bootwright.timelines.userspace.units import ASK_MANAGER, ASK_UNITS

_EXCHANGES = 20
_ANSWER_S = 30.0
_FETCH_S = 120.0

_COMMAND = "echo hello"
"""The first command. It takes no time itself, so its output marks the end of the boot."""

_EXCHANGE = """\
while read -r number; do
    echo "<6>bootwright: exchange $number" >/dev/kmsg
    echo "$number"
done"""

ASK = f"""\
monotonic=
for look in 1 2 3 4 5; do
    echo '<6>bootwright: monotonic begin' >/dev/kmsg
    {{ read -r now; read -r now; read -r now; }} </proc/timer_list
    echo '<6>bootwright: monotonic end' >/dev/kmsg
    monotonic="$monotonic$now
"
done
echo '=== monotonic'; echo "$monotonic"
echo '=== processes'; cat /proc/[0-9]*/stat 2>/dev/null
if [ -d /run/systemd/system ] && command -v systemctl >/dev/null; then
    echo '=== manager'; {ASK_MANAGER}
    echo '=== units'; {ASK_UNITS}
fi"""
"""The shell script that collects a guest's state after its boot, without the kernel log.

No program is started between reading CLOCK_MONOTONIC and the log lines around it: on a busy guest
that took 200 ms. Source: kernel/time/timer_list.c; the third line has the time.
"""
_FETCH = f"{ASK}\necho '=== kernel_log'; dmesg"


async def record_boot(
    home: Home,
    spec: MachineSpec,
    recorder: Recorder,
    *,
    timeout_s: float,
    observe: Observer = ignore,
) -> Pass:
    """Boot *spec* once and return its evidence; the machine is removed afterwards.

    Samples are resolved by the kernel's symbols.

    Args:
        recorder: Has any earlier marks.
        timeout_s: How long the start-up may take.

    Raises:
        BootwrightError: the machine did not start, or its guest did not answer.
    """
    details: dict[str, str] = {}

    def listen(event: Event) -> None:
        if isinstance(event, MarkReached):
            details.setdefault(event.name, event.detail)
        elif isinstance(event, Notice):
            observe(event)

    async with client.started(home, spec, recorder, listen) as machine:
        await machine.ready(timeout_s)
        observe(Progress(step="SSH log-in"))
        ssh_lines = await _first_command(machine)
        marks = tuple(
            MarkSeen(mark.name, mark.time_ns, details.get(mark.name, ""))
            for mark in recorder.marks()
        )
        observe(Progress(step="fetching the guest's logs"))
        exchanges = await _exchange(machine.reach())
        answers = await _fetch(machine.reach())
        await machine.quit()
        samples = machine.samples
    return Pass(
        samples=resolve_samples(home, spec.recipe, samples) if samples else (),
        marks=marks,
        kernel_log=answers.get("kernel_log", ""),
        monotonic=answers.get("monotonic", ""),
        manager=answers.get("manager", ""),
        units=answers.get("units", ""),
        processes=answers.get("processes", ""),
        exchanges=exchanges,
        ssh=ssh_lines,
    )


def resolve_samples(
    home: Home, recipe: Recipe, samples: Iterable[VcpuSample]
) -> tuple[ResolvedSample, ...]:
    """Return *samples* with the kernel's functions in the addresses' place.

    Guests are started by PVH or answers ``nokaslr``, so addresses are as they were linked.
    """
    symbols = Symbols.of(load_kernel(home, recipe.kernel))
    return tuple(
        ResolvedSample(sample.time_ns, symbols.where(sample.ip, sample.mode), sample.is_halted)
        for sample in samples
    )


async def _first_command(machine: Machine) -> tuple[MarkSeen, ...]:
    """Log in, run a command, and return ssh's debug lines with their times."""
    argv = machine.reach().ssh([_COMMAND])
    lines = [MarkSeen(sshlog.STARTED, now_ns())]
    process = await asyncio.create_subprocess_exec(
        argv[0],
        "-v",
        # ssh takes the first of repeated options; the default options make it silent.
        *("-o", "LogLevel=DEBUG1"),
        *argv[1:],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None

    async def listen(stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            lines.append(MarkSeen(line.decode("utf-8", "replace").strip(), now_ns()))
            if lines[-1].name.startswith(sshlog.AUTHENTICATED):
                machine.recorder.mark(MarkName.SSH_LOGIN, lines[-1].time_ns)

    async def await_output(stream: asyncio.StreamReader) -> None:
        if await stream.read(1):
            lines.append(MarkSeen(sshlog.OUTPUT, now_ns()))
        await stream.read()

    try:
        async with asyncio.timeout(_ANSWER_S):
            await asyncio.gather(
                listen(process.stderr), await_output(process.stdout), process.wait()
            )
    except TimeoutError:
        pass  # reported below
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    found = tuple(sorted(lines, key=lambda line: line.time_ns))
    if sshlog.end_ns(found) is None:
        raise GuestError(
            "the guest's SSH server listens, but cannot run a command",
            hint="to see why: bootwright run IMAGE -- true",
            evidence="\n".join(line.name for line in found[-5:]),
        )
    return found


async def _exchange(reach: SshEndpoint) -> tuple[Exchange, ...]:
    """Compare the guest's clock repeatedly: the quickest exchanges are the most precise."""
    process = await asyncio.create_subprocess_exec(
        *reach.ssh([_EXCHANGE]),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    found = []
    try:
        async with asyncio.timeout(_ANSWER_S):
            for number in range(_EXCHANGES):
                before_ns = now_ns()
                process.stdin.write(f"{number}\n".encode())
                if not await process.stdout.readline():
                    break
                found.append(Exchange(number, before_ns, now_ns()))
    except (TimeoutError, ConnectionError):
        pass  # fewer exchanges mean a larger printed error
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    return tuple(found)


async def _fetch(reach: SshEndpoint) -> dict[str, str]:
    """Fetch the guest's logs and state, by section."""
    process = await asyncio.create_subprocess_exec(
        *reach.ssh([_FETCH]),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_FETCH_S):
            output, complaint = await process.communicate()
    except TimeoutError:
        raise GuestError(f"the guest did not send its logs within {_FETCH_S:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    answers = sections(output.decode("utf-8", "replace"))
    if "kernel_log" not in answers:
        raise GuestError(
            "the guest could not send its logs",
            evidence=complaint.decode("utf-8", "replace").strip(),
        )
    return answers


def sections(output: str) -> dict[str, str]:
    """Split *output* at its ``=== NAME`` lines, and return the parts by name."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in output.splitlines(keepends=True):
        if line.startswith("=== "):
            lines = found.setdefault(line[4:].strip(), [])
        else:
            lines.append(line)
    return {name: "".join(lines) for name, lines in found.items()}
