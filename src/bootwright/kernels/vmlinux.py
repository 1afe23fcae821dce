"""Read a vmlinux: its architecture, release, and whether a VMM can start it directly."""

from __future__ import annotations

import io
import re
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from bootwright.errors import FormatError

_XEN_ELFNOTE_PHYS32_ENTRY = 18


def check_architecture(vmlinux: bytes) -> None:
    """Check that *vmlinux* is an ELF program for x86-64.

    Raises:
        FormatError: it is not; the message names what it is.
    """
    try:
        elf = ELFFile(io.BytesIO(vmlinux))
    except ELFError as error:
        raise FormatError(
            f"it is not a valid ELF file: {error}", hint="fetch or build it again"
        ) from error
    machine = elf["e_machine"]
    if machine != "EM_X86_64":
        name = elf.get_machine_arch()
        raise FormatError(
            f"it is for {name}; bootwright boots x86-64 only",
            hint="give a kernel built with ARCH=x86_64",
        )


def has_pvh_note(vmlinux: bytes) -> bool:
    """Tell whether *vmlinux* names a PVH entry point (CONFIG_PVH).

    Raises:
        FormatError: the file is damaged.

    Source: xen/include/public/elfnote.h, XEN_ELFNOTE_PHYS32_ENTRY = 18.
    """
    try:
        elf: Any = ELFFile(io.BytesIO(vmlinux))
        return any(
            note["n_name"] == "Xen" and note["n_type"] in (_XEN_ELFNOTE_PHYS32_ENTRY, str(18))
            for segment in elf.iter_segments("PT_NOTE")
            for note in segment.iter_notes()
        )
    except ELFError as error:
        raise FormatError(
            f"it is truncated or damaged: {error}", hint="fetch or build it again"
        ) from error


def release(vmlinux: bytes) -> str:
    """Return the kernel's release from its banner.

    Raises:
        FormatError: there is no banner, so this is some other program.

    Source: init/version.c, ``Linux version RELEASE (builder) ...``.
    """
    found = re.search(rb"Linux version (\S+) \(", vmlinux)
    if not found:
        raise FormatError(
            "it is an ELF file without a 'Linux version' banner",
            hint="a kernel is vmlinux in a build tree, or arch/x86/boot/bzImage",
        )
    return found.group(1).decode("ascii", "replace")
