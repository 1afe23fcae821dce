"""Running what is asynchronous, so that SIGTERM ends it as Ctrl-C does."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from bootwright.cli import screen
from bootwright.cli.interrupts import Terminated

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run *work* to its end.

    Raises:
        KeyboardInterrupt: a signal ended it, after all that it had taken was given back;
            `Terminated` for SIGTERM.
    """
    terminated = False

    async def cancellable() -> T:
        task, events = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        before = signal.getsignal(signal.SIGTERM)

        def terminate() -> None:
            nonlocal terminated
            terminated = True
            task.cancel()

        events.add_signal_handler(signal.SIGTERM, terminate)
        try:
            return await work
        finally:
            # Before the loop is closed: it closes the pipe to which Python tells of a signal, and
            # only then says so, and a signal in between is answered with a traceback.
            events.remove_signal_handler(signal.SIGTERM)
            signal.signal(signal.SIGTERM, before)

    try:
        return asyncio.run(cancellable())
    except asyncio.CancelledError:
        raise (Terminated if terminated else KeyboardInterrupt) from None


def run_all(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run *works* at once, each to its end, whatever becomes of the others.

    Raises:
        BootwrightError: the first that failed; the others are printed.
        KeyboardInterrupt: a signal ended them.
    """

    async def together() -> list[BaseException | None]:
        return await asyncio.gather(*works, return_exceptions=True)

    failures = [error for error in run(together()) if error is not None]
    for error in failures[1:]:
        screen.say(f"bootwright: error: {error}")
    if failures:
        raise failures[0]
