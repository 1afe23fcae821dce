"""Asynchronous work: SIGTERM ends it as Ctrl-C does; of several, each comes to its end."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from bootwright.cli import loop
from bootwright.cli.interrupts import Terminated
from bootwright.errors import GuestError, HostError, InputError


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_loop_run_lets_work_clean_up_on_a_signal(number: signal.Signals) -> None:
    given_back = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            given_back.append(number)

    with pytest.raises(KeyboardInterrupt) as raised:
        loop.run(work())
    assert isinstance(raised.value, Terminated) is (number == signal.SIGTERM)
    assert given_back == [number]


def test_loop_run_returns_the_result() -> None:
    async def work() -> int:
        return 7

    assert loop.run(work()) == 7


def test_loop_run_restores_signal_handlers() -> None:
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


def test_loop_run_all_runs_all_work_at_once() -> None:
    done: list[int] = []
    met = asyncio.Event()

    async def work(number: int) -> None:
        if number == 2:
            met.set()
        await asyncio.wait_for(met.wait(), 60)  # none ends before the last has begun
        done.append(number)

    loop.run_all(work(number) for number in range(3))
    assert sorted(done) == [0, 1, 2]


def test_loop_run_all_without_work_does_nothing() -> None:
    before = signal.getsignal(signal.SIGTERM)
    loop.run_all([])
    assert signal.getsignal(signal.SIGTERM) == before


def test_loop_run_all_finishes_the_rest_when_one_fails(capsys: pytest.CaptureFixture[str]) -> None:
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
def test_loop_run_all_lets_all_work_clean_up_on_a_signal(number: signal.Signals) -> None:
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
