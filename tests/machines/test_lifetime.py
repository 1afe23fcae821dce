"""A block that ends with what it depends on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bootwright.errors import GuestError
from bootwright.machines.lifetime import cancelled_at

LOST = GuestError("it has ended")


@pytest.fixture
async def ended() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


def lost() -> GuestError:
    return LOST


async def for_ever() -> None:
    await asyncio.Event().wait()


def end_soon(ended: asyncio.Future[None]) -> None:
    asyncio.get_running_loop().call_soon(ended.set_result, None)


def is_clean() -> bool:
    """Say whether no cancellation of this task is left."""
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling() == 0


async def test_a_block_that_waits_is_cancelled(ended: asyncio.Future[None]) -> None:
    end_soon(ended)
    with pytest.raises(GuestError) as bad, cancelled_at(ended, lost):
        await for_ever()
    assert bad.value is LOST
    assert is_clean()
    await asyncio.sleep(0)


async def test_a_block_that_is_entered_too_late_is_cancelled(ended: asyncio.Future[None]) -> None:
    ended.set_result(None)
    with pytest.raises(GuestError), cancelled_at(ended, lost):
        await for_ever()


async def test_a_block_that_swallows_its_cancellation_fails_all_the_same(
    ended: asyncio.Future[None],
) -> None:
    async def stubborn() -> None:
        with cancelled_at(ended, lost):
            try:
                await for_ever()
            except asyncio.CancelledError:
                await asyncio.sleep(0)

    end_soon(ended)
    with pytest.raises(GuestError):
        await stubborn()
    assert is_clean()


async def test_leaving_at_the_moment_of_the_end_is_no_failure(ended: asyncio.Future[None]) -> None:
    with cancelled_at(ended, lost):
        ended.set_result(None)  # its callback is scheduled, and has not run
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert is_clean()


async def test_an_end_that_was_wanted_cancels_nothing(ended: asyncio.Future[None]) -> None:
    with cancelled_at(ended, lambda: None):
        ended.set_result(None)
        await asyncio.sleep(0.01)


async def test_a_cancellation_from_elsewhere_passes(ended: asyncio.Future[None]) -> None:
    async def work() -> None:
        with cancelled_at(ended, lost):
            await for_ever()

    for is_ended in (False, True):
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        if is_ended:  # both at once
            ended.set_result(None)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_an_exception_of_the_blocks_own_passes_with_a_note(
    ended: asyncio.Future[None],
) -> None:
    async def work() -> None:
        with cancelled_at(ended, lost):
            try:
                await for_ever()
            finally:
                raise ValueError("mine")

    end_soon(ended)
    with pytest.raises(ValueError, match=r"^mine\nit has ended$") as bad:
        await work()
    assert bad.value.__notes__ == ["it has ended"]
    assert is_clean()


async def test_blocks_may_be_nested(ended: asyncio.Future[None]) -> None:
    end_soon(ended)
    with pytest.raises(GuestError), cancelled_at(ended, lost), cancelled_at(ended, lost):
        await for_ever()
    assert is_clean()


async def test_a_time_out_around_it_stays_one(ended: asyncio.Future[None]) -> None:
    async def work() -> None:
        async with asyncio.timeout(0.01):
            with cancelled_at(ended, lost):
                await for_ever()

    with pytest.raises(TimeoutError):
        await work()


async def test_a_block_may_be_left_by_another_task(ended: asyncio.Future[None]) -> None:
    @asynccontextmanager
    async def fixture() -> AsyncIterator[None]:
        with cancelled_at(ended, lost):
            yield

    entered = fixture()
    await asyncio.create_task(entered.__aenter__())
    ended.set_result(None)
    await asyncio.sleep(0)
    with pytest.raises(GuestError):
        await asyncio.create_task(entered.__aexit__(None, None, None))
