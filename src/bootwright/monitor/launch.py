"""A monitor's first moments: from what it is told to the VMM's process.

A boot waits for what is done here, so it is done one thing after the other. asyncio is imported
afterwards, while the VMM starts: its import takes longer than all of this.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from bootwright.disks.disk import DiskKind, DiskLocation, OpenedDisk
from bootwright.errors import BootwrightError, HostError
from bootwright.events import ignore
from bootwright.guest.identity import fixed_identity, new_identity, user_key
from bootwright.home import Home
from bootwright.host import descriptors, processes, space
from bootwright.journal import DEVICE_PREFIX, JournalEntry
from bootwright.machines import endings, messages
from bootwright.machines.folder import MachineFolder, claimed_folder, find_machine, remove_machine
from bootwright.machines.limits import DESCRIPTORS
from bootwright.machines.messages import Start
from bootwright.machines.parts import Parts, load
from bootwright.machines.recovery import reclaim
from bootwright.machines.spec import MONITOR, MachineSpec
from bootwright.monitor.prepare import disk_of, placement, write_initrd
from bootwright.timelines.recorder import Recorder
from bootwright.vmms.protocol import LaunchPlan, StartedVmm

_DEVICE_LETTERS = 32
"""What of a machine's name is in that of its device, so that there is room for the rest."""


class EndWanted(Exception):
    """The machine is to end before it has begun."""


class Launch:
    """One machine until its VMM's process runs."""

    folder: MachineFolder
    parts: Parts
    listener: socket.socket
    """The machine's control socket."""
    disk: OpenedDisk
    placement: LaunchPlan
    vmm: StartedVmm

    def __init__(self, start: Start) -> None:
        self.home = start.home
        self.spec = start.spec
        self.again = start.again
        self.recorder = Recorder()
        self.started_s = int(time.time())
        self.stack = ExitStack()
        """Gives back what was taken, in reverse order."""
        self.disk_location: tuple[DiskKind, DiskLocation] | None = None
        """The kind of the machine's disk, and where it lies."""
        self.slow_disk: tuple[DiskKind, DiskLocation] | None = None
        """A disk that is still to be made, as that takes a while, before `start_vmm`."""
        self.failure: BaseException | None = None
        self.end_wanted = False
        """Whether this process was asked to end."""

    def begin(self) -> None:
        """Take every resource in order and start the VMM, unless there is a slow disk to be made.

        Raises nothing: a failure is kept for `bootwright.monitor.monitor`, which can tell of it.
        """
        self.recorder.mark("monitor.begun")
        try:
            self._hold()
            self._make_identity()
            if self.slow_disk is None:
                self.start_vmm()
        except BaseException as error:
            self.failure = error

    def _hold(self) -> None:
        """Take the folder, the lock, and the sockets and files in it."""
        _begin_log(self.home)
        descriptors.require(DESCRIPTORS)
        spec, stack = self.spec, self.stack
        folder = self.folder = stack.enter_context(_held(self.home, spec, self.again))
        stack.enter_context(space.disk_full_explained(folder.path, f"{spec.name} was started"))
        self.listener = stack.enter_context(folder.listening())
        self.recorder.mark("machine.claimed")
        self.parts = load(self.home, spec.recipe)
        self.disk_location = disk_of(self.home, folder, spec, self.parts, _device_name(spec))
        stack.enter_context(folder.journal.taking("file", folder.initrd.name))

    def _make_identity(self) -> None:
        """Make the machine's own keys and names, and its disk if that is quick."""
        recipe = self.spec.recipe
        if self.again:
            self.folder.begin_logs()
            return
        is_shared = recipe.guest_clock.shares_identity
        scratch = self.folder.path if recipe.allows_login else None
        self.folder.write(fixed_identity() if is_shared else new_identity(self.spec.name, scratch))
        if self.disk_location is not None:
            kind, place = self.disk_location
            if kind.is_slow:
                self.slow_disk = self.disk_location
            else:
                kind.make(place, ignore)

    def start_vmm(self) -> None:
        """Start the VMM; the disk is made."""
        self.recorder.mark("disk.made")
        self._write_initrd()
        self.disk = self._open_disk()
        row = self.stack.enter_context(self.folder.journal.taking("process", "vmm"))
        self.placement = placement(
            self.folder,
            self.spec,
            self.parts,
            mac=self.folder.identity().mac,
            drives=self.disk.drives,
            token=row.token,
        )
        self.folder.write(endings.lost(self.started_s))
        with noting_failure(self.folder):
            self.vmm = self.parts.vmm.start(self.spec.recipe, self.placement, self.recorder)

    def _write_initrd(self) -> None:
        recipe, identity = self.spec.recipe, self.folder.identity()
        if identity.host_key_public:
            known = f"{self.spec.name} {identity.host_key_public}\n"
            self.folder.known_hosts.write_text(known)
        # Where nobody can log in, a key is but bytes to read, and another user's are others.
        authorized = recipe.allows_login and not recipe.guest_clock.is_closed
        write_initrd(
            self.home,
            self.parts,
            identity,
            self.folder.initrd,
            authorized_key=user_key(self.home)[1] if authorized else "",
            command=self.spec.command,
            new_disk=not self.again,
        )
        self.recorder.mark("initrd.made")

    def _open_disk(self) -> OpenedDisk:
        """Take what the machine's disk needs of the kernel while it runs."""
        if self.disk_location is None:
            return OpenedDisk(drives=())
        kind, place = self.disk_location
        if kind.opened is None:
            return OpenedDisk(drives=kind.drives(place))
        taking = self.folder.journal.taking("device", f"{DEVICE_PREFIX}{place.device}")
        self.stack.enter_context(taking)
        opened = self.stack.enter_context(kind.opened(place))
        self.recorder.mark("disk.opened")
        return opened


def _device_name(spec: MachineSpec) -> str:
    # Such names are the whole host's: the machine's own would not do.
    return f"{spec.name[:_DEVICE_LETTERS]}-{os.urandom(4).hex()}"


@contextmanager
def noting_failure(folder: MachineFolder) -> Iterator[None]:
    """Write down, where the block fails, that the machine did not start."""
    try:
        yield
    except (BootwrightError, EndWanted) as error:
        with suppress(OSError):  # on a full disk it stays what it was: lost
            folder.write(endings.not_started(str(error)))
        raise


@contextmanager
def _held(home: Home, spec: MachineSpec, again: bool) -> Iterator[MachineFolder]:
    """Hold the machine's folder and its lock; at the end the folder is gone, or ready to start."""
    reclaim(home)  # a dead machine must not hold the name
    token = os.environ[processes.VARIABLE]
    with _found(home, spec) if again else claimed_folder(home, spec) as folder:
        try:
            folder.journal.write(
                JournalEntry(event="take", kind="process", name=MONITOR, token=token)
            )
            yield folder
        finally:
            folder.give_back(except_token=token)
            if not folder.is_worth_keeping():
                remove_machine(folder)


@contextmanager
def _found(home: Home, spec: MachineSpec) -> Iterator[MachineFolder]:
    folder = find_machine(home, spec.name)
    with folder.locked():
        yield folder


def _begin_log(home: Home) -> None:
    """Let what this process prints, and what Python prints when it fails, go to the monitors' log.

    Raises:
        HostError: the log cannot be written to.
    """
    path = home.logs / "monitors.log"
    try:
        home.logs.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as log:
            os.dup2(log.fileno(), sys.stdout.fileno())
            os.dup2(log.fileno(), sys.stderr.fileno())
    except OSError as error:
        raise HostError(
            f"cannot write the monitors' log: {error}",
            hint=f"check the permissions of {path.parent}",
        ) from error


def _first_line(command: socket.socket) -> tuple[bytes, bytes]:
    """Wait for a line; return it, and what came with it of the next. Nothing: the command was cut."""
    received = b""
    while b"\n" not in received:
        data = command.recv(1 << 16)
        if not data:
            return b"", b""
        received += data
    line, _, more = received.partition(b"\n")
    return line, more


def main() -> None:
    """Serve the machine that standard input, the command, tells of."""
    # A terminal's Ctrl-C is for the command; what it means for us comes over the command.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    command = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    line, more = _first_line(command)
    if line:
        start = messages.to_monitor(line)
        assert isinstance(start, Start), start
        launch = Launch(start)

        def note_end(number: int, frame: object) -> None:
            launch.end_wanted = True

        signal.signal(signal.SIGTERM, note_end)  # the host shuts down, say
        launch.begin()
        # Here, while the VMM starts.
        from bootwright.monitor import monitor

        # See `monitor_process`; what is imported by now stays.
        gc.freeze()
        gc.enable()
        monitor.serve(launch, command, more)
    # All is given back: the command that waits for our end need not wait for the interpreter's.
    os._exit(0)
