"""Guests that go wrong, made for the tests: a kernel that hangs, images changed by debugfs."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.boots.harness import Bootwright

_LOAD_AT = 0x1000000


def hanging_kernel(path: Path) -> Path:
    """Write a kernel that is entered by PVH and halts at once, saying nothing.

    Source: elf(5); xen/include/public/elfnote.h, XEN_ELFNOTE_PHYS32_ENTRY = 18.
    """
    code = b"\xfa\xf4\xeb\xfc" + b"Linux version 6.0.0-hangs (a test) #1\n\0"  # cli; hlt; jmp -4
    note = struct.pack("<III4sQ", 4, 8, 18, b"Xen\0", _LOAD_AT)
    segments = [(1, code, _LOAD_AT), (4, note, 0)]
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01",
        *(2, 62, 1, _LOAD_AT, 64, 0, 0, 64, 56, len(segments), 64, 0, 0),
    )
    table, data = b"", b""
    for kind, body, address in segments:
        offset = 64 + 56 * len(segments) + len(data)
        table += struct.pack(
            "<IIQQQQQQ", kind, 5, offset, address, address, len(body), len(body), 4
        )
        data += body + bytes(-len(body) % 4)
    path.write_bytes(header + table + data)
    return path


@contextmanager
def changed_image(
    own: Bootwright, image: str, name: str, folder: Path, files: Mapping[str, str | None]
) -> Iterator[str]:
    """Store a copy of an image with other files in it, for the length of the block.

    Args:
        files: ``{path: content}``; none: the file is removed.
    """
    disk = _copy(own, image, folder)
    for path, content in files.items():
        _debugfs(disk, f"rm {path}")
        if content is not None:
            source = folder / "content"
            source.write_text(content)
            _debugfs(disk, f"write {source} {path}")
    yield from _imported(own, name, disk)


@contextmanager
def full_image(own: Bootwright, image: str, name: str, folder: Path) -> Iterator[str]:
    """Store a copy of an image without any room, for the length of the block."""
    disk = _copy(own, image, folder)
    subprocess.run(["/sbin/resize2fs", "-M", disk], check=True, capture_output=True)
    shown = subprocess.run(["/sbin/dumpe2fs", "-h", disk], check=True, capture_output=True).stdout
    free = next(line for line in shown.decode().splitlines() if line.startswith("Free blocks"))
    filler = folder / "filler"
    filler.write_bytes(b"x" * 4096 * max(0, int(free.split()[-1]) - 40))
    _debugfs(disk, f"write {filler} /filler")
    yield from _imported(own, name, disk)


def _copy(own: Bootwright, image: str, folder: Path) -> Path:
    disk = folder / "disk.raw"
    shown = own.json("image", "show", image)
    subprocess.run(["cp", "--sparse=always", shown["path"], disk], check=True)
    disk.chmod(0o600)
    subprocess.run(["/sbin/e2fsck", "-fy", disk], check=False, capture_output=True)
    return disk


def _debugfs(disk: Path, command: str) -> None:
    subprocess.run(["/sbin/debugfs", "-w", "-R", command, disk], check=True, capture_output=True)


def _imported(own: Bootwright, name: str, disk: Path) -> Iterator[str]:
    done = own("image", "import", name, disk)
    disk.unlink()
    assert done.returncode == 0, done.stderr
    try:
        yield name
    finally:
        own("image", "rm", name)
