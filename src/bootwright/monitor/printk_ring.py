"""When each kernel log line was written, read from the stopped guest's memory.

The log has the time of a line on the guest's clock; between which two samples the line appeared is
known on the VMM's clock. So lines align the two clocks, even if the guest's clock steps.

Source: struct printk_info in kernel/printk/printk_ringbuffer.h, the same in Linux 5.10 to 6.12: the
sequence number and the time in nanoseconds come first, 88 bytes make a record, and the records of
the first ring lie in ``_printk_rb_static_infos``. With a larger log_buf_len the kernel
soon switches to another ring.
"""

from __future__ import annotations

from collections.abc import Sequence

from bootwright.timelines.evidence import LogLineTime

SYMBOL = "_printk_rb_static_infos"
RECORDS = 8
"""How many records are read at a time."""
_WORDS = 11
"""The size of a record, in words of 8 bytes."""


class Ring:
    """Follows the log of one guest.

    Args:
        address: Of the first record, in the guest.
    """

    def __init__(self, address: int) -> None:
        self._address = address
        self._next = 0
        self._absent_ns = 0
        """The last sample without a new line."""
        self.lines: list[LogLineTime] = []

    @property
    def window(self) -> tuple[int, int]:
        """What to read next: an address, and how many words of 8 bytes."""
        return self._address + 8 * _WORDS * self._next, _WORDS * RECORDS

    def take(self, words: Sequence[int], vm_ns: int) -> None:
        """Parse the contents of `window` at *vm_ns*; *words* is empty if it could not be read."""
        if len(words) < _WORDS * RECORDS:
            return
        new = 0
        for number in range(RECORDS):
            sequence, time_ns = words[_WORDS * number : _WORDS * number + 2]
            # A record that was never written is all zeros, like the first record's number.
            if sequence != self._next or (sequence == 0 and not self._is_first_written(words)):
                break
            self.lines.append(LogLineTime(time_ns, self._absent_ns, vm_ns))
            self._next += 1
            new += 1
        if new < RECORDS:
            self._absent_ns = vm_ns  # else there may be more lines, written earlier

    def _is_first_written(self, words: Sequence[int]) -> bool:
        """Test whether the first record was written: then the second has a number, or the first has
        the length of its text (its third word)."""
        return words[_WORDS] == 1 or words[2] != 0
