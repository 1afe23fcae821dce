"""The standard input of a command in a guest that nobody logs in to.

It is read to its end before the boot, and the initramfs carries it.
"""

from __future__ import annotations

import os
import sys

from bootwright.booting.request import check_input, input_limit_bytes
from bootwright.cli import screen
from bootwright.errors import InputError
from bootwright.host.clock import now_ns
from bootwright.recipes.recipe import Recipe

_PATIENCE_S = 2.0
"""A pipe that has not ended after this long may never do so."""
_BLOCK_BYTES = 1 << 20


def read(recipe: Recipe) -> tuple[bytes, int]:
    """Read this process's standard input, unless it is a terminal or closed.

    Returns:
        What it held, and how long that took in nanoseconds.

    Raises:
        InputError: it cannot be read, or is larger than the guest's memory allows.
    """
    # Python has no sys.stdin if it was closed; its number may be a socket's by now.
    if sys.stdin is None or os.isatty(0):
        return b"", 0
    begin_ns = now_ns()
    # Here: a terminal and a closed input need neither.
    from threading import Timer

    waiting = Timer(
        _PATIENCE_S,
        screen.say,
        ["waiting for the end of standard input, which the command reads; </dev/null gives none"],
    )
    waiting.daemon = True
    waiting.start()
    try:
        data = _all(input_limit_bytes(recipe))
    except OSError as error:
        raise InputError(
            f"cannot read standard input: {error.strerror}", hint="give none: </dev/null"
        ) from error
    finally:
        waiting.cancel()
    check_input(recipe, data, has_command=True)
    return data, now_ns() - begin_ns


def _all(limit: int) -> bytes:
    """Return what is there, or a block more than *limit*."""
    data = bytearray()
    while len(data) <= limit and (block := os.read(0, _BLOCK_BYTES)):
        data += block
    return bytes(data)
