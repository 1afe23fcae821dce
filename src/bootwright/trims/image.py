"""Apply a trim to a copy of an image, to boot it without bootwright; the original is not changed.

The files that the initramfs would write to /run go where systemd reads them on any boot: masks and
drop-ins to /etc/systemd/system.control, which takes precedence over /etc/systemd/system, so that no
file of the image is replaced; generators' masks to /etc/systemd/system-generators.

Source: systemd.unit(5), systemd.generator(7); debugfs(8), mkdir, symlink and write.
"""

from __future__ import annotations

import posixpath
import subprocess
from pathlib import Path

from bootwright.errors import BuildError, HostError, InputError
from bootwright.home import Home
from bootwright.host import commands, space, tools
from bootwright.images import disklayout
from bootwright.images.image import Image, image_store, store_image
from bootwright.images.reading import Wanted, read
from bootwright.store import check_name
from bootwright.trims.trim import Trim

CONTROL = "/etc/systemd/system.control"
GENERATORS = "/etc/systemd/system-generators"


def apply_trim(home: Home, image: Image, trim: Trim, *, name: str, replace: bool = False) -> Image:
    """Store a copy of *image* with *trim* applied, under *name*.

    Raises:
        InputError: the image already has one of the files, for instance from an applied trim.
        HostError: the filesystem is not ext4, or there is no room for the copy.
        BuildError: writing failed.
    """
    check_name(name, "an image")
    if image.filesystem != "ext4":
        raise HostError(
            f"a trim can be applied to ext4 images only; this one is {image.filesystem}",
            hint="import the image from a tar archive, which makes ext4",
        )
    script = _script(image, trim)
    [debugfs] = tools.require("debugfs")
    space.require(home.images, image.disk.stat().st_blocks * 512, f"image {name}")
    with image.disk.open("rb") as file:
        offset = disklayout.start_bytes(file, image.partition)
    with (
        image_store(home).staged() as staged,
        space.disk_full_explained(home.images, "the trim was applied"),
    ):
        folder = staged / "image"
        folder.mkdir()
        disk = folder / "disk.raw"
        _run(["cp", "--sparse=always", "--reflink=auto", image.disk, disk])
        disk.chmod(0o644)
        lines = list(script)
        for drop_in in trim.drop_ins:
            # One file each, until debugfs has read it.
            source = staged / f"drop-in-{len(lines)}"
            source.write_text(drop_in.content)
            lines.append(f'write "{source}" {CONTROL}/{drop_in.path}')
        argv = [str(debugfs), "-w", "-f", "-", f"{disk}?offset={offset}" if offset else str(disk)]
        commands.announce(argv)
        done = subprocess.run(
            argv, input="".join(f"{line}\n" for line in lines), capture_output=True, text=True
        )
        problems = [line for line in done.stderr.splitlines() if not line.startswith("debugfs ")]
        if done.returncode or problems:
            space.raise_if_full(done.stderr)
            raise BuildError(
                f"writing the trim to the copy of the image failed: {(problems or ['?'])[0]}",
                hint="check the image's filesystem with e2fsck -fn",
                evidence="\n".join(problems[:10]),
            )
        return store_image(
            home,
            folder,
            name=name,
            source=f"trim {trim.name} of {image.source}",
            filesystem=image.filesystem,
            partition=image.partition,
            suite=image.suite,
            replace=replace,
            include=image.include,
        )


def _script(image: Image, trim: Trim) -> list[str]:
    """Return the debugfs commands that make the folders and links; all names were checked."""
    links = [f"{CONTROL}/{mask.unit}" for mask in trim.masks]
    links += [f"{GENERATORS}/{posixpath.basename(gone.path)}" for gone in trim.generators]
    existing = read(image, Wanted(contents=(CONTROL, GENERATORS), names=("/etc/systemd",)))
    drop_ins = [f"{CONTROL}/{drop_in.path}" for drop_in in trim.drop_ins]
    for path in (*links, *drop_ins):
        if existing.resolve(path) is not None or existing.target(path) is not None:
            raise InputError(
                f"the image already has {path}", hint="give the image that the trim was made from"
            )
    if not existing.is_there("/etc/systemd"):
        raise InputError(
            "the image has no /etc/systemd", hint="give an image that boots with systemd"
        )
    folders = dict.fromkeys(
        folder
        for path in (*links, *drop_ins)
        for folder in (CONTROL if path.startswith(CONTROL) else GENERATORS, posixpath.dirname(path))
    )
    mkdirs = [f"mkdir {folder}" for folder in folders if not existing.is_there(folder)]
    # debugfs takes backslashes literally, and these names have no blanks or quotes.
    return [*mkdirs, *(f"symlink {path} /dev/null" for path in links)]


def _run(argv: list[str | Path]) -> None:
    done = commands.run(argv)
    if done.returncode:
        space.raise_if_full(done.stderr)
        raise BuildError("copying the image failed", evidence=done.stderr[-600:])
