"""Evidence: what a boot left behind, raw, so that it can be read again by a later analysis."""

from __future__ import annotations

import msgspec

VERSION = 1
"""Of what is written; a newer bootwright reads older ones."""


class MarkSeen(msgspec.Struct, frozen=True):
    """A mark: the host's monotonic clock when it was taken, in nanoseconds."""

    name: str
    time_ns: int
    detail: str = ""


class Exchange(msgspec.Struct, frozen=True):
    """One look at the guest's clock from outside.

    The guest wrote ``bootwright: exchange N`` into its kernel log between *before_ns* and
    *after_ns* of the host's monotonic clock.
    """

    number: int
    before_ns: int
    after_ns: int


class ResolvedSample(msgspec.Struct, frozen=True):
    """Where the guest's first vCPU was."""

    time_ns: int
    """On the host's monotonic clock; of a guest on the virtual clock, on the VMM's own, which
    begins with the VMM."""
    where: str
    """A function of the kernel, or ``user space``, ``firmware``, ``an address without a name``."""
    is_halted: bool = False
    """Whether it waited for an interrupt."""


class DeviceAccess(msgspec.Struct, frozen=True):
    """What a guest did with one device, by ports and mapped memory, until its boot's end."""

    device: str
    reads: int
    writes: int
    bytes: int
    """Of both together."""


class LogLineTime(msgspec.Struct, frozen=True):
    """A line of the kernel log, on the guest's printk clock and on the one of the samples.

    It came between *before_ns* and *after_ns* of the latter.
    """

    time_ns: int
    before_ns: int
    after_ns: int


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """One boot, as seen from outside and as the guest tells it afterwards."""

    marks: tuple[MarkSeen, ...] = ()
    kernel_log: str = ""
    """As dmesg(1) prints it."""
    monotonic: str = ""
    """Between each two lines ``bootwright: monotonic begin`` and ``end`` of its kernel log the
    guest read one line of this from /proc/timer_list: CLOCK_MONOTONIC, ``now at N nsecs``."""
    manager: str = ""
    """``systemctl show``: the manager's own properties; empty without systemd."""
    units: str = ""
    """``systemctl show`` of every unit, some properties; a blank line between two."""
    processes: str = ""
    """The lines of ``/proc/*/stat``."""
    exchanges: tuple[Exchange, ...] = ()
    samples: tuple[ResolvedSample, ...] = ()
    """From the first instruction until the initramfs handed over."""
    accesses: tuple[DeviceAccess, ...] = ()
    """From the first instruction, the firmware's, until the guest told that its boot had ended; the
    UARTs first, then the device with the most. Only a pass on the virtual clock is watched so."""
    lines: tuple[LogLineTime, ...] = ()
    """On the virtual clock, where there are samples."""
    ssh: tuple[MarkSeen, ...] = ()
    """What ssh told of its log-in, as ``ssh -v`` says it, each line with the host's time."""

    def first_times(self) -> dict[str, int]:
        """Return when each mark was taken, by the host; of several with one name the first."""
        times: dict[str, int] = {}
        for mark in self.marks:
            times.setdefault(mark.name, mark.time_ns)
        return times


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a boot: a clean pass, and one that was watched more closely."""

    version: int = VERSION
    bootwright: str = ""
    clock: str = "wall"
    recipe: dict[str, object] = {}
    clean: Pass = Pass()
    instrumented: Pass | None = None
    sampled: Pass | None = None
    """On the virtual clock a pass that has samples, if one was asked for; on the wall clock the
    instrumented pass has them."""
