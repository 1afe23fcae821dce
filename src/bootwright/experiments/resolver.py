"""What the texts of changes name, looked up in this host's stores."""

from __future__ import annotations

from pathlib import Path

from bootwright.digest import Digest, is_digest
from bootwright.errors import InputError
from bootwright.guest import initramfs
from bootwright.home import Home
from bootwright.inits.table import INITS
from bootwright.kernels.kernel import load_kernel
from bootwright.recipes.change_text import Resolver
from bootwright.recipes.recipe import GuestFile, InitName, KernelFile
from bootwright.trims import fitting, store, trim


class Stores:
    """A `Resolver` that looks into a home."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def kernel(self, name: str) -> tuple[Digest, KernelFile]:
        """Return the digest of a kernel of the store, and which of its files boots fastest.

        Raises:
            NotFoundError: there is none.
        """
        kernel = load_kernel(self._home, name)
        return kernel.digest, kernel.fastest_file

    def file(self, path: str) -> tuple[Digest, int]:
        """Store a file of this host's; one that is stored goes by ``DIGEST:MODE`` as well.

        Raises:
            InputError: it cannot be read.
        """
        digest = path.partition(":")[0]
        if is_digest(digest):
            initramfs.load_guest_file(self._home, Digest(digest))
            return Digest(digest), 0o644
        try:
            content = Path(path).read_bytes()
            mode = 0o755 if Path(path).stat().st_mode & 0o100 else 0o644
        except OSError as error:
            raise InputError(
                f"cannot read {path}: {error.strerror}", hint="file:/run/PATH=HOSTFILE"
            ) from error
        [stored] = initramfs.store_guest_files(self._home, {path: (content, mode)})
        return stored.digest, mode

    def init(self, name: InitName) -> tuple[GuestFile, ...]:
        """Store what the initramfs carries for an init."""
        return initramfs.store_guest_files(self._home, INITS[name].guest_files())

    def trim(self, name: str) -> tuple[GuestFile, ...]:
        """Store what the initramfs carries for a trim.

        Raises:
            NotFoundError: there is no such trim.
            InputError: it leaves out the SSH server.
        """
        chosen = store.load(self._home, name)
        fitting.check_login(chosen)
        own = INITS["systemd-trimmed"].guest_files()
        return initramfs.store_guest_files(self._home, own | trim.guest_files(chosen))


_: type[Resolver] = Stores
