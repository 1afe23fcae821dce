"""QEMU: its command line, its process, and QMP.

It inherits the sockets for its console, mark port and QMP: they need no names, and no byte is lost
before somebody listens. It starts paused, so that the mark ``vmm.running``
is taken at the guest's first instruction.

Source: qemu(1); QEMU's docs/interop/qmp-spec and qapi/run-state.json.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
from contextlib import AbstractAsyncContextManager, suppress
from fcntl import F_SETPIPE_SZ, fcntl
from io import FileIO

from bootwright.disks.disk import Form
from bootwright.disks.table import disk
from bootwright.errors import HostError
from bootwright.host import commands, processes, tools
from bootwright.recipes.recipe import Recipe
from bootwright.timelines.marks import MarkName
from bootwright.timelines.recorder import Recorder
from bootwright.vmms.protocol import LaunchPlan, RunningVmm
from bootwright.vmms.qemu_argv import PROGRAM, argv

_DRIVE_DRIVERS: dict[Form, tuple[str, ...]] = {
    "raw": ("virtio_blk",),
    "qcow2": ("virtio_blk",),
    # The first makes the device known, the second makes a block device of it.
    "memory": ("virtio_pmem", "nd_pmem"),
}
_PIPE_BYTES = 1 << 20
"""What a user may have. Source: pipe(7), /proc/sys/fs/pipe-max-size."""
_PLANNED_FDS = (3, 4, 5, 6)
"""The numbers that a dry run shows for the sockets, and the pipe of counted accesses."""


class Qemu:
    """QEMU on x86-64."""

    name = "qemu"
    program = PROGRAM
    forms: frozenset[Form] = frozenset(_DRIVE_DRIVERS)

    def build(self) -> str:
        """Return what ``qemu-system-x86_64 --version`` says, without the first two words."""
        [program] = tools.require(PROGRAM)
        said = commands.run([program, "--version"])
        found = re.search(r"version (.+)", said.stdout)
        if not found:
            raise HostError(f"{program} --version printed no version: {said.stderr.strip()}")
        return found.group(1).strip()

    def drivers(self, recipe: Recipe) -> list[str]:
        """Return the kernel modules that a guest of *recipe* needs to see its devices."""
        devices = [] if recipe.disk == "none" else [*_DRIVE_DRIVERS[disk(recipe.disk).form]]
        devices += ["virtio_net"] if recipe.network != "none" else []
        transport = "virtio_mmio" if recipe.machine_type == "microvm" else "virtio_pci"
        return [transport, *devices] if devices else []

    def block_device(self, recipe: Recipe, drive: int, partition: int = 0) -> str:
        """Return ``/dev/vda`` or ``/dev/pmem0`` for the first drive, or one of its partitions."""
        if disk(recipe.disk).form == "memory":
            return f"/dev/pmem{drive}" + (f"p{partition}" if partition else "")
        return f"/dev/vd{'abcdefgh'[drive]}{partition or ''}"

    def plan(self, recipe: Recipe, placement: LaunchPlan) -> tuple[str, ...]:
        """Return the exact argv; the numbers of the inherited sockets are examples."""
        return argv(recipe, placement, _PLANNED_FDS)

    def start(self, recipe: Recipe, placement: LaunchPlan, recorder: Recorder) -> StartedQemu:
        """Start QEMU with its guest paused."""
        tools.require(PROGRAM, "setpriv")
        qmp, their_qmp = socket.socketpair()
        console, their_console = _port(recipe)
        marks, their_marks = _port(recipe)
        ours: list[End] = [qmp, console, marks]
        theirs: list[End] = [their_qmp, their_console, their_marks]
        trace = None
        if placement.counted_until:
            trace, their_trace = _pipe()
            ours.append(trace)
            theirs.append(their_trace)
        fds = tuple(end.fileno() for end in theirs)
        try:
            with placement.log.open("ab") as log:
                recorder.mark(MarkName.VMM_EXEC)
                process = subprocess.Popen(
                    argv(recipe, placement, fds),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=processes.environment_with_token(placement.token),
                    pass_fds=fds,
                    start_new_session=True,
                )
        except BaseException:
            for end in ours:
                end.close()
            raise
        finally:
            for end in theirs:
                end.close()
        return StartedQemu(process, placement, recorder, qmp, console, marks, trace)


End = socket.socket | FileIO
"""One end of a guest's port."""


def _port(recipe: Recipe) -> tuple[End, End]:
    """Create the two ends of a guest's serial port: the monitor's and QEMU's.

    On the virtual clock a port only speaks, since what is typed would come when the host sends it,
    and it never waits: its pipe is large. In a socket each write, here a byte, takes some 768 bytes
    of the room, so that 300 of them fill it; while the host is busy, the guest would see how long.
    """
    if not recipe.guest_clock.is_closed:
        return socket.socketpair()
    return _pipe()


def _pipe() -> tuple[FileIO, FileIO]:
    """Return the two ends of a large pipe: for reading, for writing."""
    reading, writing = os.pipe()
    ends = FileIO(reading, "r"), FileIO(writing, "w")
    with suppress(PermissionError):  # this user has many pipes; an ordinary one will mostly do
        fcntl(writing, F_SETPIPE_SZ, _PIPE_BYTES)
    return ends


class StartedQemu:
    """QEMU's process, and the monitor's ends of its ports."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        placement: LaunchPlan,
        recorder: Recorder,
        qmp: socket.socket,
        console: End,
        marks: End,
        trace: FileIO | None,
    ) -> None:
        self.process = process
        self.placement = placement
        self.recorder = recorder
        self.qmp = qmp
        self.console = console
        self.marks = marks
        self.trace = trace

    def attached(self) -> AbstractAsyncContextManager[RunningVmm]:
        """Wait until the guest is loaded; end and reap QEMU when the block is left."""
        # Imported here, while QEMU starts: it takes some 30 ms.
        from bootwright.vmms.qemu_running import attached

        return attached(self)
