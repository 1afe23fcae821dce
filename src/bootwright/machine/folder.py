"""A machine's folder: all that a machine owns on disk lies in it.

Its lock is held by the machine's monitor for as long as that lives; a pid is never asked.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import signal
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from bootwright.digest import Digest
from bootwright.errors import FormatError, InputError, NotFoundError
from bootwright.guest.identity import Identity
from bootwright.home import Home
from bootwright.host.clock import boot_id
from bootwright.host.trees import remove_tree
from bootwright.journal import Journal, start_ticks
from bootwright.machine.spec import MachineSpec, Running

T = TypeVar("T")

# Locks of the open file, not of the process: they end with the last descriptor, and whether one is
# held can be asked without taking it. Source: fcntl(2), F_OFD_SETLK; struct flock on x86-64.
_FLOCK = struct.Struct("hhqqi4x")
_WHOLE_FILE = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)


class MachineFolder:
    """The files of one machine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.disk = path / "disk.qcow2"
        self.initrd = path / "initrd"
        self.console_log = path / "console.log"
        self.vmm_log = path / "vmm.log"
        self.journal = path / "journal"
        self.control = path / "control"
        self.known_hosts = path / "known_hosts"

    @property
    def name(self) -> str:
        return self.path.name

    def spec(self) -> MachineSpec:
        """Return what the machine was made from."""
        return self._read("machine.json", MachineSpec)

    def identity(self) -> Identity:
        """Return the machine's own name, keys and addresses."""
        return self._read("identity.json", Identity)

    def running(self) -> Running:
        """Return what is known while it runs.

        Raises:
            InputError: it does not run.
        """
        if not self.is_alive() or not (self.path / "running.json").exists():
            raise InputError(
                f"machine {self.name!r} is not running",
                hint=f"bootwright start {self.name}",
            )
        return self._read("running.json", Running)

    def write(self, value: MachineSpec | Identity | Running) -> None:
        """Write *value* whole or not at all, readable by its owner only."""
        file_name = {
            MachineSpec: "machine.json",
            Identity: "identity.json",
            Running: "running.json",
        }[type(value)]
        staged = self.path / f".{file_name}"
        staged.touch(mode=0o600)
        staged.write_bytes(msgspec.json.encode(value))
        staged.rename(self.path / file_name)

    def is_worth_keeping(self) -> bool:
        """Say whether the machine is to be kept and has once let somebody in."""
        return (self.path / "let-in").exists() and self.spec().kept

    def note_let_in(self) -> None:
        """Note that the machine has let somebody in."""
        (self.path / "let-in").touch()

    def forget_running(self) -> None:
        """Remove what was only true while it ran."""
        for file_name in ("running.json", "control", "initrd", "journal"):
            (self.path / file_name).unlink(missing_ok=True)

    def is_alive(self) -> bool:
        """Say whether a monitor holds the lock."""
        try:
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            answer = fcntl.fcntl(lock, fcntl.F_OFD_GETLK, _WHOLE_FILE)
        finally:
            os.close(lock)
        kind, *_ = _FLOCK.unpack(answer)
        return bool(kind != fcntl.F_UNLCK)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the machine's lock for the length of the block.

        Raises:
            InputError: the machine runs already.
        """
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.fcntl(lock, fcntl.F_OFD_SETLK, _WHOLE_FILE)
            except BlockingIOError:
                raise InputError(
                    f"machine {self.name!r} is running already",
                    hint=f"bootwright ssh {self.name}",
                ) from None
            yield
        finally:
            os.close(lock)

    def _read(self, file_name: str, kind: type[T]) -> T:
        path = self.path / file_name
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind)
        except (OSError, ValueError, InputError) as error:  # msgspec's errors are ValueErrors
            raise FormatError(
                f"{path} cannot be read: {error}",
                hint=f"bootwright rm --force {self.name}",
            ) from error


@contextmanager
def claimed(home: Home, spec: MachineSpec) -> Iterator[MachineFolder]:
    """Make a new machine's folder and hold its lock.

    The folder gets its name only once the lock is held, so whoever sees it unlocked sees a machine
    without a monitor.

    Raises:
        InputError: a machine has that name.
    """
    home.machines.mkdir(parents=True, exist_ok=True)
    staged = MachineFolder(home.machines / f".new-{secrets.token_hex(4)}")
    staged.path.mkdir(mode=0o700)
    target = home.machines / spec.name
    try:
        with staged.locked():
            staged.write(spec)
            try:
                staged.path.rename(target)
            except OSError:
                if target.exists():
                    raise InputError(
                        f"a machine is called {spec.name!r} already",
                        hint=f"choose another --name, or: bootwright rm --force {spec.name}",
                    ) from None
                raise
            yield MachineFolder(target)
    finally:
        remove_tree(staged.path)


def find(home: Home, name: str) -> MachineFolder:
    """Return the folder of the machine called *name*.

    Raises:
        NotFoundError: there is none.
    """
    folders = {folder.name: folder for folder in every(home)}
    if name not in folders:
        known = ", ".join(folders)
        raise NotFoundError(
            f"no machine is called {name!r}",
            hint=f"there are: {known}"
            if known
            else "there is no machine; bootwright run makes one",
        )
    return folders[name]


def every(home: Home) -> list[MachineFolder]:
    """Return the folders of all machines, running or not."""
    if not home.machines.is_dir():
        return []
    return [MachineFolder(path) for path in sorted(home.machines.iterdir()) if path.name[0] != "."]


def users(home: Home, digest: Digest) -> list[str]:
    """Return the machines that need an image or a kernel."""
    recipes = {folder.name: folder.spec().recipe for folder in every(home)}
    return [name for name, r in recipes.items() if digest in (r.image, r.kernel)]


def sweep(home: Home) -> None:
    """Remove what machines left behind whose monitor is gone and that were not to be kept.

    The VMM should be gone with its monitor, as the kernel kills it (see `vmms.qemu`); the journal
    tells where it is not.
    """
    unnamed = [MachineFolder(path) for path in home.machines.glob(".new-*/")]
    for folder in [*every(home), *unnamed]:
        # Without its lock file, a folder is just being made.
        if folder.is_alive() or not (folder.path / "lock").exists():
            continue
        try:
            with folder.locked():
                _sweep_one(folder)
        except InputError:
            continue  # it was started just now


def _sweep_one(folder: MachineFolder) -> None:
    _end_processes(folder)
    try:
        worth_keeping = folder.is_worth_keeping()
    except FormatError:
        return  # damaged: said by ps, removed by rm
    if worth_keeping:
        folder.forget_running()
    else:
        remove_tree(folder.path)


def _end_processes(folder: MachineFolder) -> None:
    """End what the journal of a dead machine names, if it is still that very process."""
    for row in Journal(folder.journal).owned():
        same_boot = row.boot_id == boot_id()
        if row.pid and same_boot and start_ticks(row.pid) == row.start_ticks:
            with suppress(ProcessLookupError):
                os.kill(row.pid, signal.SIGKILL)
