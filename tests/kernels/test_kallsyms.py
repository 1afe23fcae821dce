"""Reading the kernel's own symbols, from tables that the test writes as scripts/kallsyms.c does.

That real kernels' tables are read right is tested by a boot: tests/boots/test_run.py.
"""

from __future__ import annotations

import struct

import pytest

from bootwright.errors import FormatError
from bootwright.kernels import kallsyms

BASE = 0xFFFFFFFF81000000
COUNT = 1200
LONG_NAME = "n" * 200


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def _name(index: int) -> str:
    return LONG_NAME if index == 700 else f"symbol_{index}"


def _vmlinux(*, addresses_first: bool, percpu: bool) -> bytes:
    """Write the tables; every token is one character, but for one that stands for ``symbol_``."""
    tokens = [bytes([code]) if 32 < code < 127 else b"?%d" % code for code in range(256)]
    tokens[1] = b"symbol_"
    names, markers = b"", []
    for index in range(COUNT):
        if index % 256 == 0:
            markers.append(len(names))
        text = ("T" + _name(index)).encode()
        codes = text.replace(b"symbol_", b"\x01")
        length = len(codes)
        if length > 0x7F:
            names += bytes([(length & 0x7F) | 0x80, length >> 7])
        else:
            names += bytes([length])
        names += codes
    table = b"".join(token + b"\0" for token in tokens)
    index_of_tokens, position = [], 0
    for token in tokens:
        index_of_tokens.append(position)
        position += len(token) + 1
    named = _padded(struct.pack("<I", COUNT)) + _padded(names)
    named += _padded(struct.pack(f"<{len(markers)}I", *markers))
    named += _padded(table) + _padded(struct.pack("<256H", *index_of_tokens))
    if percpu:
        offsets = [index if index < 2 else -1 - 16 * index for index in range(COUNT)]
    else:
        offsets = [16 * index for index in range(COUNT)]
    addresses = _padded(struct.pack(f"<{COUNT}i", *offsets)) + struct.pack("<Q", BASE)
    tables = addresses + named if addresses_first else named + addresses
    return b"\x7fELF" + bytes(4092) + tables + bytes(4096)


@pytest.mark.parametrize("addresses_first", [True, False], ids=["before-6.4", "since-6.4"])
@pytest.mark.parametrize("percpu", [True, False])
def test_kallsyms_symbols_of_both_layouts_and_offset_kinds(
    addresses_first: bool, percpu: bool
) -> None:
    found = kallsyms.symbols(_vmlinux(addresses_first=addresses_first, percpu=percpu))
    expected = {_name(index): BASE + 16 * index for index in range(COUNT)}
    if percpu:
        expected |= {_name(index): index for index in range(2)}
    assert {symbol.name: symbol.address for symbol in found} == expected
    assert {symbol.kind for symbol in found} == {"T"}
    assert [s.address for s in found] == sorted(s.address for s in found)


def test_kallsyms_system_map_has_the_format_of_nm() -> None:
    symbol = kallsyms.Symbol(address=BASE, kind="T", name="_text")
    assert kallsyms.system_map([symbol]) == "ffffffff81000000 T _text\n"


def test_kallsyms_symbols_names_a_kernel_without_a_table() -> None:
    with pytest.raises(FormatError, match="it contains no symbol table") as caught:
        kallsyms.symbols(b"\x7fELF" + bytes(100_000))
    assert caught.value.hint == "build the kernel with CONFIG_KALLSYMS=y"


def test_kallsyms_symbols_refuses_a_truncated_table() -> None:
    whole = _vmlinux(addresses_first=True, percpu=False)
    with pytest.raises(FormatError, match="symbol names are in an unknown format"):
        kallsyms.symbols(whole.replace(struct.pack("<I", COUNT) + bytes(4), bytes(8)))
