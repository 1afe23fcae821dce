"""Asynchronous work: SIGTERM ends it as Ctrl-C does; of several, each comes to its end."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from bootwright.cli import loop
from bootwright.errors import GuestError, HostError, InputError


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


def test_signals_are_as_before_when_the_loop_is_closed() -> None:
    pipes: list[int] = []
    before = signal.getsignal(signal.SIGTERM)

    async def work() -> None:
        events = asyncio.get_running_loop()
        close = events.close

        def closing() -> None:
            pipes.append(signal.set_wakeup_fd(-1))
            close()

        events.close = closing  # type: ignore[method-assign]
        assert signal.getsignal(signal.SIGTERM) != before

    loop.run(work())
    assert pipes == [-1]  # a signal is told to no pipe that the loop closes
    assert signal.getsignal(signal.SIGTERM) == before


def test_all_work_goes_on_at_once_and_to_its_end() -> None:
    done: list[int] = []
    met = asyncio.Event()

    async def work(number: int) -> None:
        if number == 2:
            met.set()
        await asyncio.wait_for(met.wait(), 60)  # none ends before the last has begun
        done.append(number)

    loop.run_all(work(number) for number in range(3))
    assert sorted(done) == [0, 1, 2]


def test_without_work_nothing_is_done() -> None:
    before = signal.getsignal(signal.SIGTERM)
    loop.run_all([])
    assert signal.getsignal(signal.SIGTERM) == before


def test_what_fails_keeps_no_other_from_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    done: list[int] = []

    async def work(number: int, error: Exception | None) -> None:
        if error is not None:
            raise error
        await asyncio.sleep(0.01)  # all others have failed by then
        done.append(number)

    failures = (HostError("first", hint="look"), None, GuestError("second"), InputError("third"))
    with pytest.raises(HostError, match=r"^first$"):
        loop.run_all(work(number, error) for number, error in enumerate(failures))
    assert done == [1]
    assert capsys.readouterr().err == "bootwright: error: second\nbootwright: error: third\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_all_give_back_what_they_took(number: signal.Signals) -> None:
    given_back = []

    async def work(name: str) -> None:
        try:
            if name == "b":
                os.kill(os.getpid(), number)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            given_back.append(name)

    with pytest.raises(KeyboardInterrupt):
        loop.run_all(work(name) for name in "ab")
    assert given_back == ["a", "b"]
