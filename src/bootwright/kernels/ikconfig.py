"""The config that a kernel built with CONFIG_IKCONFIG carries inside.

Source: kernel/configs.c (the markers), scripts/extract-ikconfig (where a kernel may have it).
"""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from collections.abc import Iterator
from typing import Any

from bootwright.errors import FormatError
from bootwright.kernels import bzimage

_BEGIN = b"IKCFG_ST"
_MOST_BYTES = 1 << 28
_TRIES = 64
"""Compressed data is looked for in so many places: its magic numbers also occur by chance."""
_MAGIC = re.compile(rb"\x1f\x8b\x08|BZh[1-9]1AY|\xfd7zXZ\0|\x5d\0\0[\0-\xff]|\x28\xb5\x2f\xfd")
_BANNER = re.compile(rb"Linux version [0-9]\S* \(")


def embedded_config(kernel: bytes) -> bytes | None:
    """Return the config inside a kernel: bzImage, zImage, Image, vmlinux or configs.ko.

    Returns:
        Its text; None if there is none.

    Raises:
        FormatError: the kernel is truncated or damaged.
    """
    if bzimage.is_bzimage(kernel):
        return _config_in(bzimage.extract_vmlinux(kernel))
    found = _config_in(kernel)
    return found if found is not None else next(_configs_in_payloads(kernel), None)


def is_kernel(data: bytes) -> bool:
    """Return whether *data* looks like a kernel, of any architecture."""
    return (
        bzimage.is_bzimage(data)
        or data[0x38:0x3C] in (b"ARM\x64", b"RSC\x05")  # arm64's and riscv's Image
        or data[0x24:0x28] == b"\x18\x28\x6f\x01"  # arm's zImage
        or (data[:2] == b"MZ" and data[4:8] == b"zimg")  # EFI zboot
        or (data[:4] == b"\x7fELF" and _BANNER.search(data) is not None)
    )


def decompressed(data: bytes) -> bytes | None:
    """Decompress a whole file; return None if it is in no known compressed form.

    Raises:
        FormatError: it is truncated or damaged, or larger than 256 MiB once decompressed.
    """
    if not _MAGIC.match(data):
        return None
    try:
        content, is_whole = _decompress(data)
    except Exception as error:  # every library has its own error class
        raise FormatError(f"its compressed data is damaged: {error}") from error
    if not is_whole:
        raise FormatError(
            "its compressed data is truncated, or larger than 256 MiB once decompressed",
            hint="copy it again",
        )
    return content


def _config_in(data: bytes) -> bytes | None:
    start = data.find(_BEGIN)
    # The markers themselves are also constants of the programs that look for them.
    while start >= 0:
        packed = data[start + len(_BEGIN) :]
        if packed.startswith(b"\x1f\x8b\x08"):
            try:
                return decompressed(packed)
            except FormatError as error:
                raise FormatError(
                    f"the config inside is damaged: {error}", hint="copy it again"
                ) from error
        start = data.find(_BEGIN, start + 1)
    return None


def _configs_in_payloads(kernel: bytes) -> Iterator[bytes]:
    for tries, found in enumerate(_MAGIC.finditer(kernel)):
        if tries == _TRIES:
            return
        try:
            payload, _ = _decompress(kernel[found.start() :])
        except Exception:  # a magic number by chance
            continue
        config = _config_in(payload)
        if config is not None:
            yield config


def _decompress(data: bytes) -> tuple[bytes, bool]:
    """Return the content, and whether all of it is there; what follows it is ignored."""
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        import zstandard

        stream = zstandard.ZstdDecompressor(max_window_size=_MOST_BYTES).decompressobj()
        return stream.decompress(data), bool(stream.eof)
    unpacker: Any
    if data.startswith(b"\x1f\x8b"):
        unpacker = zlib.decompressobj(wbits=31)
    else:
        unpacker = bz2.BZ2Decompressor() if data[:3] == b"BZh" else lzma.LZMADecompressor()
    return unpacker.decompress(data, _MOST_BYTES), unpacker.eof
