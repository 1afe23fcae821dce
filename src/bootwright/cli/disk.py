"""bootwright disk ..."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bootwright.cli import screen
from bootwright.disks import table
from bootwright.home import locate_home

if TYPE_CHECKING:
    from bootwright.disks.bench import BenchReport

_GIB = 1 << 30


@click.group("disk", epilog="Example: bootwright disk list")
def command() -> None:
    """Show which disk types work on this host, and what each costs."""


@command.command("list", epilog="Example: bootwright disk list --json | jq '.[] | select(.works)'")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List the disk types for run --disk, and why one does not work on this host.

    What one image or one kernel cannot have is said by run.
    """
    from bootwright.defaults.disk_kind import survey

    found = survey(locate_home())
    if as_json:
        screen.print_json(found)
        return
    header = ["DISK", "WORKS", "KEEPABLE", "DESCRIPTION"]
    rows = [
        [
            kind.disk,
            "yes" if kind.works else "no",
            "yes" if kind.can_be_kept else "no",
            kind.summary,
        ]
        for kind in found
    ]
    click.echo(screen.table(header, rows))
    for kind in found:
        if not kind.works:
            click.echo(f"{kind.disk}: {kind.reason}" + (f" ({kind.hint})" if kind.hint else ""))


@command.command(
    epilog="""\b
Examples:
  bootwright disk bench
  bootwright disk bench --disk qcow2 --disk copy --full 10G
  bootwright disk bench --sparse 1G --sparse 1T --full 0 --json
"""
)
@click.option(
    "--disk",
    "kinds",
    type=click.Choice(table.KINDS),
    multiple=True,
    help="Measure only this type; default: all that work on this host.",
)
@click.option(
    "--sparse",
    metavar="SIZE",
    multiple=True,
    default=("1G", "10G", "100G"),
    show_default=True,
    help="Size of a sparse image with 64 MiB of data.",
)
@click.option(
    "--full",
    metavar="SIZE",
    default="2G",
    show_default=True,
    help="Size of a full image, a multiple of 2 MiB; 0: none.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def bench(kinds: tuple[str, ...], sparse: tuple[str, ...], full: str, as_json: bool) -> None:
    """Measure the cost of each disk type on this host.

    Times are medians. Created: from nothing to what a VMM attaches. Written: 4 KiB through QEMU's
    block layer (qemu-io), not flushed, where nothing was written before and again to the same
    place; for pmem a write to memory. What a guest's own overlayfs costs is not in it. Cached: what
    ten machines that read the same 64 MiB take of the page cache.
    """
    from bootwright.disks import bench as benches
    from bootwright.recipes.size import parse

    plan = benches.BenchPlan(
        kinds=tuple(table.disk(name) for name in kinds or table.KINDS),
        sparse_bytes=tuple(parse(size) for size in sparse),
        full_bytes=parse(full),
    )
    with screen.observer("disk bench", quiet=as_json) as observe:
        report = benches.measure(locate_home(), plan, observe)
    if as_json:
        screen.print_json(report)
    else:
        click.echo(_text(report))


def _text(report: BenchReport) -> str:
    header = ["DISK", "IMAGE", "CREATED", "1ST WRITE", "2ND WRITE", "REMOVED", "N"]
    rows = [
        [
            result.disk,
            f"{result.image_bytes / _GIB:g} GiB"
            + (" full" if result.data_bytes * 2 > result.image_bytes else ""),
            _ms(result.create_ns),
            _ms(result.first_write_ns),
            _ms(result.second_write_ns),
            _ms(result.destroy_ns),
            str(result.spreads["create"].n),
        ]
        for result in sorted(report.results, key=lambda result: result.disk)
    ]
    lines = [screen.table(header, rows), f"in milliseconds, medians; on {report.filesystem}", ""]
    lines += [
        f"{memory.disk}: {memory.machines} machines that read the same "
        f"{memory.read_bytes >> 20} MiB have {memory.cached_bytes >> 20} MiB in the page cache"
        for memory in report.memory
    ]
    seen = {(refusal.disk, refusal.reason) for refusal in report.refused}
    lines += [f"{disk}: not measured: {reason}" for disk, reason in sorted(seen)]
    return "\n".join(lines)


def _ms(duration_ns: int | None) -> str:
    return "-" if duration_ns is None else f"{duration_ns / 1e6:.3f}"
