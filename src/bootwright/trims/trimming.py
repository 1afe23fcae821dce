"""Making a trim of an image, and a new image of a trim."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bootwright.digest import Digest
from bootwright.home import Home
from bootwright.images.image import image_store, load_image
from bootwright.images.reading import read
from bootwright.store import check_name
from bootwright.systemd import graph
from bootwright.trims import store
from bootwright.trims.image import apply_trim
from bootwright.trims.kept import DEFAULT_KEEP
from bootwright.trims.trim import KeptUnit, Trim, plan_trim


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeTrim(Trim):
    """A trim that was made of an image, with what people want to know before they use it."""

    stays: tuple[KeptUnit, ...]
    """All of the boot that stays, but for targets, slices and devices."""
    notes: tuple[str, ...]
    path: Path | None
    """Where it is kept; None: it was only worked out."""
    is_new: bool
    """Whether it was written just now; the same may have been there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedTrim:
    """A new image, which has a trim in its /etc."""

    name: str
    digest: Digest
    trim: str
    notes: tuple[str, ...]


def trim(
    home: Home,
    image: str,
    *,
    keep: tuple[str, ...] = DEFAULT_KEEP,
    name: str | None = None,
    save: bool = True,
    replace: bool = False,
) -> MadeTrim:
    """Make a trim: what a boot of *image* leaves out, so that what is kept still works.

    Args:
        image: Its name or digest.
        keep: Units to keep, and globs of them.
        name: What to call the trim; left out: like the image.
        save: Whether to keep it under its name; else it is only worked out.
        replace: Whether to take the name from another trim that has it.

    Raises:
        NotFoundError: there is no such image.
        HostError: its filesystem can be read by root alone, or debugfs is missing.
        FormatError: its filesystem is damaged.
        InputError: another trim has the name.
    """
    loaded = load_image(home, image)
    planned = plan_trim(
        graph.read(read(loaded, graph.WANTED)),
        name=check_name(name or image, "a trim"),
        image=loaded.digest,
        keep=keep,
    )
    made = planned.trim
    return MadeTrim(
        name=made.name,
        image=made.image,
        keep=made.keep,
        masks=made.masks,
        generators=made.generators,
        drop_ins=made.drop_ins,
        stays=planned.stays,
        notes=planned.notes,
        is_new=save and store.save(home, made, replace=replace),
        path=store.path(home, made.name) if save else None,
    )


def apply(home: Home, image: str, trim: str, *, name: str) -> AppliedTrim:
    """Store a copy of *image* that has *trim* in its /etc, for those who boot it elsewhere.

    Args:
        name: What to call the new image.

    Raises:
        NotFoundError: there is no such image, or no such trim.
        InputError: the name is taken, or the image has a file in the way.
        HostError: the filesystem is not ext4, or there is no room for the copy.
        BuildError: writing failed.
    """
    loaded, chosen = load_image(home, image), store.load(home, trim)
    image_store(home).require_free(name)  # before the copy is made
    new = apply_trim(home, loaded, chosen, name=name)
    is_other = chosen.image != loaded.digest
    return AppliedTrim(
        name=name,
        digest=new.digest,
        trim=trim,
        notes=("the trim was made from another image",) if is_other else (),
    )
