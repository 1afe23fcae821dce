"""SIGTERM ends asynchronous work as Ctrl-C does."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from bootwright.cli import loop


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_work_give_back_what_it_took(number: signal.Signals) -> None:
    given_back = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            given_back.append(number)

    with pytest.raises(KeyboardInterrupt):
        loop.run(work())
    assert given_back == [number]


def test_a_result_is_passed_on() -> None:
    async def work() -> int:
        return 7

    assert loop.run(work()) == 7
