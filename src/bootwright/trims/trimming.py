"""Make a trim of an image, or apply a trim to a copy of an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bootwright.digest import Digest
from bootwright.errors import InputError
from bootwright.home import Home
from bootwright.images.debian import SYSTEM_PACKAGES
from bootwright.images.image import image_store, load_image
from bootwright.images.packages import units_of_included
from bootwright.images.reading import read
from bootwright.store import check_name
from bootwright.systemd import graph
from bootwright.trims import store
from bootwright.trims.asked import patterns_of
from bootwright.trims.fitting import check_login, note_of_other_image
from bootwright.trims.image import apply_trim
from bootwright.trims.kept import DEFAULT_KEEP
from bootwright.trims.trim import KeptUnit, Trim, plan_trim


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeTrim(Trim):
    """A trim made from an image, with what it keeps and notes for the user."""

    kept_units: tuple[KeptUnit, ...]
    """All kept units except targets, slices and devices."""
    notes: tuple[str, ...]
    path: Path | None
    """Its file; None: it was not saved."""
    is_new: bool
    """Whether it was saved now; False: not saved, or the same trim was already stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedTrim:
    """A new image with a trim in its /etc."""

    name: str
    digest: Digest
    trim: str
    notes: tuple[str, ...]


def trim(
    home: Home,
    image: str,
    *,
    keep: Sequence[str] = (),
    keep_only: Sequence[str] | None = None,
    name: str | None = None,
    save: bool = True,
    replace: bool = False,
) -> MadeTrim:
    """Make a trim of *image*: mask the units that are neither kept nor needed by a kept one.

    Kept are `DEFAULT_KEEP`, which allows to log in, and the units of the packages that the image
    was built to include.

    Args:
        image: The image's name or digest.
        keep: Further units to keep, and globs of them; a name without a type is a service's.
        keep_only: Units and globs to keep instead of all these.
        name: The trim's name; default: the image's.
        save: Whether to store it; otherwise it is only returned.
        replace: Whether to take the name from another trim that has it.

    Raises:
        NotFoundError: there is no such image, or it has no such unit.
        HostError: only root can read its filesystem, or debugfs is missing.
        FormatError: its filesystem is damaged.
        InputError: another trim has the name.
    """
    loaded = load_image(home, image)
    check_name(name or image, "a trim")
    included = {}
    if keep_only is None:
        included = patterns_of(units_of_included(loaded, SYSTEM_PACKAGES))
    planned = plan_trim(
        graph.read(read(loaded, graph.WANTED)),
        name=name or image,
        image=loaded.digest,
        keep=(*(DEFAULT_KEEP if keep_only is None else keep_only), *keep),
        included=included,
    )
    made = planned.trim
    return MadeTrim(
        name=made.name,
        image=made.image,
        keep=made.keep,
        masks=made.masks,
        generators=made.generators,
        drop_ins=made.drop_ins,
        kept_units=planned.kept_units,
        notes=planned.notes,
        is_new=save and store.save(home, made, replace=replace),
        path=store.path(home, made.name) if save else None,
    )


def apply(home: Home, image: str, trim: str, *, name: str, replace: bool = False) -> AppliedTrim:
    """Store a copy of *image* that has *trim* in its /etc, to boot it without bootwright.

    Args:
        name: The new image's name.
        replace: Whether to take the name from another image that has it.

    Raises:
        NotFoundError: there is no such image, or no such trim.
        InputError: the name is taken, or the image already has one of the files.
        HostError: the filesystem is not ext4, or there is no room for the copy.
        BuildError: writing failed.
    """
    loaded, chosen = load_image(home, image), store.load(home, trim)
    if not replace:
        image_store(home).require_free(name)  # before the copy is made
    new = apply_trim(home, loaded, chosen, name=name, replace=replace)
    notes = [note_of_other_image(home, chosen, loaded.digest)]
    try:
        check_login(chosen)
    except InputError as error:
        notes.append(str(error))
    return AppliedTrim(
        name=name,
        digest=new.digest,
        trim=trim,
        notes=tuple(filter(None, notes)),
    )
