"""bzImage files, built here as Documentation/arch/x86/boot.rst describes them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
from collections.abc import Callable

import lz4.block
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from bootwright.errors import FormatError
from bootwright.kernels import bzimage

_LZ4_BLOCK_BYTES = 8 << 20
_ELF = b"\x7fELF"
_NUMBERS = _ELF + b"".join(str(number).encode() for number in range(60_000))


def _with_size(compressed: bytes, content: bytes) -> bytes:
    """Append the size, as the kernel's build does where the format does not end in it."""
    return compressed + struct.pack("<I", len(content))


def _lz4(content: bytes) -> bytes:
    frame = b"\x02\x21\x4c\x18"
    for start in range(0, len(content), _LZ4_BLOCK_BYTES):
        block = lz4.block.compress(content[start : start + _LZ4_BLOCK_BYTES], store_size=False)
        frame += struct.pack("<I", len(block)) + block
    return _with_size(frame, content)


# As in scripts/Makefile.lib of Linux: gzip ends in the size by itself.
_COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": lambda content: _with_size(bz2.compress(content), content),
    "xz": lambda content: _with_size(
        lzma.compress(content, check=lzma.CHECK_CRC32, preset=0), content
    ),
    "lzma": lambda content: _with_size(
        lzma.compress(content, lzma.FORMAT_ALONE, preset=0), content
    ),
    "zstd": lambda content: _with_size(
        zstandard.ZstdCompressor(write_checksum=True).compress(content), content
    ),
    "LZ4": _lz4,
}


def _bzimage(
    payload: bytes,
    *,
    protocol: int = 0x020F,
    xloadflags: int = 1,
    version: bytes = b"6.1.0-50-cloud-amd64 (debian@lists) #1 SMP\0",
    setup_sectors: int = 4,
    offset: int = 100,
) -> bytes:
    header = bytearray((setup_sectors or 4) * 512 + 512)
    header[0x1F1] = setup_sectors
    header[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", header, 0x206, protocol)
    if version:
        struct.pack_into("<H", header, 0x20E, 0x300 - 0x200)
        header[0x300 : 0x300 + len(version)] = version
    struct.pack_into("<H", header, 0x236, xloadflags)
    struct.pack_into("<II", header, 0x248, offset, len(payload))
    return bytes(header) + b"\x90" * offset + payload + b"what follows is not the payload"


def test_is_bzimage_by_magic() -> None:
    assert bzimage.is_bzimage(_bzimage(b"")[:1024])


@pytest.mark.parametrize("head", [b"", b"MZ" + bytes(1022), b"HdrS" * 10, _ELF + bytes(2000)])
def test_is_bzimage_refuses_other_files(head: bytes) -> None:
    assert not bzimage.is_bzimage(head)


def test_bzimage_release_is_the_first_word_of_the_version() -> None:
    assert bzimage.release(_bzimage(b"")) == "6.1.0-50-cloud-amd64"


@pytest.mark.parametrize("version", [b"", b"\0", b" \0"])
def test_bzimage_release_may_be_missing(version: bytes) -> None:
    assert bzimage.release(_bzimage(b"", version=version)) == ""


@pytest.mark.parametrize(
    ("protocol", "xloadflags", "expected"),
    [(0x020F, 1, True), (0x020C, 0x7F, True), (0x020F, 0x7E, False), (0x020B, 1, False)],
)
def test_is_64_bit_of_bzimage(protocol: int, xloadflags: int, expected: bool) -> None:
    image = _bzimage(b"", protocol=protocol, xloadflags=xloadflags)
    assert bzimage.is_64_bit(image) is expected


@pytest.mark.parametrize("compression", _COMPRESS)
@settings(deadline=None, max_examples=25)
@given(content=st.binary(max_size=5000), sectors=st.integers(0, 64), offset=st.integers(0, 3000))
def test_extract_vmlinux_of_every_compression(
    compression: str, content: bytes, sectors: int, offset: int
) -> None:
    payload = _COMPRESS[compression](_ELF + content)
    image = _bzimage(payload, setup_sectors=sectors, offset=offset)
    assert bzimage.extract_vmlinux(image) == _ELF + content


def test_extract_vmlinux_of_several_lz4_blocks() -> None:
    content = _ELF + bytes(range(256)) * (_LZ4_BLOCK_BYTES // 256) + b"end"
    assert bzimage.extract_vmlinux(_bzimage(_lz4(content))) == content


def test_extract_vmlinux_names_an_unknown_compression() -> None:
    lzo = b"\x89LZO\0\r\n\x1a\n"
    with pytest.raises(FormatError) as caught:
        bzimage.extract_vmlinux(_bzimage(lzo))
    assert str(caught.value) == ("its payload has an unknown compression (it starts with 894c5a4f)")


def test_extract_vmlinux_refuses_an_old_boot_protocol() -> None:
    with pytest.raises(FormatError) as caught:
        bzimage.extract_vmlinux(_bzimage(gzip.compress(_ELF), protocol=0x0207))
    assert str(caught.value) == "its boot protocol 0x0207 is older than 2.08 (Linux 2.6.26)"


@pytest.mark.parametrize("compression", _COMPRESS)
def test_extract_vmlinux_refuses_a_payload_that_is_not_elf(compression: str) -> None:
    with pytest.raises(FormatError, match=f"^its {compression} payload contains no ELF file$"):
        bzimage.extract_vmlinux(_bzimage(_COMPRESS[compression](b"MZ no ELF file")))


@pytest.mark.parametrize("compression", _COMPRESS)
def test_extract_vmlinux_refuses_a_damaged_payload(compression: str) -> None:
    payload = bytearray(_COMPRESS[compression](_NUMBERS))
    middle = slice(len(payload) // 2, -20)
    # LZ4's blocks have no checksum: they must be damaged so far that they are none.
    damaged = {"LZ4": slice(20, None), "gzip": slice(-8, -4)}.get(compression, middle)
    payload[damaged] = b"\xff" * len(payload[damaged])
    image = _bzimage(bytes(payload))
    with pytest.raises(FormatError, match=f"^its {compression} payload is damaged: .+"):
        bzimage.extract_vmlinux(image)


def _cut_short(compression: str) -> bytes:
    image = _bzimage(_COMPRESS[compression](_NUMBERS))
    return image[: len(image) // 2]


@pytest.mark.parametrize("compression", ["bzip2", "LZ4", "gzip", "xz", "lzma", "zstd"])
def test_extract_vmlinux_refuses_a_truncated_file(compression: str) -> None:
    with pytest.raises(FormatError, match=r"^it is truncated: its payload ends at byte "):
        bzimage.extract_vmlinux(_cut_short(compression))


@pytest.mark.parametrize("length", [0x206, 0x210, 0x240])
def test_bzimage_truncated_header_is_a_format_error(length: int) -> None:
    head = _bzimage(b"")[:length]
    assert bzimage.is_bzimage(head)
    with pytest.raises(FormatError):
        bzimage.extract_vmlinux(head)
