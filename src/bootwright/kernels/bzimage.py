"""x86 bzImage files: recognise one, read its header, extract the vmlinux.

Source: Documentation/arch/x86/boot.rst (the setup header; fields named as there).
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable

from bootwright.errors import FormatError

_MAGIC_OFFSET = 0x202
_MAGIC = b"HdrS"
_FIRST_WITH_PAYLOAD = 0x0208
_HEADER_END = 0x268
_XLF_KERNEL_64 = 1


class UnknownCompressionError(FormatError):
    """The vmlinux inside cannot be reached, but the file may well boot as it is."""


def is_bzimage(head: bytes) -> bool:
    """Tell whether a file that begins with *head* (1 KiB is enough) has the setup header."""
    return head[_MAGIC_OFFSET : _MAGIC_OFFSET + 4] == _MAGIC


def release(image: bytes) -> str:
    """Return the kernel's release, the first word of the version string in the header."""
    _check_header(image)
    (pointer,) = struct.unpack_from("<H", image, 0x20E)
    if not pointer:
        return ""
    text = image[pointer + 0x200 :][:256].partition(b"\0")[0].decode("ascii", "replace")
    return text.split()[0] if text.split() else ""


def is_64_bit(image: bytes) -> bool:
    """Tell whether the kernel has a 64-bit entry point (xloadflags; protocol 2.12 or later)."""
    _check_header(image)
    (version,) = struct.unpack_from("<H", image, 0x206)
    if version < 0x020C:
        return False
    (flags,) = struct.unpack_from("<H", image, 0x236)
    return bool(flags & _XLF_KERNEL_64)


def extract_vmlinux(image: bytes) -> bytes:
    """Decompress the vmlinux inside *image*.

    Raises:
        UnknownCompressionError: the header names no payload, or one that we cannot read.
        FormatError: the file is cut short or damaged.
    """
    _check_header(image)
    (version,) = struct.unpack_from("<H", image, 0x206)
    if version < _FIRST_WITH_PAYLOAD:
        raise UnknownCompressionError(
            f"its boot protocol {version:#06x} is older than 2.08 (Linux 2.6.26)"
        )
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    payload = image[start : start + length]
    if len(payload) < length:
        raise FormatError(
            f"it is truncated: its payload ends at byte {start + length}, the file at {len(image)}",
            hint="fetch or build it again",
        )
    for magic, (name, decompress) in _COMPRESSIONS.items():
        if payload.startswith(magic):
            try:
                vmlinux = decompress(payload)
            except Exception as error:  # every library has its own error class
                raise FormatError(
                    f"its {name} payload is damaged: {error}", hint="fetch or build it again"
                ) from error
            # The build appends the size of the output; gzip's own trailer is the same number.
            (size,) = struct.unpack("<I", payload[-4:])
            if size != len(vmlinux):
                raise FormatError(
                    f"its {name} payload is damaged: unpacks to {len(vmlinux)} bytes, not {size}",
                    hint="fetch or build it again",
                )
            if not vmlinux.startswith(b"\x7fELF"):
                raise FormatError(f"its {name} payload contains no ELF file")
            return vmlinux
    raise UnknownCompressionError(
        f"its payload has an unknown compression (it starts with {payload[:4].hex()})"
    )


def _check_header(image: bytes) -> None:
    if len(image) < _HEADER_END:
        raise FormatError(
            f"it is truncated: {len(image)} bytes are too few for the setup header",
            hint="fetch or build it again",
        )


def _gzip(payload: bytes) -> bytes:
    return zlib.decompressobj(wbits=31).decompress(payload)


def _bzip2(payload: bytes) -> bytes:
    return bz2.BZ2Decompressor().decompress(payload)


def _xz(payload: bytes) -> bytes:
    return lzma.LZMADecompressor().decompress(payload)


def _zstd(payload: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdDecompressor().decompressobj().decompress(payload)


def _lz4(payload: bytes) -> bytes:
    """The *legacy* LZ4 frame, which the kernel's build uses and lz4.frame does not read.

    Source: lz4_Frame_format.md, "Legacy frame"; lib/decompress_unlz4.c.
    """
    import lz4.block

    block_bytes = 8 << 20
    output = bytearray()
    position = 4
    # The payload ends in four bytes that give the size of the output: no block.
    while position + 4 < len(payload):
        (length,) = struct.unpack_from("<I", payload, position)
        position += 4
        output += lz4.block.decompress(
            payload[position : position + length], uncompressed_size=block_bytes
        )
        position += length
    return bytes(output)


# LZO is left out: no distribution uses it for kernels, and such a bzImage boots as it is.
_COMPRESSIONS: dict[bytes, tuple[str, Callable[[bytes], bytes]]] = {
    b"\x1f\x8b": ("gzip", _gzip),
    b"BZh": ("bzip2", _bzip2),
    b"\xfd7zXZ\0": ("xz", _xz),
    b"\x5d\0\0": ("lzma", _xz),
    b"\x28\xb5\x2f\xfd": ("zstd", _zstd),
    b"\x02\x21\x4c\x18": ("LZ4", _lz4),
}
