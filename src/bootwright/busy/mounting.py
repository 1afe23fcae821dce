"""Predict what ``mount FILE`` would do.

Source: util-linux, libmount/src/hook_loopdev.c and lib/loopdev.c, loopcxt_find_overlap(): the first
loop device, in the order of /sys/block, that has the same backing file decides. Same offset and
size limit: mount uses that device, even if others are free. Overlapping only: mount refuses. None:
mount sets up a new one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bootwright.busy.holders import Holder
from bootwright.disks.loop import Bound

Verdict = Literal["fresh", "reuses", "shares", "overlaps", "busy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounting:
    """What mount(8) would do with a file, and the message that it would print."""

    verdict: Verdict
    loop: str = ""
    """The device that mount would use, or that prevents it, such as ``loop26``."""
    message: str = ""
    """The error that mount would print."""


def of_file(loops: Sequence[Bound], holders: Mapping[int, Sequence[Holder]], path: str) -> Mounting:
    """Predict what ``mount FILE`` would do.

    Args:
        loops: The loop devices backed by the file, in the order of /sys/block.
        holders: The holders of each, by its number.
    """
    for bound in loops:
        name = f"loop{bound.number}"
        if bound.offset == 0 and bound.size_limit == 0:
            return of_device(name, holders.get(bound.number, ()))
        return Mounting(
            verdict="overlaps",
            loop=name,
            message=f"overlapping loop device exists for {path}.",
        )
    return Mounting(verdict="fresh")


def of_device(name: str, holders: Sequence[Holder]) -> Mounting:
    """Predict what ``mount /dev/NAME`` would do."""
    claims = [holder for holder in holders if holder.claims]
    if not claims:
        return Mounting(verdict="reuses", loop=name)
    if all(holder.kind == "mount" and not holder.device for holder in claims):
        return Mounting(verdict="shares", loop=name)
    return Mounting(
        verdict="busy",
        loop=name,
        message=f"/dev/{name} already mounted or mount point busy",
    )


def next_free(bound: Sequence[int], existing: Sequence[int]) -> int:
    """Return the number that LOOP_CTL_GET_FREE would return.

    It skips devices that have a backing file, but not those that are claimed.

    Args:
        bound: The numbers of the loop devices that have a backing file.
        existing: The numbers of all loop devices; a new one is created if none is free.

    Source: drivers/block/loop.c, loop_control_get_free().
    """
    unbound = set(existing) - set(bound)
    if unbound:
        return min(unbound)
    number = 0
    while number in existing:
        number += 1
    return number
