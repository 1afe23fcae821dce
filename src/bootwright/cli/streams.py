"""The standard streams as a command is given them: closed, full, or of an encoding without ✓."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_ASCII = {
    **{"✓": "+", "✗": "x", "·": "-", "✅": "ok", "❌": "failed", "…": "...", "→": "->", "±": "+/-"},
    **{"─": "-", "━": "=", "│": "|", "├": "|", "└": "`", "µ": "u", "▲": "^", "▼": "v"},
}
"""What stands for a character that the stream's encoding lacks."""
_LACKING = "bootwright.lacking"


class OutputError(OSError):
    """What a command prints cannot be written."""


# Only the outermost layer is Python: a signal raises between any two lines of it, and a layer below
# would write once more what was written already.


class _Output(io.TextIOWrapper):
    """Standard output, whose failure is told from that of any other file."""

    def write(self, text: str, /) -> int:
        with _failing():
            return super().write(text)

    def flush(self) -> None:
        with _failing():
            super().flush()


class _Messages(io.TextIOWrapper):
    """Standard error: that nobody can read a message is no reason to end."""

    def write(self, text: str, /) -> int:
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(error.errno, error.strerror) from error


def write_bytes(data: bytes) -> None:
    """Write *data* to standard output as it is, now.

    Raises:
        OutputError: it cannot be written.
    """
    with _failing():
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def prepare() -> None:
    """Make the standard streams usable, whatever this process was started with.

    A closed descriptor would be given to the next file that is opened, which would then get what
    is printed. In its place comes /dev/null; a closed standard output cannot be written, as before.
    """
    for descriptor, flags in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, flags), True)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
    codecs.register_error(_LACKING, _replacement)
    sys.stdout = _Output(
        io.BufferedWriter(io.FileIO(1, "w", closefd=False)),
        encoding=sys.stdout.encoding if sys.stdout else "utf-8",
        errors=_LACKING,
        line_buffering=os.isatty(1),
    )
    sys.stderr = _Messages(
        io.BufferedWriter(io.FileIO(2, "w", closefd=False)),
        encoding=sys.stderr.encoding if sys.stderr else "utf-8",
        errors=_LACKING,
        line_buffering=True,
    )


def discard_output() -> None:
    """Throw away what could not be written, so that nothing tries again."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def _replacement(error: UnicodeError) -> tuple[str, int]:
    """Return ASCII for what an encoding lacks, also for bytes of a file name that are no text."""
    assert isinstance(error, UnicodeEncodeError)
    lacking = error.object[error.start : error.end]
    text = "".join(
        _ASCII.get(letter) or (f"\\x{ord(letter) - 0xDC00:02x}" if _is_byte(letter) else "?")
        for letter in lacking
    )
    return text, error.end


def _is_byte(letter: str) -> bool:
    # Source: PEP 383, surrogateescape.
    return "\udc80" <= letter <= "\udcff"
