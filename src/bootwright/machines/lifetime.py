"""Work that ends with its machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def cancelled_at(
    ended: asyncio.Future[Any], failure: Callable[[], Exception | None]
) -> Iterator[None]:
    """Cancel the block when *ended* is done, and raise *failure* in the cancellation's place.

    A cancellation that comes from elsewhere passes through. So does any other exception of the
    block; where *ended* came before it, it gets a note that says so. Blocks may be nested.

    Args:
        failure: Called once, when *ended* is done; None: that end was wanted, the block goes on.

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
        # A callback that is scheduled already cannot be removed.
        if not is_over:
            error = failure()
            # False: the task has ended, and another one leaves the block (a test's fixture).
            is_cancelled = error is not None and task.cancel()

    def is_from_elsewhere() -> bool:
        """Take our cancellation back, and say whether there is another one."""
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
