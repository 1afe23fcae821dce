"""Baking a trim into a new image, for those who boot it elsewhere; the old image is not changed.

What the initramfs would lay into /run is written where systemd reads it on any boot: masks and drop-ins
into /etc/systemd/system.control, which comes before /etc/systemd/system, so that nothing of the
image's own is replaced; generators' masks into /etc/systemd/system-generators.

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


def apply_trim(home: Home, image: Image, trim: Trim, *, name: str) -> Image:
    """Store a copy of *image* with *trim* in it, under *name*.

    Raises:
        InputError: the image has a file in the way, as one that was baked before has.
        HostError: the filesystem is not ext4, or there is no room for the copy.
        BuildError: writing failed.
    """
    check_name(name, "an image")
    if image.filesystem != "ext4":
        raise HostError(
            f"a trim can be written into ext4 only, and the image has {image.filesystem}",
            hint="make the image again from a tar archive, which gives ext4",
        )
    script = _script(image, trim)
    [debugfs] = tools.require("debugfs")
    space.require(home.images, image.disk.stat().st_blocks * 512, f"baking {name}")
    with image.disk.open("rb") as file:
        offset = disklayout.start_bytes(file, image.partition)
    with (
        image_store(home).staged() as staged,
        space.disk_full_explained(home.images, "a trim was baked"),
    ):
        folder = staged / "image"
        folder.mkdir()
        disk = folder / "disk.raw"
        _run(["cp", "--sparse=always", "--reflink=auto", image.disk, disk])
        disk.chmod(0o644)
        lines = list(script)
        for drop_in in trim.drop_ins:
            # Each has a file of its own until debugfs has read it.
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
                f"writing the trim into a copy of the image failed: {(problems or ['?'])[0]}",
                hint="e2fsck -fn says what is wrong with the filesystem",
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
        )


def _script(image: Image, trim: Trim) -> list[str]:
    """Return debugfs commands that make the folders and links. All names in them were checked."""
    links = [f"{CONTROL}/{mask.unit}" for mask in trim.masks]
    links += [f"{GENERATORS}/{posixpath.basename(gone.path)}" for gone in trim.generators]
    there = read(image, Wanted(contents=(CONTROL, GENERATORS), names=("/etc/systemd",)))
    drop_ins = [f"{CONTROL}/{drop_in.path}" for drop_in in trim.drop_ins]
    for path in (*links, *drop_ins):
        if there.resolve(path) is not None or there.target(path) is not None:
            raise InputError(
                f"the image has a {path} already", hint="give the image that the trim is of"
            )
    if not there.is_there("/etc/systemd"):
        raise InputError("the image has no /etc/systemd", hint="give one that boots with systemd")
    folders = dict.fromkeys(
        folder
        for path in (*links, *drop_ins)
        for folder in (CONTROL if path.startswith(CONTROL) else GENERATORS, posixpath.dirname(path))
    )
    made = [f"mkdir {folder}" for folder in folders if not there.is_there(folder)]
    # debugfs takes a backslash as it is, and a name from here has no blank or quote.
    return [*made, *(f"symlink {path} /dev/null" for path in links)]


def _run(argv: list[str | Path]) -> None:
    done = commands.run(argv)
    if done.returncode:
        space.raise_if_full(done.stderr)
        raise BuildError("copying the image failed", evidence=done.stderr[-600:])
