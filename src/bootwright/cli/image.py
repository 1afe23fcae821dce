"""bootwright image ..."""

from __future__ import annotations

import time
from pathlib import Path

import click

from bootwright import home as homes
from bootwright.cli import machines, names, screen
from bootwright.digest import Digest, is_digest, short
from bootwright.errors import FormatError, InputError
from bootwright.home import Home
from bootwright.host.trees import used_bytes
from bootwright.images import image as images
from bootwright.images.image import Image
from bootwright.machine import folder as folders
from bootwright.report import text


@click.group("image", epilog="Example: bootwright image build web --debian bookworm")
def command() -> None:
    """Build, import and list root filesystems.

    An image never changes. It is stored once, named by its content, and holds nothing of ours.
    """


@command.command(
    epilog="""\b
Examples:
  bootwright image build web --debian bookworm
  bootwright image build db --debian trixie --include postgresql --include htop
"""
)
@click.argument("name")
@click.option("--debian", "suite", required=True, metavar="SUITE", help="bookworm, trixie, ...")
@click.option("--include", multiple=True, metavar="PKG", help="Add a package (may be repeated).")
@click.option("--minimal", is_flag=True, help="Debian's base alone: no systemd, no SSH server.")
@click.option(
    "--mirror", metavar="URL", help="Archive; default: the one that this host's apt uses."
)
def build(
    name: str, suite: str, include: tuple[str, ...], minimal: bool, mirror: str | None
) -> None:
    """Build a Debian system with mmdebstrap, and call it NAME.

    The same description is built once; later calls answer from the store.
    """
    from bootwright.images.debian import Build
    from bootwright.images.debian import build as build_image

    packages = tuple(sorted(p for words in include for p in words.replace(",", " ").split()))
    what = Build(suite=suite, include=packages, minimal=minimal, mirror=mirror)
    with screen.progress(f"image {name}") as advance:
        image, is_new = build_image(homes.locate(), name, what, progress=advance)
    how = "built" if is_new else "was built before, answered from the store"
    screen.say(f"image {name}: {how} ({_summary(image)})")


@command.command(
    "import",
    epilog="""\b
Examples:
  bootwright image import web rootfs.tar.xz
  bootwright image import cloud debian-12-genericcloud-amd64.qcow2
""",
)
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
def import_(name: str, file: Path) -> None:
    """Store a copy of FILE as image NAME.

    FILE is an ext4, xfs or btrfs filesystem, a raw disk with partitions, a qcow2, or a tar archive
    of a root filesystem. It is not changed.
    """
    from bootwright.images import imported

    with screen.progress(f"image {name}") as advance:
        image = imported.add(homes.locate(), name, file, progress=advance)
    screen.say(f"image {name}: imported ({_summary(image)})")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> int:
    """List images."""
    home = homes.locate()
    shelf = images.shelf(home)
    rows = [_row_or_damage(home, name, digest) for name, digest in shelf.names().items()]
    status = 1 if any("damaged" in row for row in rows) else 0
    if as_json:
        screen.print_json(rows)
        return status
    now = time.time()
    lines = [
        [
            str(row["name"]),
            short(str(row["digest"])),
            text.size(int(str(row["used_bytes"]))),
            "" if row["added_s"] is None else text.age(float(str(row["added_s"])), now),
            f"damaged: bootwright image rm {row['name']}"
            if "damaged" in row
            else str(row["source"]),
        ]
        for row in rows
    ]
    if lines:
        click.echo(screen.table(["NAME", "DIGEST", "USED", "ADDED", "SOURCE"], lines))
    else:
        screen.say("there is no image yet: bootwright image build web --debian bookworm")
    return status


@command.command()
@click.argument("name", shell_complete=names.images)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, as_json: bool) -> None:
    """Show all that is known of image NAME."""
    row = _row(name, images.load(homes.locate(), name))
    if as_json:
        screen.print_json(row)
        return
    for key, value in row.items():
        click.echo(f"{key + ':':<13}{value}")


@command.command()
@click.argument("names_", metavar="NAME...", nargs=-1, required=True, shell_complete=names.images)
def rm(names_: tuple[str, ...]) -> None:
    """Remove images by name; what no other name stands for is deleted."""
    home = machines.home()  # a dead machine holds on to nothing
    shelf = images.shelf(home)
    for name in names_:
        digest = shelf.resolve(name)
        aliases = [other for other, stands_for in shelf.names().items() if stands_for == digest]
        if len(aliases) <= 1:
            _refuse_if_used(home, name, digest)
        if name in aliases:
            shelf.untag(name)
        elif aliases:
            raise InputError(
                f"image {name!r} has the names {', '.join(aliases)}", hint="remove those"
            )
        if digest in shelf.unnamed():
            shelf.remove(digest)
        screen.say(f"image {name}: removed")


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def prune(as_json: bool) -> None:
    """Delete images that no name stands for and no machine uses.

    bootwright prune does this for all that bootwright keeps.
    """
    from bootwright.doctor import prune as prunes

    home = homes.locate()
    found = prunes.survey(home, everything=False)
    unused = [item for item in found.items if item.kind == "image" and is_digest(item.path.name)]
    freed = {}
    for item in unused:
        size_bytes = prunes.free(home, item)
        if not item.path.exists():  # else it came into use just now
            freed[item.path.name] = size_bytes
    for note in found.notes:
        screen.say(f"note: {note}")
    if as_json:
        screen.print_json({"removed": list(freed), "freed_bytes": sum(freed.values())})
    else:
        screen.say(f"removed {len(freed)} images, freed {text.size(sum(freed.values()))}")


def _refuse_if_used(home: Home, name: str, digest: Digest) -> None:
    if used_by := folders.users(home, digest):
        raise InputError(
            f"image {name!r} is used by machine {', '.join(used_by)}",
            hint=f"remove that first: bootwright rm {' '.join(used_by)}",
        )


def _summary(image: Image) -> str:
    return f"{text.size(used_bytes(image.folder))}, {short(image.digest)}, {image.source}"


def _row_or_damage(home: Home, name: str, digest: Digest) -> dict[str, object]:
    try:
        return _row(name, images.load(home, name))
    except (FormatError, FileNotFoundError) as error:
        folder = images.shelf(home).path(digest)
        unknown = ("source", "filesystem", "partition", "size_bytes", "added_s")
        return {
            "name": name,
            "digest": digest,
            **dict.fromkeys(unknown),
            "used_bytes": used_bytes(folder),
            "path": str(folder / "disk.raw"),
            "damaged": str(error),
        }


def _row(name: str, image: Image) -> dict[str, object]:
    return {
        "name": name,
        "digest": image.digest,
        "source": image.source,
        "filesystem": image.filesystem,
        "partition": image.partition,
        "size_bytes": image.size_bytes,
        "used_bytes": used_bytes(image.folder),
        "added_s": image.added_s,
        "path": str(image.disk),
    }
