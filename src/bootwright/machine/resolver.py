"""What this host means by the names in the text of a change."""

from __future__ import annotations

from pathlib import Path

from bootwright.digest import Digest
from bootwright.errors import InputError
from bootwright.guest import seed
from bootwright.home import Home
from bootwright.inits.table import INITS
from bootwright.kernels import kernel as kernels
from bootwright.recipe import GuestFile, InitName, KernelFile


class HomeResolver:
    """Resolves names against the stores of one home; see `change.Resolver`."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def kernel(self, name: str) -> tuple[Digest, KernelFile]:
        """Return a kernel of the store, and which of its files boots fastest."""
        kernel = kernels.load(self._home, name)
        return kernel.digest, kernel.fastest_file

    def file(self, path: str) -> GuestFile:
        """Take a file of the host into the store, with its permissions."""
        source = Path(path).expanduser()
        try:
            content, mode = source.read_bytes(), source.stat().st_mode & 0o7777
        except OSError as error:
            raise InputError(
                f"cannot read {path!r}: {error.strerror}",
                hint="write file:/GUEST/PATH=HOSTFILE",
            ) from error
        [taken] = seed.remember(self._home, {path: (content, mode)})
        return taken

    def empty(self) -> None:
        """See that the store has the empty file."""
        seed.remember(self._home, {"": (b"", 0o644)})

    def init(self, name: InitName) -> tuple[tuple[GuestFile, ...], frozenset[str]]:
        """Return an init's own files, and the paths of those of all inits."""
        contents = {each: init.guest_files() for each, init in INITS.items()}
        of_all = frozenset(path for files in contents.values() for path in files)
        return seed.remember(self._home, contents.get(name, {})), of_all
