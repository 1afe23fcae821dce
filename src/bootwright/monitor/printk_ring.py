"""The kernel's log as it grows, read from the stopped guest's memory: when each line was written.

The log tells when a line was written on the guest's own clock; that nobody had written it at one
look and that it was there at the next tells the same on the VMM's. So lines join the two clocks,
also where the guest's steps.

Source: struct printk_info in kernel/printk/printk_ringbuffer.h, the same in Linux 5.10 to 6.12: the
sequence number and the time in nanoseconds come first, 88 bytes make a record, and the records of
the first ring lie in ``_printk_rb_static_infos``. A kernel that was told of a larger log_buf_len
has another ring soon.
"""

from __future__ import annotations

from collections.abc import Sequence

from bootwright.timelines.evidence import LogLineTime

SYMBOL = "_printk_rb_static_infos"
RECORDS = 8
"""How many records are looked at each time."""
_WORDS = 11
"""Of 8 bytes in a record."""


class Ring:
    """Follows the log of one guest.

    Args:
        address: Of the first record.
    """

    def __init__(self, address: int) -> None:
        self._address = address
        self._next = 0
        self._absent_ns = 0
        """The last look at which no line was there that has not been told."""
        self.lines: list[LogLineTime] = []

    @property
    def window(self) -> tuple[int, int]:
        """What to read next: an address, and how many words of 8 bytes."""
        return self._address + 8 * _WORDS * self._next, _WORDS * RECORDS

    def take(self, words: Sequence[int], vm_ns: int) -> None:
        """Take in what lay in `window` at *vm_ns*; nothing, where it could not be read."""
        if len(words) < _WORDS * RECORDS:
            return
        new = 0
        for number in range(RECORDS):
            sequence, time_ns = words[_WORDS * number : _WORDS * number + 2]
            # A record that was never written is all zeros, as the first one is: its time tells.
            if sequence != self._next or (sequence == 0 and not self._is_first_written(words)):
                break
            self.lines.append(LogLineTime(time_ns, self._absent_ns, vm_ns))
            self._next += 1
            new += 1
        if new < RECORDS:
            self._absent_ns = vm_ns  # else there may be more, and they may have been there before

    def _is_first_written(self, words: Sequence[int]) -> bool:
        """Say whether the first record was written: then the second has a number, or the first a
        length of its text (its third word)."""
        return words[_WORDS] == 1 or words[2] != 0
