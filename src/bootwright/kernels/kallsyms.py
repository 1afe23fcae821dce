"""Read the symbol table inside a stripped vmlinux, and write it as a System.map.

Debian's kernel package has a placeholder for System.map, and an extracted vmlinux has no symbol
table; but with CONFIG_KALLSYMS the kernel carries its symbols, compressed, to name functions in its
own messages. The tables have no names in the file; they are found by their shape.

Source: scripts/kallsyms.c (what is written, in which order) and kernel/kallsyms.c (how it is read).
The order changed in Linux 6.4: addresses come before the names in older kernels, behind them in
newer ones.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from bootwright.errors import FormatError

_TOKENS = 256
_DIGIT_TOKENS = b"".join(b"%d\0" % digit for digit in range(10))
_NAMES_PER_MARKER = 256
_SEARCHED_BYTES = 32 << 20
_FEWEST, _MOST = 1_000, 2_000_000
_KERNEL_HALF = 1 << 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """One symbol, as a line of System.map tells it."""

    address: int
    kind: str
    """As nm(1) has it: T a function, D data, ..."""
    name: str


def symbols(vmlinux: bytes) -> list[Symbol]:
    """Return the symbols in the kernel's own table, by rising address.

    Raises:
        FormatError: there is no table, or its format is unknown.
    """
    table_start, tokens, table_end = _find_tokens(vmlinux)
    count_at, names = _find_names(vmlinux, table_start)
    addresses = _find_addresses(vmlinux, count_at, table_end, len(names))
    found = []
    for address, compressed in zip(addresses, names, strict=True):
        text = b"".join([tokens[code] for code in compressed]).decode("ascii", "replace")
        found.append(Symbol(address=address, kind=text[0], name=text[1:]))
    return sorted(found, key=lambda symbol: symbol.address)


def system_map(found: list[Symbol]) -> str:
    """Return symbols in the form of System.map."""
    return "".join(f"{s.address:016x} {s.kind} {s.name}\n" for s in found)


def _aligned(offset: int) -> int:
    return (offset + 7) & ~7


def _find_tokens(data: bytes) -> tuple[int, list[bytes], int]:
    """Find the 256 strings that names are made of, and the index of them right behind.

    A digit is always a token of its own, at the place of its character code.
    """
    for match in re.finditer(re.escape(_DIGIT_TOKENS), data):
        start = match.start()
        for _ in range(ord("0")):
            start = data.rfind(b"\0", 0, start - 1) + 1
            if start == 0:
                break
        tokens, offsets, position = [], [], start
        for _ in range(_TOKENS):
            offsets.append(position - start)
            end = data.find(b"\0", position)
            tokens.append(data[position:end])
            position = end + 1
        index_at = _aligned(position)
        if data[index_at : index_at + 2 * _TOKENS] == struct.pack(
            f"<{_TOKENS}H", *(offset & 0xFFFF for offset in offsets)
        ):
            return start, tokens, index_at + 2 * _TOKENS
    raise FormatError("it contains no symbol table", hint="build the kernel with CONFIG_KALLSYMS=y")


def _find_names(data: bytes, before: int) -> tuple[int, list[bytes]]:
    """Find the count of the symbols and behind it their compressed names.

    Behind the names lie markers: where every 256th name begins. They tell the right place.
    """
    first = max(0, before - _SEARCHED_BYTES) & ~7
    words = memoryview(data)[first : before & ~7].cast("Q")
    for index, count in enumerate(words):
        if not _FEWEST <= count <= _MOST:
            continue
        names_at = first + 8 * (index + 1)
        walked = _walk(data, names_at, min(count, _NAMES_PER_MARKER), before)
        if walked is None:
            continue
        second_marker = walked[1] - names_at
        walked = _walk(data, names_at, count, before)
        if walked is None:
            continue
        names, end = walked
        markers = struct.unpack_from("<2I", data, _aligned(end))
        if markers == (0, second_marker):
            return names_at - 8, names
    raise FormatError("its symbol names are in an unknown format")


def _walk(data: bytes, position: int, count: int, limit: int) -> tuple[list[bytes], int] | None:
    """Read *count* names: each a length of one byte, or two for long ones, and so many codes."""
    names = []
    for _ in range(count):
        length = data[position]
        position += 1
        if length & 0x80:
            length = (length & 0x7F) | (data[position] << 7)
            position += 1
        if length == 0 or position + length > limit:
            return None
        names.append(data[position : position + length])
        position += length
    return names, position


def _find_addresses(data: bytes, count_at: int, tokens_end: int, count: int) -> list[int]:
    """Find the offset of each symbol and the address that they count from, and add them up."""
    behind = _aligned(tokens_end)
    before = count_at - 8 - _aligned(4 * count)
    for offsets_at, base_at in (
        (behind, _aligned(behind + 4 * count)),
        (before, count_at - 8),
    ):
        if offsets_at < 0 or base_at + 8 > len(data):
            continue
        (base,) = struct.unpack_from("<Q", data, base_at)
        if base < _KERNEL_HALF:
            continue
        offsets = struct.unpack_from(f"<{count}i", data, offsets_at)
        if any(offset < 0 for offset in offsets):
            # CONFIG_KALLSYMS_ABSOLUTE_PERCPU: what is not negative is an address as it is.
            return [base - 1 - o if o < 0 else o for o in offsets]
        return [base + offset for offset in offsets]
    raise FormatError("its symbol addresses are in an unknown format")
