"""Launching a machine: from the command's request to the VMM's process.

The boot waits for this code, so it is synchronous. asyncio is imported afterwards, while the VMM
starts: its import takes longer than all of this.
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
from bootwright.machines.parts import Parts, parts_of
from bootwright.machines.recovery import reclaim
from bootwright.machines.spec import MONITOR, MachineSpec
from bootwright.monitor.prepare import disk_of, placement, write_initrd
from bootwright.timelines.marks import MarkName
from bootwright.timelines.recorder import Recorder
from bootwright.vmms.protocol import LaunchPlan, StartedVmm

_DEVICE_LETTERS = 32
"""How much of a machine's name is part of its device's name."""


class EndWanted(Exception):
    """The machine must end before it has started."""


class Launch:
    """The launch of one machine, until its VMM's process runs."""

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
        self.input = start.input
        self.recorder = Recorder()
        self.started_s = int(time.time())
        self.stack = ExitStack()
        """Releases the resources in reverse order."""
        self.disk_location: tuple[DiskKind, DiskLocation] | None = None
        """The machine's disk: its kind and location."""
        self.slow_disk: tuple[DiskKind, DiskLocation] | None = None
        """A disk that takes long to create, and must be made before `start_vmm`."""
        self.failure: BaseException | None = None
        self.end_wanted = False
        """Whether this process has been asked to end."""

    def begin(self) -> None:
        """Acquire all resources and start the VMM, unless a slow disk must be made first.

        Raises nothing: a failure is stored for `bootwright.monitor.monitor`, which reports it.
        """
        self.recorder.mark(MarkName.MONITOR_BEGUN)
        try:
            self._hold()
            self._make_identity()
            if self.slow_disk is None:
                self.start_vmm()
        except BaseException as error:
            self.failure = error

    def _hold(self) -> None:
        """Acquire the folder, its lock, and the sockets and files in it."""
        _begin_log(self.home)
        descriptors.require(DESCRIPTORS)
        spec, stack = self.spec, self.stack
        folder = self.folder = stack.enter_context(_held(self.home, spec, self.again))
        stack.enter_context(space.disk_full_explained(folder.path, f"{spec.name} was started"))
        self.listener = stack.enter_context(folder.listening())
        self.recorder.mark(MarkName.MACHINE_CLAIMED)
        self.parts = parts_of(self.home, spec.recipe)
        self.disk_location = disk_of(self.home, folder, spec, self.parts, _device_name(spec))
        stack.enter_context(folder.journal.taking("file", folder.initrd.name))

    def _make_identity(self) -> None:
        """Create the machine's identity, and its disk if that is quick."""
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
        """Start the VMM; the disk must exist."""
        self.recorder.mark(MarkName.DISK_MADE)
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
        # Where nobody can log in, a key is useless, and would make boots differ between users.
        authorized = recipe.allows_login and not recipe.guest_clock.is_closed
        write_initrd(
            self.home,
            self.parts,
            identity,
            self.folder.initrd,
            authorized_key=user_key(self.home)[1] if authorized else "",
            command=self.spec.command,
            input=self.input,
            new_disk=not self.again,
            console_login=self.spec.console_login,
        )
        self.recorder.mark(MarkName.INITRD_MADE)

    def _open_disk(self) -> OpenedDisk:
        """Open the machine's disk, and its block device if it needs one."""
        if self.disk_location is None:
            return OpenedDisk(drives=())
        kind, place = self.disk_location
        if kind.opened is None:
            return OpenedDisk(drives=kind.drives(place))
        taking = self.folder.journal.taking("device", f"{DEVICE_PREFIX}{place.device}")
        self.stack.enter_context(taking)
        opened = self.stack.enter_context(kind.opened(place))
        self.recorder.mark(MarkName.DISK_OPENED)
        return opened


def _device_name(spec: MachineSpec) -> str:
    # Device names are unique on the host; machine names only within a home.
    return f"{spec.name[:_DEVICE_LETTERS]}-{os.urandom(4).hex()}"


@contextmanager
def noting_failure(folder: MachineFolder) -> Iterator[None]:
    """If the block fails, record that the machine did not start."""
    try:
        yield
    except (BootwrightError, EndWanted) as error:
        with suppress(OSError):  # on a full disk it stays what it was: lost
            folder.write(endings.not_started(str(error)))
        raise


@contextmanager
def _held(home: Home, spec: MachineSpec, again: bool) -> Iterator[MachineFolder]:
    """Hold the machine's folder and lock; afterwards the folder is removed, or can be started."""
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
    """Redirect this process's output to the monitors' log.

    Raises:
        HostError: the log cannot be written.
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
    """Read a line; return it and any bytes after it. Empty: the connection was closed."""
    received = bytearray()
    end = -1
    while end < 0:
        data = command.recv(1 << 20)
        if not data:
            return b"", b""
        # Only what is new is searched: the line may hold a large input.
        end = data.find(b"\n")
        end += len(received) if end >= 0 else 0
        received += data
    return bytes(received[:end]), bytes(received[end + 1 :])


def main() -> None:
    """Serve the machine that is requested on standard input, the command's connection."""
    # A terminal's Ctrl-C is for the command, which then sends a message or closes.
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
    # All is released: the command need not wait for the interpreter's shutdown.
    os._exit(0)
