"""Content-addressed stores of images, kernels and guest files.

Each object is a folder named by its digest. It is made in a staging folder and renamed into place
when complete, so readers see all of it or none. A name is a symbolic link to it. The next staging
removes what a crash left behind: a staging folder whose lock is free has no owner.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from bootwright.digest import PREFIX, Digest, is_digest, short_digest
from bootwright.errors import FormatError, InputError, NotFoundError
from bootwright.host import locks
from bootwright.host.trees import remove_tree

T = TypeVar("T")

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


def check_name(name: str, noun: str) -> str:
    """Return *name* if it is valid in a store.

    Raises:
        InputError: it has invalid characters, or looks like a digest.
    """
    if not NAME_PATTERN.fullmatch(name) or name.startswith(PREFIX):
        raise InputError(
            f"{name!r} cannot name {noun}",
            hint="use up to 63 lower-case letters, digits, . _ and -, a letter or digit first",
        )
    return name


class Store:
    """A store of one kind of immutable objects, such as images.

    Args:
        root: The folder that holds them, created when the first object is staged.
        noun: The word for one object in messages, such as ``image``.
        makes: Returns the command that makes the object of a name, for hints.
    """

    def __init__(
        self, root: Path, noun: str, makes: Callable[[str], str] = lambda name: ""
    ) -> None:
        self.root = root
        self.noun = noun
        self._makes = makes

    def path(self, digest: Digest) -> Path:
        """Return the folder of *digest*, whether it exists or not."""
        return self.root / digest

    def names(self) -> dict[str, Digest]:
        """Return all names and their digests, sorted by name."""
        folder = self.root / "names"
        if not folder.is_dir():
            return {}
        found = {}
        for link in sorted(folder.iterdir()):
            if link.name.startswith(".") or not link.is_symlink():
                continue  # being renamed by `tag`, or not made by it
            try:
                found[link.name] = Digest(Path(os.readlink(link)).name)
            except FileNotFoundError:
                continue  # just removed
        return found

    def name_of(self, digest: Digest) -> str:
        """Return a name of *digest*, or its first digits if it has none."""
        names = [name for name, named in self.names().items() if named == digest]
        return names[0] if names else short_digest(digest)

    def digests(self) -> list[Digest]:
        """Return the digests of all objects, named or not."""
        if not self.root.is_dir():
            return []
        return sorted(Digest(entry.name) for entry in self.root.iterdir() if is_digest(entry.name))

    def resolve(self, reference: str) -> Digest:
        """Look up *reference*: a name, a digest, or the start of a digest.

        Raises:
            NotFoundError: nothing matches, or several digests do.
        """
        names = self.names()
        if reference in names:
            return names[reference]
        start = PREFIX + reference.removeprefix(PREFIX)
        digits = start.removeprefix(PREFIX)
        found = [d for d in self.digests() if d.startswith(start)] if len(digits) >= 4 else []
        if len(found) == 1:
            return found[0]
        if found:
            raise NotFoundError(
                f"{reference!r} is the start of {len(found)} {self.noun}s", hint="give more digits"
            )
        from bootwright import suggest  # here: no boot waits for it

        raise NotFoundError(
            f"no {self.noun} is called {reference!r}",
            hint=suggest.hint(reference, names, self._making(reference, names)),
        )

    def _making(self, reference: str, names: Iterable[str]) -> str:
        """Return the hint for a *reference* that is near no name: the command that makes it."""
        from bootwright import suggest

        makes = self._makes(reference)
        if not (known := list(names)):
            return makes or f"there is no {self.noun} yet"
        return f"there are: {suggest.listed(known, 60)}" + (f"; or {makes}" if makes else "")

    def describe(self, reference: str, kind: type[T]) -> tuple[Digest, Path, T]:
        """Look up *reference* and read the object's description, a JSON file.

        Returns:
            Its digest, its folder and its description.

        Raises:
            NotFoundError: nothing matches.
            FormatError: its description cannot be read.
        """
        digest = self.resolve(reference)
        folder = self.path(digest)
        try:
            description = msgspec.json.decode(self.description(folder).read_bytes(), type=kind)
        except (OSError, ValueError) as error:
            raise FormatError(
                f"{self.noun} {reference!r} in {folder} is damaged: {error}",
                hint=f"bootwright {self.noun} rm {reference}, then make it again",
            ) from error
        return digest, folder, description

    def description(self, folder: Path) -> Path:
        """Return the path of the description in *folder*."""
        return folder / f"{self.noun}.json"

    @contextmanager
    def staged(self) -> Iterator[Path]:
        """Provide a staging folder, which is removed after the block unless adopted."""
        parent = self.root / "staging"
        parent.mkdir(parents=True, exist_ok=True)
        _sweep(parent)
        folder = parent / f"{os.getpid()}-{os.urandom(4).hex()}"
        # A concurrent sweep may hold the lock for a moment.
        lock = locks.take(parent / f"{folder.name}.lock", wait_s=30)
        try:
            folder.mkdir()
            yield folder
        finally:
            try:
                remove_tree(folder)
                (parent / f"{folder.name}.lock").unlink(missing_ok=True)
            finally:
                os.close(lock)  # anything left now has no owner

    def adopt(self, staged: Path, digest: Digest) -> Path:
        """Move a staged object into place, unless the same object is already there."""
        target = self.path(digest)
        try:
            staged.rename(target)
        except OSError:
            # rename(2) fails if the target is not empty: another process was faster.
            if not target.is_dir():
                raise
        return target

    def require_free(self, name: str, digest: Digest | None = None) -> None:
        """Check that *name* can be given to *digest*.

        Raises:
            InputError: something else has the name, or the name is invalid.
        """
        article = "an" if self.noun[0] in "aeiou" else "a"
        check_name(name, f"{article} {self.noun}")
        named = self.names().get(name)
        if named and named != digest and self.path(named).is_dir():
            raise InputError(
                f"{article} {self.noun} is already called {name!r} ({short_digest(named)})",
                hint="use another name, or add --replace to reuse this one",
            )

    def tag(self, name: str, digest: Digest, *, replace: bool = False) -> None:
        """Give *digest* the name *name*.

        Args:
            replace: Whether to take the name from what has it.

        Raises:
            InputError: something else has the name, or the name is invalid.
        """
        check_name(name, f"an {self.noun}" if self.noun[0] in "aeiou" else f"a {self.noun}")
        folder = self.root / "names"
        folder.mkdir(parents=True, exist_ok=True)
        target = Path("..") / digest
        if not replace:
            try:
                (folder / name).symlink_to(target)  # unlike a rename, this replaces nothing
            except FileExistsError:
                self.require_free(name, digest)
            else:
                return
        link = folder / f".{name}-{os.urandom(4).hex()}"
        link.symlink_to(target)
        link.rename(folder / name)

    def untag(self, name: str) -> None:
        """Remove *name*, but not its object.

        Raises:
            NotFoundError: there is no such name.
        """
        if name not in self.names():
            self.resolve(name)  # raises, with a hint
            raise NotFoundError(f"{name!r} is not a name", hint="give a name, not a digest")
        (self.root / "names" / name).unlink()

    def unnamed(self) -> list[Digest]:
        """Return the digests without a name."""
        named = set(self.names().values())
        return [digest for digest in self.digests() if digest not in named]

    def remove(self, digest: Digest, *, unless: Callable[[], bool] = lambda: False) -> bool:
        """Remove an object. It is renamed first, so that nobody sees half of it.

        Args:
            unless: Called once the object can no longer be found; if true, the object is put back.

        Returns:
            Whether it was removed by this call.
        """
        with self.staged() as folder:
            hidden = folder / "removed"
            try:
                self.path(digest).rename(hidden)
            except FileNotFoundError:
                return False  # another process was faster
            keep = True
            try:
                keep = unless()
            finally:
                if keep:
                    self.adopt(hidden, digest)
            return not keep

    def abandoned(self) -> list[Path]:
        """Return the staging folders without an owner; the next staging removes them."""
        return [folder for folder in _ownerless(self.root / "staging") if folder.exists()]

    def sweep(self) -> None:
        """Remove the staging folders without an owner."""
        _sweep(self.root / "staging")


def _sweep(staging: Path) -> None:
    for folder in _ownerless(staging):
        remove_tree(folder)
        folder.with_name(f"{folder.name}.lock").unlink(missing_ok=True)


def _ownerless(staging: Path) -> Iterator[Path]:
    """Yield the folders whose lock is free, holding each lock until the next iteration."""
    for path in staging.glob("*.lock"):
        try:
            lock = locks.take(path)
        except BlockingIOError:
            continue  # in use
        try:
            yield staging / path.name.removesuffix(".lock")
        finally:
            os.close(lock)
