"""Remove images and kernels, unless a machine uses them."""

from __future__ import annotations

from bootwright.digest import Digest
from bootwright.errors import InputError
from bootwright.home import Home
from bootwright.images.image import image_store
from bootwright.kernels.kernel import kernel_store
from bootwright.machines.folder import machines_using


def remove_image(home: Home, name: str) -> None:
    """Remove a name of an image; with the last name also the image.

    Args:
        name: A name, or the digest of an image that has no other name.

    Raises:
        NotFoundError: there is no such image.
        InputError: a machine uses it, or *name* is a digest and the image has names.
    """
    store = image_store(home)
    digest = store.resolve(name)
    aliases = [other for other, named in store.names().items() if named == digest]
    if len(aliases) <= 1:
        _refuse_if_used(home, "image", name, digest)
    if name in aliases:
        store.untag(name)
    elif aliases:
        raise InputError(
            f"image {name!r} has the names {', '.join(aliases)}",
            hint=f"to remove it: bootwright image rm {' '.join(aliases)}",
        )
    if digest in store.unnamed():
        store.remove(digest)


def remove_kernel(home: Home, name: str) -> None:
    """Remove a name of a kernel; with the last name also the kernel.

    Raises:
        NotFoundError: there is no such kernel.
        InputError: a machine uses it.
    """
    store = kernel_store(home)
    digest = store.resolve(name)
    _refuse_if_used(home, "kernel", name, digest)
    store.untag(name)
    if digest in store.unnamed():
        store.remove(digest)


def _refuse_if_used(home: Home, kind: str, name: str, digest: Digest) -> None:
    if used_by := machines_using(home, digest):
        raise InputError(
            f"{kind} {name!r} is used by machine {', '.join(used_by)}",
            hint=f"first remove the machine: bootwright rm {' '.join(used_by)}",
        )
