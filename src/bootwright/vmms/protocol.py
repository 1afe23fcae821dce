"""The protocol of a VMM: a pure plan, and a launch that releases everything."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from bootwright.disks.disk import Drive, Form
from bootwright.networks.user import Forward
from bootwright.recipes.recipe import Recipe
from bootwright.timelines.evidence import DeviceAccess
from bootwright.timelines.recorder import Recorder
from bootwright.values import dataclass

if TYPE_CHECKING:
    import asyncio

VmmExitReason = Literal["powered-off", "reset", "quit-requested", "died"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchPlan:
    """The host's side of one machine: paths, ports and addresses that are not part of a recipe."""

    name: str
    kernel: Path
    initrd: Path
    log: Path
    """The VMM's output."""
    mac: str
    drives: tuple[Drive, ...] = ()
    forwards: tuple[Forward, ...] = ()
    token: str = ""
    """The token in the environment of the VMM's process; see `host.processes`."""
    counted_until: str = ""
    """Count accesses to devices until a line that ends with this comes over the mark port.
    Empty: do not count, which is faster. Counting takes no time on the virtual clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VmmExit:
    """How a VMM ended."""

    reason: VmmExitReason
    exit_status: int
    """Of the VMM's process; negative: the signal that killed it."""


CpuMode = Literal["boot", "kernel", "user"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VcpuState:
    """The state of a guest's first vCPU."""

    ip: int
    """Its instruction pointer."""
    mode: CpuMode
    """``boot``: not yet in 64-bit mode, so in firmware or in the kernel's first instructions."""
    is_halted: bool
    """Whether it waited for an interrupt."""
    vm_ns: int | None = None
    """The VMM's virtual clock, to 280 ns, if requested and readable; it wraps every 4.6 s."""
    words: tuple[int, ...] = ()
    """Words of 8 bytes from the guest's memory, if requested; empty if there is no memory."""


class RunningVmm(Protocol):
    """A VMM whose guest is loaded, and paused until `resume`."""

    pid: int
    console: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    """The guest's console; writing types."""
    marks: asyncio.StreamReader
    """The guest's mark port, see `guest.module_archive.MARK_PORT`."""
    ended: asyncio.Future[VmmExit]
    stalled: asyncio.Event
    """Set while the VMM has stopped the guest because the host's disk is full; `resume` retries.
    A VMM that cannot do this never sets it."""

    async def resume(self) -> None:
        """Let the guest run; takes the mark ``vmm.running`` at its first instruction."""
        ...

    async def pause(self) -> None:
        """Stop the guest until `resume`; pending disk requests are completed."""
        ...

    async def press_power_button(self) -> None:
        """Press the guest's power button, if it has one."""
        ...

    async def vcpu_state(
        self, *, stopped: bool = False, window: tuple[int, int] | None = None
    ) -> VcpuState:
        """Read the state of the first vCPU.

        Args:
            stopped: Stop the guest meanwhile, and read its clock as well. On the virtual clock
                this costs the guest no time.
            window: With *stopped*, read memory as well: an address as the guest sees it, and how
                many words of 8 bytes.
        """
        ...

    async def accesses(self) -> tuple[DeviceAccess, ...]:
        """Count the guest's accesses to its devices until the VMM's end, and return how many came
        before `LaunchPlan.counted_until`; empty if that never came, or nothing is counted.

        If accesses are counted this must be running before `resume`, or the VMM blocks.
        """
        ...

    async def forwarded(self) -> dict[int, int]:
        """Return which host port leads to which guest port: ``{guest: host}``."""
        ...

    async def quit(self) -> VmmExit:
        """End the VMM now and wait until it is gone."""
        ...


class StartedVmm(Protocol):
    """A VMM's process, which may not have loaded its guest yet."""

    def attached(self) -> AbstractAsyncContextManager[RunningVmm]:
        """Own the VMM; leaving the block ends it and reaps it.

        Takes the mark ``vmm.ready`` once its guest is loaded.

        Raises:
            VmmError: it failed before; its output is attached.
        """
        ...


class Vmm(Protocol):
    """Turns a recipe into a running guest."""

    name: str
    program: str
    """The VMM's program, as it is found on PATH."""
    forms: frozenset[Form]
    """Which drives it can attach."""

    def build(self) -> str:
        """Return the VMM's version text.

        Raises:
            HostError: it is not installed.
        """
        ...

    def drivers(self, recipe: Recipe) -> list[str]:
        """Return the kernel modules that a guest of *recipe* needs to see its devices."""
        ...

    def block_device(self, recipe: Recipe, drive: int, partition: int = 0) -> str:
        """Return the guest's name for the partition of a drive; 0 is the whole drive.

        Args:
            drive: Its index in `LaunchPlan.drives`.
        """
        ...

    def plan(self, recipe: Recipe, placement: LaunchPlan) -> tuple[str, ...]:
        """Return the exact argv, touching nothing."""
        ...

    def start(self, recipe: Recipe, placement: LaunchPlan, recorder: Recorder) -> StartedVmm:
        """Start the VMM's process, with its guest paused; takes the mark ``vmm.exec``.

        It ends with this process at the latest.

        Raises:
            HostError: the VMM is not installed.
        """
        ...
