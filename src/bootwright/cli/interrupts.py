"""How signals end a command: SIGINT with status 130, SIGTERM with 143, neither with a traceback."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import time
from types import FrameType

_AGAIN_S = 0.001
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
    if not isinstance(raised.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(raised)
        return
    is_end = isinstance(raised.exc_value, Terminated)
    # By another thread: here, too, nothing can be raised.
    _thread.start_new_thread(_send, (signal.SIGTERM if is_end else signal.SIGINT,))


def _send(number: signal.Signals) -> None:
    time.sleep(_AGAIN_S)
    os.kill(os.getpid(), number)
