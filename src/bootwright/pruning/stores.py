"""Removing images and kernels, which machines may still use."""

from __future__ import annotations

from bootwright.digest import Digest
from bootwright.errors import InputError
from bootwright.home import Home
from bootwright.images.image import image_store
from bootwright.kernels.kernel import kernel_store
from bootwright.machines.folder import machines_using


def remove_image(home: Home, name: str) -> None:
    """Remove an image's name, and with its last name the image.

    Args:
        name: A name, or the digest of an image that has no other name.

    Raises:
        NotFoundError: there is no such image.
        InputError: a machine uses it, or it is named by its digest and has names.
    """
    shelf = image_store(home)
    digest = shelf.resolve(name)
    aliases = [other for other, stands_for in shelf.names().items() if stands_for == digest]
    if len(aliases) <= 1:
        _refuse_if_used(home, "image", name, digest)
    if name in aliases:
        shelf.untag(name)
    elif aliases:
        raise InputError(f"image {name!r} has the names {', '.join(aliases)}", hint="remove those")
    if digest in shelf.unnamed():
        shelf.remove(digest)


def remove_kernel(home: Home, name: str) -> None:
    """Remove a kernel's name, and with its last name the kernel.

    Raises:
        NotFoundError: there is no such kernel.
        InputError: a machine uses it.
    """
    shelf = kernel_store(home)
    digest = shelf.resolve(name)
    _refuse_if_used(home, "kernel", name, digest)
    shelf.untag(name)
    if digest in shelf.unnamed():
        shelf.remove(digest)


def _refuse_if_used(home: Home, kind: str, name: str, digest: Digest) -> None:
    if used_by := machines_using(home, digest):
        raise InputError(
            f"{kind} {name!r} is used by machine {', '.join(used_by)}",
            hint=f"remove that first: bootwright rm {' '.join(used_by)}",
        )
