"""A machine's folder, which holds all its files.

The machine's monitor holds its lock for as long as it lives; pids are not used. A folder without a
lock file is not a bootwright machine, whatever its name.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from bootwright.digest import Digest
from bootwright.errors import FormatError, InputError, NotFoundError
from bootwright.guest.identity import Identity
from bootwright.home import Home
from bootwright.host import locks
from bootwright.host.trees import remove_tree
from bootwright.journal import Journal
from bootwright.machines.spec import LastEnd, MachineSpec

T = TypeVar("T")

_NEW, _GONE = ".new-", ".gone-"
"""Prefixes of folders that are being made, and removed."""
_RECLAIM_S = 12.0
"""How long another process may take to release what a dead monitor left."""
_GLANCE_S = 0.5
"""How long a command may hold a lock to check for leftovers."""


def _remove_device(name: str) -> None:
    # Imported here: machines with a block device are few.
    from bootwright.disks import dm_snapshot

    dm_snapshot.remove(name)


class MachineFolder:
    """The files of one machine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.initrd = path / "initrd"
        self.console_log = path / "console.log"
        self.previous_console_log = path / "console.previous.log"
        self.vmm_log = path / "vmm.log"
        self.lock = path / "lock"
        self.control = path / "control"
        self._visit = path / "visit"
        self.known_hosts = path / "known_hosts"
        self.journal = Journal(path / "journal", _remove_device)

    @property
    def name(self) -> str:
        return self.path.name

    def spec(self) -> MachineSpec:
        """Return the machine's specification."""
        return self._read("machine.json", MachineSpec)

    def identity(self) -> Identity:
        """Return the machine's name, keys and addresses."""
        return self._read("identity.json", Identity)

    def last_end(self) -> LastEnd | None:
        """Return how the machine last ended; None if it has never run.

        While it runs, this is the end that applies if its monitor is killed.
        """
        path = self.path / "end.json"
        try:
            return self._read(path.name, LastEnd)
        except FormatError:
            if not path.exists():
                return None
            # This does not make the machine damaged: the next start rewrites the file.
            ended_s = int(path.stat().st_mtime)
            return LastEnd(reason="lost", text="how it ended is unknown", ended_s=ended_s)

    def write(self, value: MachineSpec | Identity | LastEnd) -> None:
        """Write *value* atomically, readable by its owner only."""
        file_name = {
            MachineSpec: "machine.json",
            Identity: "identity.json",
            LastEnd: "end.json",
        }[type(value)]
        staged = self.path / f".{file_name}"
        staged.touch(mode=0o600)
        staged.write_bytes(msgspec.json.encode(value))
        staged.rename(self.path / file_name)

    def is_worth_keeping(self) -> bool:
        """Test whether the machine is kept and somebody has logged in to it once."""
        if self._visit.exists() and not locks.is_held(self._visit):
            return False
        return (self.path / "logged-in").exists() and self.spec().kept

    @contextmanager
    def visited(self) -> Iterator[None]:
        """Keep the machine for the length of the block only."""
        lock = locks.take(self._visit)
        try:
            yield
        finally:
            os.close(lock)

    def note_login(self) -> None:
        """Record that somebody has logged in."""
        (self.path / "logged-in").touch()

    def begin_logs(self) -> None:
        """Rename the last run's console log, and remove its VMM log."""
        with suppress(FileNotFoundError):
            self.console_log.rename(self.previous_console_log)
        self.vmm_log.unlink(missing_ok=True)

    def give_back(self, *, except_token: str = "") -> None:
        """Release all resources of a run; the lock must be held.

        Args:
            except_token: The token of the calling process; see `Journal.undo_all`.

        Raises:
            HostError: a process does not end.
        """
        with suppress(FileNotFoundError):  # another process was faster
            for half_written in self.path.glob(".*.json"):
                half_written.unlink(missing_ok=True)
        self.journal.undo_all(except_token=except_token)

    def is_alive(self) -> bool:
        """Test whether a monitor holds the lock."""
        return locks.is_held(self.lock)

    @contextmanager
    def control_address(self) -> Iterator[str]:
        """Provide the control socket's address; the full path may be too long for one (unix(7))."""
        opened = os.open(self.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield str(Path(f"/proc/self/fd/{opened}") / self.control.name)
        finally:
            os.close(opened)

    @contextmanager
    def listening(self) -> Iterator[socket.socket]:
        """Listen on the control socket for the length of the block; the lock must be held.

        The folder becomes this process's working folder.
        """
        with self.journal.taking("file", self.control.name), socket.socket(socket.AF_UNIX) as made:
            # A path below a deep folder may be longer than a socket's address can hold (108 bytes,
            # unix(7)); relative to the working folder it never is.
            os.chdir(self.path)
            self.control.unlink(missing_ok=True)
            made.bind(self.control.name)
            made.listen(socket.SOMAXCONN)
            yield made

    def listens(self) -> bool:
        """Test whether a monitor listens on the control socket."""
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                with self.control_address() as address:
                    connection.connect(address)
            except OSError:
                return False
        return True

    @contextmanager
    def locked(self, *, at_once: bool = False) -> Iterator[None]:
        """Hold the machine's lock for the length of the block.

        Args:
            at_once: Do not wait for a process that holds the lock for a moment.

        Raises:
            InputError: the machine is already running.
            NotFoundError: it was just removed.
        """
        try:
            try:
                lock = locks.take(self.lock, wait_s=0 if at_once else _GLANCE_S)
            except BlockingIOError:
                if at_once or self.listens():
                    raise
                # No monitor: another process releases what a dead one left.
                lock = locks.take(self.lock, wait_s=_RECLAIM_S)
        except BlockingIOError:
            raise InputError(
                f"machine {self.name!r} is already running",
                hint=f"bootwright ssh {self.name}",
            ) from None
        except FileNotFoundError:
            raise NotFoundError(
                f"machine {self.name!r} was just removed", hint="bootwright ps"
            ) from None
        try:
            yield
        finally:
            os.close(lock)

    def _read(self, file_name: str, kind: type[T]) -> T:
        path = self.path / file_name
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind)
        except (OSError, ValueError, InputError) as error:  # msgspec's errors are ValueErrors
            raise FormatError(
                f"cannot read {path}: {error}",
                hint=f"bootwright rm --force {self.name}",
            ) from error


@contextmanager
def claimed_folder(home: Home, spec: MachineSpec) -> Iterator[MachineFolder]:
    """Create a new machine's folder and hold its lock.

    The folder is renamed once the lock is held, so an unlocked folder has no monitor.

    Raises:
        InputError: a machine has that name.
    """
    target = home.machines / spec.name
    staged, lock = _begin(home)
    try:
        staged.write(spec)
        try:
            # rename(2) replaces an empty folder.
            if target.exists() or target.is_symlink():
                raise FileExistsError
            staged.path.rename(target)
        except OSError:
            require_free(home, spec.name)
            raise
        yield MachineFolder(target)
    finally:
        remove_tree(staged.path)
        os.close(lock)


def require_free(home: Home, name: str) -> None:
    """Check that a machine can be called *name*.

    Raises:
        InputError: a machine, or something else in its place, is called so.
    """
    target = home.machines / name
    if _is_machine(target):
        raise InputError(
            f"a machine named {name!r} already exists",
            hint=f"choose another --name, or: bootwright rm --force {name}",
        )
    if target.exists() or target.is_symlink():
        raise InputError(
            f"{target} exists and is not a bootwright machine",
            hint="choose another --name, or move it away",
        )


def _begin(home: Home) -> tuple[MachineFolder, int]:
    """Create a folder with a temporary name and take its lock."""
    home.machines.mkdir(parents=True, exist_ok=True)
    folder = MachineFolder(home.machines / f"{_NEW}{os.urandom(4).hex()}")
    # While this is held, a folder without a lock is being made; see `unfinished_folders`.
    held = block_new_folders(home)
    try:
        folder.path.mkdir(mode=0o700)
        return folder, locks.take(folder.lock)
    finally:
        os.close(held)


def block_new_folders(home: Home) -> int:
    """Prevent new machine folders until the returned descriptor is closed.

    The folders that `folders_being_made` returns exist already.

    Raises:
        BlockingIOError: another process blocks them for too long.
    """
    return locks.take(home.state / "beginning.lock", wait_s=30)


def folders_being_made(home: Home) -> list[Path]:
    """Return the folders that still have a temporary name."""
    return list(home.machines.glob(f"{_NEW}*/"))


def unfinished_folders(home: Home) -> list[MachineFolder]:
    """Return the folders that a crash left half made or half removed."""
    found = [MachineFolder(path) for path in home.machines.glob(f"{_GONE}*/")]
    if new := [MachineFolder(path) for path in folders_being_made(home)]:
        # Wait for processes between creating a folder and taking its lock.
        os.close(block_new_folders(home))
        found += [folder for folder in new if not folder.is_alive() and folder.path.exists()]
    return found


def remove_machine(folder: MachineFolder) -> None:
    """Remove a machine's folder; its lock must be held, unless a crash left it unfinished.

    It is renamed first, so that nobody sees half a machine.
    """
    gone = folder.path
    if not gone.name.startswith(_GONE):
        gone = folder.path.with_name(f"{_GONE}{os.urandom(4).hex()}")
        with suppress(FileNotFoundError):  # just removed
            folder.path.rename(gone)
    remove_tree(gone)


def find_machine(home: Home, name: str) -> MachineFolder:
    """Return the folder of the machine called *name*.

    Raises:
        NotFoundError: there is none.
    """
    folders = {folder.name: folder for folder in all_machines(home)}
    if name not in folders:
        from bootwright import suggest  # here: no boot waits for it

        others = "" if folders else "there are no machines; bootwright run makes one"
        raise NotFoundError(
            f"no machine is called {name!r}", hint=suggest.hint(name, folders, others)
        )
    return folders[name]


def all_machines(home: Home) -> list[MachineFolder]:
    """Return the folders of all machines, running or not, sorted by name."""
    return [MachineFolder(path) for path in _entries(home) if _is_machine(path)]


def foreign_entries(home: Home) -> list[Path]:
    """Return entries among the machines that bootwright did not create, and never touches."""
    return [path for path in _entries(home) if not _is_machine(path)]


def _entries(home: Home) -> list[Path]:
    if not home.machines.is_dir():
        return []
    return [path for path in sorted(home.machines.iterdir()) if path.name[0] != "."]


def _is_machine(path: Path) -> bool:
    # A link leads to a folder that somebody else created or moved.
    return (path / "lock").is_file() and not path.is_symlink()


def machines_using(home: Home, digest: Digest) -> list[str]:
    """Return the machines that need an image or a kernel."""
    recipes = {folder.name: folder.spec().recipe for folder in all_machines(home)}
    return [name for name, r in recipes.items() if digest in (r.image, r.kernel)]
