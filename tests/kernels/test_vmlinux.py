"""ELF files, built here byte by byte: which of them are kernels that a VMM can start."""

from __future__ import annotations

import struct

import pytest

from bootwright.errors import FormatError
from bootwright.kernels import vmlinux

_X86_64, _ARM64, _I386, _RISCV = 62, 183, 3, 243
_BANNER = b"Linux version 6.1.0-50-cloud-amd64 (debian-kernel@lists.debian.org) (gcc-12) #1 SMP\n"
_PT_LOAD, _PT_NOTE = 1, 4
_PVH = 18


def _note(owner: bytes, kind: int) -> bytes:
    name = owner + b"\0"
    padded = name + bytes(-len(name) % 4)
    return struct.pack("<III", len(name), 8, kind) + padded + struct.pack("<Q", 0x1000000)


def _elf(machine: int, notes: bytes = b"", content: bytes = _BANNER) -> bytes:
    """Build an ELF64 program with one segment of *content* and, if any, one of *notes*."""
    segments = [(_PT_LOAD, content), *([(_PT_NOTE, notes)] if notes else [])]
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", ident, 2, machine, 1, 0, 64, 0, 0, 64, 56, len(segments), 64, 0, 0
    )
    table, data = b"", b""
    for kind, body in segments:
        offset = 64 + 56 * len(segments) + len(data)
        table += struct.pack("<IIQQQQQQ", kind, 5, offset, 0, 0, len(body), len(body), 4)
        data += body + bytes(-len(body) % 4)
    return header + table + data


def test_check_architecture_accepts_x86_64() -> None:
    kernel = _elf(_X86_64)
    vmlinux.check_architecture(kernel)
    with pytest.raises(FormatError):
        vmlinux.check_architecture(kernel.replace(_X86_64.to_bytes(2, "little"), b"\0\0", 1))


@pytest.mark.parametrize(
    ("machine", "name"), [(_ARM64, "AArch64"), (_I386, "x86"), (_RISCV, "RISC-V")]
)
def test_check_architecture_names_other_architectures(machine: int, name: str) -> None:
    with pytest.raises(FormatError) as caught:
        vmlinux.check_architecture(_elf(machine))
    assert str(caught.value) == f"it is for {name}; bootwright boots x86-64 only"
    assert caught.value.hint == "give a kernel built with ARCH=x86_64"


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"#!/bin/sh\n", b"\x7fELF\x09" + bytes(99)])
def test_check_architecture_refuses_what_is_not_elf(content: bytes) -> None:
    with pytest.raises(FormatError, match=r"^it is not a valid ELF file: \S+"):
        vmlinux.check_architecture(content)


def test_has_pvh_note_finds_it() -> None:
    assert vmlinux.has_pvh_note(_elf(_X86_64, _note(b"Xen", _PVH)))


def test_has_pvh_note_finds_it_among_others() -> None:
    notes = _note(b"GNU", 3) + _note(b"Xen", 6) + _note(b"Xen", _PVH)
    assert vmlinux.has_pvh_note(_elf(_X86_64, notes))


@pytest.mark.parametrize("notes", [b"", _note(b"Xen", 6), _note(b"GNU", _PVH)])
def test_has_pvh_note_ignores_other_notes(notes: bytes) -> None:
    assert not vmlinux.has_pvh_note(_elf(_X86_64, notes))


def test_has_pvh_note_looks_in_note_segments_only() -> None:
    content = _BANNER + _note(b"Xen", _PVH)
    assert not vmlinux.has_pvh_note(_elf(_X86_64, content=content))


def test_has_pvh_note_of_a_truncated_file_is_a_format_error() -> None:
    whole = _elf(_X86_64, _note(b"Xen", _PVH))
    with pytest.raises(FormatError):
        vmlinux.has_pvh_note(whole[:100])


def test_vmlinux_release_is_read_from_the_banner() -> None:
    assert vmlinux.release(_elf(_X86_64)) == "6.1.0-50-cloud-amd64"


def test_vmlinux_release_refuses_an_elf_file_without_a_banner() -> None:
    with pytest.raises(FormatError) as caught:
        vmlinux.release(_elf(_X86_64, content=b"hello, world"))
    assert str(caught.value) == "it is an ELF file without a 'Linux version' banner"
