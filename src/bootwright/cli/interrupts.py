"""How signals end a command: SIGINT with status 130, SIGTERM with 143, neither with a traceback."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM


class Terminated(KeyboardInterrupt):
    """SIGTERM: all that was taken is given back, as after Ctrl-C."""


def status_of(interrupt: BaseException | None) -> int:
    """Return the exit status of an interrupted command."""
    return TERMINATED if isinstance(interrupt, Terminated) else INTERRUPTED


def end_at_once() -> None:
    """Let SIGINT end this process at once: while it imports, there is nothing to give back.

    A monitor that was started ahead ends when the connection to it closes.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored
        signal.signal(signal.SIGINT, _end)


def raise_interrupts() -> None:
    """Let signals raise from now on, so that whatever was taken is given back."""
    signal.signal(signal.SIGTERM, _terminate)
    sys.unraisablehook = _repeat
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


def _repeat(raised: sys.UnraisableHookArgs) -> None:
    """Repeat an interrupt that came where Python cannot raise, such as in a weak reference's
    callback: Python would print a traceback and go on."""
    if isinstance(raised.exc_value, Terminated):
        signal.raise_signal(signal.SIGTERM)
    elif isinstance(raised.exc_value, KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    else:
        sys.__unraisablehook__(raised)
