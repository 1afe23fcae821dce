"""Remove images and kernels, unless a machine uses them."""

from __future__ import annotations

from bootwright.digest import Digest
from bootwright.errors import InputError, find_all
from bootwright.home import Home
from bootwright.images.image import image_store
from bootwright.kernels.kernel import kernel_store
from bootwright.machines.folder import machines_using
from bootwright.store import Store


def remove_images(home: Home, *names: str) -> None:
    """Remove names of images, all of them or none; with its last name also the image.

    Args:
        names: Names, or digests of images that have no other name.

    Raises:
        NotFoundError: there is no such image.
        InputError: a machine uses it, or it is named by its digest and has names.
    """
    _remove(home, image_store(home), names)


def remove_kernels(home: Home, *names: str) -> None:
    """Remove names of kernels; as `remove_images`."""
    _remove(home, kernel_store(home), names)


def _remove(home: Home, store: Store, names: tuple[str, ...]) -> None:
    known = store.names()

    def removable(name: str) -> Digest:
        digest = store.resolve(name)
        aliases = [other for other, named in known.items() if named == digest]
        if aliases and name not in aliases:
            raise InputError(
                f"{store.noun} {name!r} has the names {', '.join(aliases)}",
                hint=f"to remove it: bootwright {store.noun} rm {' '.join(aliases)}",
            )
        if set(aliases) <= set(names) and (used_by := machines_using(home, digest)):
            raise InputError(
                f"{store.noun} {name!r} is used by machine {', '.join(used_by)}",
                hint=f"first remove the machine: bootwright rm {' '.join(used_by)}",
            )
        return digest

    for name, digest in find_all(names, removable).items():
        if name in known:
            store.untag(name)
        if digest in store.unnamed():
            store.remove(digest)
