"""What ``mount FILE`` would do, worked out without doing it.

Source: util-linux, libmount/src/hook_loopdev.c and lib/loopdev.c, loopcxt_find_overlap(): of all
loop devices, in the order of /sys/block, the first with the same file behind it counts. Same offset
and size limit: that one is mounted, whatever number is free. Only overlapping: refused. None: a
fresh one is taken.
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
    """What mount(8) would do with a file, and what it would say."""

    verdict: Verdict
    loop: str = ""
    """The device that it would mount, or that is in its way, such as ``loop26``."""
    message: str = ""
    """What mount would print."""


def of_file(loops: Sequence[Bound], holders: Mapping[int, Sequence[Holder]], path: str) -> Mounting:
    """Say what ``mount FILE`` would do.

    Args:
        loops: Those with the file behind them, in the order of /sys/block.
        holders: Who holds each, by its number.
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
    """Say what ``mount /dev/NAME`` would do."""
    claims = [holder for holder in holders if holder.claims]
    if not claims:
        return Mounting(verdict="reuses", loop=name)
    if all(holder.kind == "mount" for holder in claims):
        return Mounting(verdict="shares", loop=name)
    return Mounting(
        verdict="busy",
        loop=name,
        message=f"/dev/{name} already mounted or mount point busy",
    )


def next_free(bound: Sequence[int], there: Sequence[int]) -> int:
    """Return the number that LOOP_CTL_GET_FREE would give: it looks at whether a file is behind a
    device, and not at whether somebody has claimed it.

    Args:
        bound: The numbers of loop devices that have a file behind them.
        there: The numbers of all that exist; the next one is made where none is free.

    Source: drivers/block/loop.c, loop_control_get_free().
    """
    unbound = set(there) - set(bound)
    if unbound:
        return min(unbound)
    number = 0
    while number in there:
        number += 1
    return number
