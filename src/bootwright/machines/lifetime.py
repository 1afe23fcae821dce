"""Cancelling work when its machine ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def cancelled_at(
    ended: asyncio.Future[Any], failure: Callable[[], Exception | None]
) -> Iterator[None]:
    """Cancel the block when *ended* is done, and raise *failure* instead of the cancellation.

    Other cancellations and exceptions pass through; an exception after *ended* gets a note with
    the failure. Blocks may be nested.

    Args:
        failure: Called once, when *ended* is done; None: that was requested, the block continues.

    Raises:
        Exception: *failure*.
    """
    task = asyncio.current_task()
    assert task is not None, "the block is not part of a task"
    cancelling = task.cancelling()
    error: Exception | None = None
    is_cancelled = is_over = False

    def end(_: asyncio.Future[Any]) -> None:
        nonlocal error, is_cancelled
        # A scheduled callback cannot be removed.
        if not is_over:
            error = failure()
            # False: the task has ended, and another one leaves the block (a test's fixture).
            is_cancelled = error is not None and task.cancel()

    def is_from_elsewhere() -> bool:
        """Undo this block's cancellation, and test for another one."""
        return not is_cancelled or task.uncancel() > cancelling

    ended.add_done_callback(end)
    try:
        yield
    except asyncio.CancelledError as cancelled:
        if is_from_elsewhere() or error is None:
            raise
        raise error from cancelled
    except BaseException as other:
        is_from_elsewhere()
        if error is not None and other is not error:
            other.add_note(str(error))
        raise
    else:
        is_from_elsewhere()
        if error is not None:
            raise error
    finally:
        is_over = True
        ended.remove_done_callback(end)
