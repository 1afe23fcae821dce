"""Things that never change once made, each in a folder named by its content.

A thing is made in a staging folder and renamed into place when it is whole, so that a reader sees
all of it or none. A name is a symbolic link to it. What a crash leaves in staging is swept by the
next one who stages: a staging folder whose lock is free has no owner.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
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
    """Return *name* where it can name a thing in a store.

    Raises:
        InputError: it has characters that a name cannot have, or looks like a digest.
    """
    if not NAME_PATTERN.fullmatch(name) or name.startswith(PREFIX):
        raise InputError(
            f"{name!r} cannot name {noun}",
            hint="use up to 63 lower-case letters, digits, . _ and -, a letter or digit first",
        )
    return name


class Store:
    """One kind of immutable things: images, or kernels, or guest files.

    Args:
        root: The folder that holds them. It is made when the first thing is staged.
        noun: What one is called in messages, such as ``image``.
    """

    def __init__(self, root: Path, noun: str) -> None:
        self.root = root
        self.noun = noun

    def path(self, digest: Digest) -> Path:
        """Return the folder of *digest*, whether it is there or not."""
        return self.root / digest

    def names(self) -> dict[str, Digest]:
        """Return every name with what it stands for, sorted."""
        folder = self.root / "names"
        if not folder.is_dir():
            return {}
        found = {}
        for link in sorted(folder.iterdir()):
            if link.name.startswith(".") or not link.is_symlink():
                continue  # one that `tag` is about to rename, or nothing that `tag` has made
            try:
                found[link.name] = Digest(Path(os.readlink(link)).name)
            except FileNotFoundError:
                continue  # taken away just now
        return found

    def name_of(self, digest: Digest) -> str:
        """Return a name that stands for *digest*, or where there is none its first digits."""
        names = [name for name, stands_for in self.names().items() if stands_for == digest]
        return names[0] if names else short_digest(digest)

    def digests(self) -> list[Digest]:
        """Return all that is stored, named or not."""
        if not self.root.is_dir():
            return []
        return sorted(Digest(entry.name) for entry in self.root.iterdir() if is_digest(entry.name))

    def resolve(self, reference: str) -> Digest:
        """Find what *reference* means: a name, a digest, or the start of a digest.

        Raises:
            NotFoundError: nothing is called so, or several digests start so.
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
        import difflib  # here: no boot waits for it

        close = difflib.get_close_matches(reference, names, n=1)
        known = f"there are: {', '.join(names)}" if names else f"there is no {self.noun} yet"
        raise NotFoundError(
            f"no {self.noun} is called {reference!r}",
            hint=f"did you mean {close[0]!r}?" if close else known,
        )

    def describe(self, reference: str, kind: type[T]) -> tuple[Digest, Path, T]:
        """Find what *reference* means, and read its description, a JSON file.

        Returns:
            Its digest, its folder and its description.

        Raises:
            NotFoundError: there is no such thing.
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
        """Return where the description of the thing in *folder* lies."""
        return folder / f"{self.noun}.json"

    @contextmanager
    def staged(self) -> Iterator[Path]:
        """Give a folder to make a thing in; unless adopted, it is gone after the block."""
        parent = self.root / "staging"
        parent.mkdir(parents=True, exist_ok=True)
        _sweep(parent)
        folder = parent / f"{os.getpid()}-{os.urandom(4).hex()}"
        # A sweeper may look at the lock before we hold it; it takes no longer than that.
        lock = locks.take(parent / f"{folder.name}.lock", wait_s=30)
        try:
            folder.mkdir()
            yield folder
        finally:
            try:
                remove_tree(folder)
                (parent / f"{folder.name}.lock").unlink(missing_ok=True)
            finally:
                os.close(lock)  # what is left has no owner now

    def adopt(self, staged: Path, digest: Digest) -> Path:
        """Move what was staged into its place; if the same is there already, that stays."""
        target = self.path(digest)
        try:
            staged.rename(target)
        except OSError:
            # rename(2) refuses a target folder that is not empty: somebody was faster.
            if not target.is_dir():
                raise
        return target

    def require_free(self, name: str, digest: Digest | None = None) -> None:
        """See that *name* can stand for *digest*: it stands for nothing else that is here.

        Raises:
            InputError: it stands for something else, or cannot be a name.
        """
        article = "an" if self.noun[0] in "aeiou" else "a"
        check_name(name, f"{article} {self.noun}")
        stands_for = self.names().get(name)
        if stands_for and stands_for != digest and self.path(stands_for).is_dir():
            raise InputError(
                f"there is {article} {self.noun} called {name!r} already "
                f"({short_digest(stands_for)})",
                hint="give another name, or --replace to take this one from it",
            )

    def tag(self, name: str, digest: Digest, *, replace: bool = False) -> None:
        """Let *name* stand for *digest*.

        Args:
            replace: Whether to take the name from what it stands for.

        Raises:
            InputError: it stands for something else, or cannot be a name.
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
        """Take *name* away; what it stood for stays.

        Raises:
            NotFoundError: there is no such name.
        """
        if name not in self.names():
            self.resolve(name)  # raises, with a hint
            raise NotFoundError(f"{name!r} is no name", hint="give a name, not a digest")
        (self.root / "names" / name).unlink()

    def unnamed(self) -> list[Digest]:
        """Return what no name stands for."""
        named = set(self.names().values())
        return [digest for digest in self.digests() if digest not in named]

    def remove(self, digest: Digest, *, unless: Callable[[], bool] = lambda: False) -> bool:
        """Remove a thing. The rename comes first, so that nobody sees half of it.

        Args:
            unless: Asked when nobody can find the thing any more; if it says yes, the thing is put
                back.

        Returns:
            Whether it was removed by this call.
        """
        with self.staged() as folder:
            hidden = folder / "removed"
            try:
                self.path(digest).rename(hidden)
            except FileNotFoundError:
                return False  # somebody was faster
            keep = True
            try:
                keep = unless()
            finally:
                if keep:
                    self.adopt(hidden, digest)
            return not keep

    def abandoned(self) -> list[Path]:
        """Return the staging folders without an owner; whoever stages next sweeps them."""
        return [folder for folder in _ownerless(self.root / "staging") if folder.exists()]

    def sweep(self) -> None:
        """Remove the staging folders without an owner."""
        _sweep(self.root / "staging")


def _sweep(staging: Path) -> None:
    for folder in _ownerless(staging):
        remove_tree(folder)
        folder.with_name(f"{folder.name}.lock").unlink(missing_ok=True)


def _ownerless(staging: Path) -> Iterator[Path]:
    """Yield the folders whose lock is free, made or not; hold it until the next is asked for."""
    for path in staging.glob("*.lock"):
        try:
            lock = locks.take(path)
        except BlockingIOError:
            continue  # its owner is at work
        try:
            yield staging / path.name.removesuffix(".lock")
        finally:
            os.close(lock)
