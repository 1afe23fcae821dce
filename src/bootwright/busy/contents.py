"""What a disk's content says about mounting it: whether it holds partitions."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from bootwright.busy import devices
from bootwright.disks.loop import Bound
from bootwright.errors import FormatError
from bootwright.images import disklayout


def partition_starts(path: Path) -> dict[int, int] | None:
    """Return where each partition begins, in bytes, by its number; None if it cannot be read."""
    try:
        with path.open("rb") as disk:
            return disklayout.starts(disk)
    except FormatError:
        return {}
    except OSError:
        return None


def mounting_partitions(
    path: Path, bound: Bound | None, starts: dict[int, int]
) -> tuple[list[str], list[str]]:
    """Explain why a disk with partitions cannot be mounted as a whole, and what can.

    Args:
        bound: Its loop device, if it has one.
    """
    many = f"{len(starts)} partition{'s' if len(starts) > 1 else ''}"
    number, start = next(iter(starts.items()))
    if bound is None:
        return [
            f"it is a disk with {many}, not one filesystem: mount {path} fails with "
            '"wrong fs type, bad option, bad superblock"'
        ], [
            f"attach it with its partitions, then mount /dev/loopNp{number}: "
            f"$ sudo losetup --find --show --partscan {quote(str(path))}",
            f"or mount one of them: $ sudo mount -o offset={start} {quote(str(path))} /mnt",
        ]
    shown = devices.partitions_of(bound.node.name)
    reason = f"{bound.node.name} holds a disk with {many}: mounting it whole fails"
    if shown:
        return [reason], [f"mount a partition: $ sudo mount /dev/{shown[0]} /mnt"]
    if devices.scans_partitions(bound):
        return [f"{reason}, and the kernel found no partitions (--partscan is on)"], [
            f"show its partitions: $ sudo partx --add {bound.node}",
            "or detach it, and mount a partition by its offset: "
            f"$ sudo losetup -d {bound.node} && sudo mount -o "
            f"loop,offset={bound.offset + start} {quote(bound.backing_file)} /mnt",
        ]
    return [f"{reason}, and it was attached without --partscan (-P), which shows them"], [
        f"show its partitions: $ sudo partx --add {bound.node}",
        "or detach it, and attach it again with them: "
        f"$ sudo losetup -d {bound.node} && "
        f"sudo losetup --find --show --partscan {quote(bound.backing_file)}",
    ]
