"""The kernel logs that the tests read: real ones, of Debian's kernels under TCG.

Made by ``bootwright run``: 5.10 (bullseye), 6.1 (bookworm) and 6.12 (trixie) with ``--tiny`` on a
microvm, those named ``image`` with a whole Debian 12 on q35; the instrumented ones with
``initcall_debug log_buf_len=8M``; ``micro``, our own kernel, with ``apic=verbose`` as well.
``.map``: the kernel's symbols that name initcalls.
"""

from __future__ import annotations

import lzma
from functools import cache
from pathlib import Path

from bootwright.timelines.kernel.kernellog import KernelLog, parse_kernel_log

_LOGS = Path(__file__).parent / "logs"
RELEASES = ("5.10", "6.1", "6.12")
INSTRUMENTED = (*(f"{release}-initcall_debug" for release in RELEASES), "6.1-image-initcall_debug")
CLEAN = (*(f"{release}-clean" for release in RELEASES), "6.1-image-clean")
ALL = (
    *(*INSTRUMENTED, *CLEAN, "6.1-image-kmsg", "6.1-image-journal", "6.1-image-serial"),
    "6.1-micro-initcall_debug",
)


@cache
def text(name: str) -> str:
    """Return a log as it was captured."""
    return lzma.decompress((_LOGS / f"{name}.log.xz").read_bytes()).decode("utf-8", "replace")


@cache
def log(name: str) -> KernelLog:
    """Return what a log tells."""
    return parse_kernel_log(text(name))


@cache
def system_map(release: str) -> str:
    """Return the initcalls of a kernel, as its System.map has them."""
    return lzma.decompress((_LOGS / f"{release}.map.xz").read_bytes()).decode()
