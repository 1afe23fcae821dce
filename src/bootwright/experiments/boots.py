"""One boot as a sample: how long each of its phases took, from which point to which.

On the wall clock it begins when the machine's start is asked for, and ends when a command can run
in the guest. On the virtual clock the guest's own log has the times: it begins with the kernel's
clock and ends when the SSH server accepts, or the guest's one command starts.
"""

from __future__ import annotations

import re
import secrets

from bootwright.errors import GuestError
from bootwright.events import Event
from bootwright.evidence.unattended import collect, with_collector
from bootwright.home import Home
from bootwright.machines import client
from bootwright.machines.events import OutputReceived
from bootwright.machines.spec import MachineSpec
from bootwright.recipes.recipe import Recipe
from bootwright.timelines.marks import MarkName
from bootwright.timelines.phases import START, Phase, PhaseSpec, phases, start_up_of
from bootwright.timelines.recorder import Mark, Recorder

_TO_INIT = (
    PhaseSpec(name="kernel", ends=(MarkName.INITRAMFS_START,)),
    PhaseSpec(name="initramfs", ends=(MarkName.INITRAMFS_DONE,)),
)
_GUEST_PHASES = {
    "none": (_TO_INIT[0], PhaseSpec(name="initramfs", ends=(MarkName.COMMAND_START,))),
    "bare": (*_TO_INIT, PhaseSpec(name="PID 1 to command", ends=(MarkName.COMMAND_START,))),
}
_TO_SSHD = (*_TO_INIT, PhaseSpec(name="PID 1 to sshd", ends=(MarkName.SSHD_ACCEPTING,)))
"""By init, the phases on the guest's own clock."""

# The image's dmesg may want rights or not be there; ours is in both guests that run one command.
_TELL = "bb=/run/bootwright/busybox; [ -x $bb ] || bb=busybox; $bb dmesg"
_MARK = re.compile(r"^\[ *(\d+)\.(\d{6})\] bootwright: (\S+)", re.MULTILINE)


def specs(recipe: Recipe) -> tuple[PhaseSpec, ...]:
    """Return the phases that a sample of *recipe* has."""
    if recipe.guest_clock.timed_by_guest:
        return _GUEST_PHASES.get(recipe.init, _TO_SSHD)
    return start_up_of(recipe.init)


def names(recipe: Recipe) -> tuple[str, ...]:
    """Return what the phases of a sample of *recipe* are called, in order."""
    return tuple(spec.name for spec in specs(recipe))


def ends(recipe: Recipe) -> tuple[str, str]:
    """Return what a sample of *recipe* begins and ends with, in words."""
    runs = "the guest's command starts"
    if recipe.allows_login:
        runs = "the SSH server accepts connections"
    if recipe.guest_clock.timed_by_guest:
        return "the kernel's clock starts", runs
    if recipe.allows_login:
        runs = "a command can run over SSH"
    return "bootwright starts the machine", runs


async def boot(home: Home, recipe: Recipe, timeout_s: float) -> dict[str, int]:
    """Boot *recipe* once, and return its phases in nanoseconds; nothing is left of the machine.

    Args:
        timeout_s: How long it may take, on the host's clock.

    Raises:
        GuestError, VmmError: the boot failed.
        BootwrightError: no boot of it can work on this host.
    """
    name = f"measured-{secrets.token_hex(4)}"
    if not recipe.guest_clock.timed_by_guest:
        marks = await _on_the_wall(home, recipe, name, timeout_s)
    elif recipe.allows_login:
        carried = with_collector(home, recipe)
        told = await collect(home, carried, name=name, timeout_s=timeout_s)
        marks = _guest_marks(told.guest_ns)
    else:
        marks = _guest_marks(await _told_by_command(home, recipe, name, timeout_s))
    wanted = specs(recipe)
    cut: tuple[Phase, ...] = phases(marks, wanted)
    if len(cut) < len(wanted):
        missing = " or ".join(wanted[len(cut)].ends)
        raise GuestError(f"the guest did not write the mark {missing}")
    return {phase.name: phase.duration_ns for phase in cut}


def _guest_marks(times_ns: dict[str, int]) -> tuple[Mark, ...]:
    return (
        Mark(name=START, time_ns=0),
        *(Mark(name=name, time_ns=time_ns) for name, time_ns in times_ns.items()),
    )


async def _on_the_wall(home: Home, recipe: Recipe, name: str, timeout_s: float) -> tuple[Mark, ...]:
    command = () if recipe.allows_login else ("true",)
    spec = MachineSpec(name=name, recipe=recipe, command=command)
    recorder = Recorder()
    recorder.mark(START)

    async with client.started(home, spec, recorder) as machine:
        await machine.ready(timeout_s)
        if recipe.allows_login:
            await machine.run(("true",), capture=True)
        return recorder.marks()


async def _told_by_command(
    home: Home, recipe: Recipe, name: str, timeout_s: float
) -> dict[str, int]:
    """Let the guest's one command print its kernel's log, and return its marks' times."""
    output = bytearray()

    def observe(event: Event) -> None:
        if isinstance(event, OutputReceived):
            output.extend(event.data)

    spec = MachineSpec(name=name, recipe=recipe, command=(_TELL,))
    async with client.started(home, spec, Recorder(), observe) as machine:
        await machine.finished(timeout_s)
    times: dict[str, int] = {}
    for seconds, micros, mark in _MARK.findall(output.decode(errors="replace").replace("\r", "")):
        times.setdefault(mark, int(seconds) * 10**9 + int(micros) * 1000)
    return times
