"""bootwright image ..."""

from __future__ import annotations

import time
from pathlib import Path

import click

from bootwright.cli import machines, names, screen
from bootwright.digest import short_digest
from bootwright.home import locate_home
from bootwright.host.trees import used_bytes
from bootwright.images import listing
from bootwright.images.image import Image
from bootwright.images.listing import DamagedImage, ImageInfo
from bootwright.pruning import stores
from bootwright.reports import text


@click.group("image", epilog="Example: bootwright image build web --debian bookworm")
def command() -> None:
    """Build, import and list root filesystems.

    An image never changes: it is stored once, under a name made from its content.
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
@click.option(
    "--minimal", is_flag=True, help="Install only Debian's base: no systemd, no SSH server."
)
@click.option(
    "--mirror", metavar="URL", help="Debian archive; default: the one this host's apt uses."
)
@names.REPLACE
def build(
    name: str,
    suite: str,
    include: tuple[str, ...],
    minimal: bool,
    mirror: str | None,
    replace: bool,
) -> None:
    """Build a Debian system with mmdebstrap, and call it NAME.

    The same description is built once; later calls answer from the store.
    """
    from bootwright.images.debian import Build
    from bootwright.images.debian import build as build_image

    packages = tuple(sorted(p for words in include for p in words.replace(",", " ").split()))
    what = Build(suite=suite, include=packages, minimal=minimal, mirror=mirror)
    with screen.observer(f"image {name}") as observe:
        made = build_image(locate_home(), name, what, replace=replace, observe=observe)
    how = "built" if made.built else "already built"
    screen.say(f"image {name}: {how} ({_summary(made.image)})")


@command.command(
    "import",
    epilog="""\b
Examples:
  bootwright image import web rootfs.tar.xz
  bootwright image import cloud debian-12-genericcloud-amd64.qcow2
""",
)
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, readable=False))
@names.REPLACE
def import_(name: str, file: Path, replace: bool) -> None:
    """Store a copy of FILE as image NAME.

    FILE is an ext4, xfs or btrfs filesystem, a raw disk with partitions, a qcow2, or a tar archive
    of a root filesystem or of such a disk; each may be compressed (gz, xz, zst, bz2, lz4). What it
    is shows its content, not its name. It is checked, and not changed.
    """
    from bootwright.images import imported

    with screen.observer(f"image {name}") as observe:
        image = imported.add(locate_home(), name, file, replace=replace, observe=observe)
    screen.say(f"image {name}: imported ({_summary(image)})")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> int:
    """List images."""
    found = listing.images(locate_home())
    status = 1 if any(isinstance(image, DamagedImage) for image in found) else 0
    if as_json:
        screen.print_json(found)
    elif found:
        rows = [_row(image, time.time()) for image in found]
        click.echo(
            screen.table(["NAME", "DIGEST", "USED", "ADDED", "SOURCE"], rows, optional=("DIGEST",))
        )
    else:
        screen.say("no images; build one: bootwright image build web --debian bookworm")
    return status


def _row(image: ImageInfo | DamagedImage, now_s: float) -> list[str]:
    row = [image.name, short_digest(image.digest), text.size(image.used_bytes)]
    if isinstance(image, DamagedImage):
        return [*row, "", f"damaged: bootwright image rm {image.name}"]
    return [*row, text.age(image.added_s, now_s), image.source]


@command.command()
@click.argument("name", shell_complete=names.images)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, as_json: bool) -> None:
    """Show the details of image NAME."""
    image = listing.info(locate_home(), name)
    if as_json:
        screen.print_json(image)
    else:
        click.echo(screen.fields(image))


@command.command()
@click.argument("names_", metavar="NAME...", nargs=-1, required=True, shell_complete=names.images)
def rm(names_: tuple[str, ...]) -> None:
    """Remove image names; delete images that have no other name.

    If one cannot be removed, none is.
    """
    # A dead machine holds on to nothing.
    stores.remove_images(machines.home(), *names_)
    for name in dict.fromkeys(names_):
        screen.say(f"image {name}: removed")


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def prune(as_json: bool) -> None:
    """Delete images that have no name and that no machine uses.

    bootwright prune does this for all that bootwright keeps.
    """
    from bootwright.pruning.prune import prune_images

    done = prune_images(locate_home())
    for note in done.notes:
        screen.say(f"note: {note}")
    if as_json:
        screen.print_json(done)
    else:
        screen.say(f"removed {len(done.removed)} images, freed {text.size(done.freed_bytes)}")


def _summary(image: Image) -> str:
    return f"{text.size(used_bytes(image.folder))}, {short_digest(image.digest)}, {image.source}"
