"""Images from a user's own files: a filesystem, a raw or qcow2 disk, a tar archive."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bootwright.errors import BuildError, FormatError, InputError
from bootwright.events import Observer, Progress, ignore, within
from bootwright.home import Home
from bootwright.host import commands, space, tools
from bootwright.images import disklayout, ext4
from bootwright.images.image import Image, image_store, store_image
from bootwright.store import check_name

_QCOW2_MAGIC = b"QFI\xfb"
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")


def add(
    home: Home,
    name: str,
    file: Path,
    *,
    observe: Observer = ignore,
) -> Image:
    """Store a copy of *file* as an image; what it is shows its content, not its name.

    Raises:
        FormatError: it is none of those, or holds no root filesystem that we know.
        InputError: there is no such file.
    """
    check_name(name, "an image")
    if not file.is_file():
        raise InputError(f"there is no file {file}", hint="give an ext4, raw, qcow2 or tar file")
    space.require(home.images, file.stat().st_blocks * 512, f"importing {file.name}")
    with file.open("rb") as opened:
        head = opened.read(1024)
    with (
        image_store(home).staged() as staged,
        space.disk_full_explained(home.images, "an image was imported"),
    ):
        folder = staged / "image"
        folder.mkdir()
        disk = folder / "disk.raw"
        if head[257:262] == b"ustar" or head.startswith(_COMPRESSED):
            observe(Progress(step="writing ext4 from the archive", share=0.1))
            ext4.write(file, disk)
        elif head.startswith(_QCOW2_MAGIC):
            observe(Progress(step="converting from qcow2", share=0.1))
            [qemu_img] = tools.require("qemu-img")
            _refuse_references(qemu_img, file)
            _run([qemu_img, "convert", "-f", "qcow2", "-O", "raw", file, disk], file)
        else:
            observe(Progress(step="copying", share=0.1))
            _run(["cp", "--sparse=always", "--reflink=auto", file, disk], file)
        observe(Progress(step="looking for the root filesystem", share=0.8))
        if disk.stat().st_size % 512:
            raise FormatError(
                f"{file} is no disk: its size is not a multiple of 512 bytes",
                hint="give an ext4, xfs or btrfs filesystem, a raw or qcow2 disk, or a tar",
            )
        with disk.open("rb") as opened:
            try:
                root = disklayout.find_root(opened)
            except FormatError as error:
                raise FormatError(f"{file} cannot be used: {error}", hint=error.hint) from error
        return store_image(
            home,
            folder,
            name=name,
            source=str(file.absolute()),
            filesystem=root.filesystem,
            partition=root.partition,
            observe=within(observe, 0.9, 1),
        )


def _refuse_references(qemu_img: Path, file: Path) -> None:
    """Refuse a qcow2 that names other files: whoever made it could have our files read."""
    described = commands.run([qemu_img, "info", "--output=json", "-f", "qcow2", file])
    if described.returncode:
        raise FormatError(
            f"{file} is no readable qcow2",
            hint="qemu-img check says more",
            evidence=described.stderr[-600:],
        )
    table = msgspec.json.decode(described.stdout)
    data_file = table.get("format-specific", {}).get("data", {}).get("data-file")
    if other := table.get("backing-filename") or data_file:
        raise FormatError(
            f"{file} is not whole: it refers to {other}",
            hint="make it whole first: qemu-img convert -O qcow2 OLD NEW",
        )


def _run(command: list[str | Path], file: Path) -> None:
    done = commands.run(command)
    if done.returncode:
        space.raise_if_full(done.stderr)
        raise BuildError(f"reading {file} failed", evidence=done.stderr[-1000:])
