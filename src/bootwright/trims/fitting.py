"""Whether a trim fits what is about to boot with it."""

from __future__ import annotations

from bootwright.digest import Digest, short_digest
from bootwright.errors import InputError
from bootwright.home import Home
from bootwright.images.image import image_store
from bootwright.trims.kept import SERVERS
from bootwright.trims.trim import Trim


def check_login(trim: Trim) -> None:
    """Refuse a trim for a machine that one logs in to, if it leaves out the SSH server.

    Raises:
        InputError: it masks the server.
    """
    masked = [mask.unit for mask in trim.masks if mask.unit in SERVERS]
    if masked:
        raise InputError(
            f"trim {trim.name!r} masks {masked[0]}, so nobody could log in to the machine",
            hint=f"make it again with --keep {masked[0]}",
        )


def note_of_other_image(home: Home, trim: Trim, image: Digest) -> str:
    """Return a note that *trim* was made from another image than *image*; empty if it was not."""
    if trim.image == image:
        return ""
    store = image_store(home)
    name, other = store.name_of(image), store.name_of(trim.image)
    was = (
        f"from image {other}"
        if other != short_digest(trim.image)
        else "from an image without a name"
    )
    return (
        f"trim {trim.name!r} was made {was}, not from {name}: it may mask what {name} needs, and "
        f"keep what it does not; bootwright trim {name} makes its own"
    )
