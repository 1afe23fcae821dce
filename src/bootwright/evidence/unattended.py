"""Unattended boots: guests that end by themselves and send their logs, without a log-in.

The guest carries a script (`with_collector`) that its init starts once the SSH server listens.
When the server answers on the guest's loopback the boot has ended; then the script sends the
requested logs over the mark port, and the machine ends. The tiny guest's boot ends when its command
starts, which then sends the kernel's log. All times come from the guest's own kernel log, which
contains every mark that the host also receives.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files

from bootwright.errors import GuestError, InputError
from bootwright.events import Event, Notice, Observer, ignore
from bootwright.guest import initramfs
from bootwright.home import Home
from bootwright.inits import ready
from bootwright.inits.table import INITS
from bootwright.machines import client
from bootwright.machines.events import MarkReached, OutputReceived
from bootwright.machines.messages import VcpuSample
from bootwright.machines.spec import MachineSpec, Watch
from bootwright.monitor.mark_reader import end_of
from bootwright.recipes.recipe import Recipe
from bootwright.timelines.evidence import DeviceAccess, LogLineTime
from bootwright.timelines.marks import MarkName
from bootwright.timelines.recorder import Mark, Recorder

KERNEL_LOG = "kernel"
"""The name of the kernel's log, which is always sent."""

# The tiny guest's output goes to the mark port; the initramfs reports its end.
_TINY_COMMAND = f"""
printf '%s log.start {KERNEL_LOG}\\n' "$token"
echo '<6>bootwright: log.end' >/dev/kmsg
(cat /dev/kmsg &) | awk '/;bootwright: log.end$/ {{ exit }} {{ print }}'
printf '\\n%s log.end {KERNEL_LOG}\\n' "$token"
"""
_MARK = re.compile(r"\d+,\d+,(\d+),[^;]*;bootwright: (\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """The results of one unattended boot."""

    marks: tuple[Mark, ...]
    """Every mark, on the host's clock."""
    logs: dict[str, bytes]
    """The requested logs by name, as the guest sent them."""
    samples: tuple[VcpuSample, ...] = ()
    """Where its vCPU was until the initramfs was done, if sampled."""
    lines: tuple[LogLineTime, ...] = ()
    """When its kernel log lines appeared, on the clock of *samples*."""
    accesses: tuple[DeviceAccess, ...] = ()
    """Its accesses to devices until the boot's end, if counted."""

    @property
    def kernel_log(self) -> list[str]:
        """The records of the kernel's log: ``priority,sequence,microseconds,flags;text``.

        Source: Documentation/ABI/testing/dev-kmsg.
        """
        return self.logs[KERNEL_LOG].decode(errors="replace").splitlines()

    @property
    def guest_ns(self) -> dict[str, int]:
        """When each mark was taken on the guest's clock, which starts with its kernel's.

        The kernel counts microseconds. Of several marks with one name the first counts.
        """
        times: dict[str, int] = {}
        for line in self.kernel_log:
            if found := _MARK.match(line):
                times.setdefault(found[2], int(found[1]) * 1000)
        return times


def with_collector(
    home: Home, recipe: Recipe, logs: Mapping[str, Sequence[str]] | None = None
) -> Recipe:
    """Return *recipe* with the script that ends its boots and sends logs.

    Args:
        logs: Guest commands whose output is sent, by name; the kernel's log always comes last.

    Raises:
        InputError: a guest of *recipe* has no SSH server.
    """
    if not recipe.allows_login:
        raise InputError(
            f"init is {recipe.init!r}, which starts no SSH server that could end the boot",
            hint="give an image with init systemd or tini",
        )
    script = files("bootwright.guest").joinpath("collect.sh").read_text()
    script += "".join(f"send {n} {shlex.join(words)}\n" for n, words in (logs or {}).items())
    script += f"send {KERNEL_LOG} kernel_log\n"
    script += "printf '%s boot.end\\n' \"$token\" >&3\n"
    carried = initramfs.store_guest_files(home, ready.guest_files(INITS[recipe.init], script))
    return replace(recipe, guest_files=(*recipe.guest_files, *carried))


async def collect(
    home: Home,
    recipe: Recipe,
    *,
    name: str,
    timeout_s: float,
    recorder: Recorder | None = None,
    watch: Watch | None = None,
    observe: Observer = ignore,
) -> Collected:
    """Boot a recipe of `with_collector`, or a tiny guest, until it ends.

    Args:
        name: The machine's name; it is removed afterwards.
        timeout_s: How long the boot may take, on the host's clock.
        recorder: Receives the marks; None: a new one.
        watch: What to observe while it boots.

    Raises:
        GuestError: the guest failed, took too long, or its SSH server does not answer.
    """
    recorder = recorder or Recorder()
    logs: dict[str, bytes] = {}
    current = ""

    def listen(event: Event) -> None:
        nonlocal current
        match event:
            case MarkReached(name=MarkName.LOG_START):
                current = event.detail
                logs[current] = b""
            case MarkReached(name=MarkName.LOG_END):
                current = ""
            case OutputReceived() if current:
                logs[current] += event.data
            case Notice():
                observe(event)

    tiny = recipe.init == "none"
    command = (_TINY_COMMAND,) if tiny else ()
    spec = MachineSpec(name=name, recipe=recipe, watch=watch, command=command)
    async with client.started(home, spec, recorder, listen) as vm:
        await vm.reached(MarkName.COMMAND_END if tiny else MarkName.BOOT_END, timeout_s)
    collected = Collected(
        marks=recorder.marks(), logs=logs, samples=vm.samples, lines=vm.lines, accesses=vm.accesses
    )
    if end_of(recipe) not in collected.guest_ns:
        raise GuestError(
            "the guest's kernel keeps no log"
            if tiny
            else "the guest's SSH server does not answer on its own loopback"
        )
    return collected
