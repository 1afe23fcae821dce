"""bootwright without asyncio: for scripts, notebooks, and pytest fixtures.

    with bootwright.sync.boot("web", memory="1G") as vm:
        print(vm.run("systemctl is-system-running").stdout)

Each block, and each call outside one, has an event loop in a thread of its own, which ends with it:
any thread may use this, one that runs an event loop itself too. Ctrl-C cancels what is waited for,
and waits until that has given back what it took. When the machine ends by itself, what waits for it
fails, and so does the end of the block; the block's own code is not interrupted.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

from bootwright.booting import boot as boots
from bootwright.booting import vm as vms
from bootwright.errors import InputError
from bootwright.machines.spec import EndReason
from bootwright.machines.ssh import Completed

__all__ = ["VM", "boot", "run", "start"]

P = ParamSpec("P")
T = TypeVar("T")


class _Work(Generic[T]):
    """A coroutine that runs on the event loop of another thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> None:
        self.done: Future[T] = Future()
        self._loop = loop
        self._task: asyncio.Task[T] | None = None
        loop.call_soon_threadsafe(self._begin, work)

    def result(self) -> T:
        """Wait for its end and return its result; interrupted, cancel it before."""
        try:
            return self.done.result()
        except BaseException:
            self.cancel()
            raise

    def cancel(self) -> None:
        """Cancel it if it has not ended, and wait until it has given back what it took."""
        if not self.done.done():
            self._loop.call_soon_threadsafe(self._cancel)
            wait([self.done])

    def _begin(self, work: Coroutine[Any, Any, T]) -> None:
        self._task = self._loop.create_task(work)
        self._task.add_done_callback(self._end)

    def _cancel(self) -> None:
        assert self._task is not None
        self._task.cancel()

    def _end(self, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            self.done.cancel()
            self.done.set_running_or_notify_cancel()  # until then nobody who waits is told
        elif error := task.exception():
            self.done.set_exception(error)
        else:
            self.done.set_result(task.result())


class _Loop:
    """An event loop in a thread, for the length of a block."""

    def __enter__(self) -> _Loop:
        ready: Future[None] = Future()
        # A daemon: a program that ends inside the block does not wait for it, and takes its
        # machines along.
        self._thread = threading.Thread(
            target=self._work, args=[ready], name="bootwright", daemon=True
        )
        self._thread.start()
        ready.result()
        return self

    def __exit__(self, *error: object) -> None:
        self.call_soon(self._over.set)
        self._thread.join()

    def _work(self, ready: Future[None]) -> None:
        try:
            asyncio.run(self._serve(ready))
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    async def _serve(self, ready: Future[None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        ready.set_result(None)
        await self._over.wait()

    def call_soon(self, function: Callable[..., object], *arguments: object) -> None:
        """Call *function* in the loop's thread."""
        self._loop.call_soon_threadsafe(function, *arguments)

    def begin(self, work: Coroutine[Any, Any, T]) -> _Work[T]:
        """Let *work* run.

        Raises:
            InputError: the block is over.
        """
        if self._loop.is_closed():
            work.close()
            raise InputError(
                "the block that this machine belonged to is over",
                hint="use it inside: with bootwright.sync.boot(...) as vm: ...",
            )
        return _Work(self._loop, work)

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run *work* to its end and return its result."""
        return self.begin(work).result()


@contextmanager
def _entered(manager: AbstractAsyncContextManager[T]) -> Iterator[tuple[T, _Loop]]:
    """Be inside of *manager*, which one task enters and leaves, for the length of the block."""
    entered: Future[tuple[T, asyncio.Future[None]]] = Future()

    async def hold() -> None:
        async with manager as value:
            left = asyncio.get_running_loop().create_future()
            entered.set_result((value, left))
            await left

    with _Loop() as loop:
        holding = loop.begin(hold())
        try:
            either: list[Future[Any]] = [entered, holding.done]
            wait(either, return_when=FIRST_COMPLETED)
        except BaseException:
            holding.cancel()
            raise
        if not entered.done():
            holding.result()  # raises
        value, left = entered.result()
        try:
            yield value, loop
        except Exception as error:
            loop.call_soon(_leave, left, error)
            wait([holding.done])
            if holding.done.cancelled() or holding.done.exception() is error:
                raise
            error.add_note(str(holding.done.exception()))
            raise
        except BaseException:  # Ctrl-C, or the program ends
            holding.cancel()
            raise
        loop.call_soon(_leave, left, None)
        holding.result()


def _leave(left: asyncio.Future[None], error: Exception | None) -> None:
    if left.done():
        return
    if error is None:
        left.set_result(None)
    elif isinstance(error, StopIteration):  # which a future cannot hold
        left.cancel()
    else:
        left.set_exception(error)


class VM(vms.Facts):
    """A running machine, for the length of a block."""

    def __init__(self, vm: vms.VM, loop: _Loop) -> None:
        super().__init__(vm._machine, vm._choice)
        self._vm = vm
        self._loop = loop

    def run(
        self, *command: str, timeout: float | None = None, input: str | bytes | None = ""
    ) -> Completed:
        """As `bootwright.VM.run`."""
        return self._loop.call(self._vm.run(*command, timeout=timeout, input=input))

    def interact(self, *command: str, terminal: bool = False) -> Completed:
        """As `bootwright.VM.interact`."""
        return self._loop.call(self._vm.interact(*command, terminal=terminal))

    def copy_in(self, source: str | Path, target: str, *, follow: bool = False) -> None:
        """As `bootwright.VM.copy_in`."""
        self._loop.call(self._vm.copy_in(source, target, follow=follow))

    def copy_out(self, source: str, target: str | Path, *, follow: bool = False) -> None:
        """As `bootwright.VM.copy_out`."""
        self._loop.call(self._vm.copy_out(source, target, follow=follow))

    def finished(self) -> Completed:
        """As `bootwright.VM.finished`."""
        return self._loop.call(self._vm.finished())

    def wait(self) -> EndReason:
        """As `bootwright.VM.wait`."""
        return self._loop.call(self._vm.wait())

    def stop(self, timeout: float = vms.STOP_S) -> None:
        """As `bootwright.VM.stop`."""
        self._loop.call(self._vm.stop(timeout))

    def detach(self) -> None:
        """As `bootwright.VM.detach`."""

        async def detach() -> None:
            self._vm.detach()

        self._loop.call(detach())


def _blocking(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        work = function(*args, **kwargs)
        with _Loop() as loop:
            return loop.call(work)

    return call


def _blocking_block(
    function: Callable[P, AbstractAsyncContextManager[vms.VM]],
) -> Callable[P, AbstractContextManager[VM]]:
    @contextmanager
    def block(manager: AbstractAsyncContextManager[vms.VM]) -> Iterator[VM]:
        with _entered(manager) as (vm, loop):
            yield VM(vm, loop)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> AbstractContextManager[VM]:
        return block(function(*args, **kwargs))

    return call


boot = _blocking_block(boots.boot)
start = _blocking_block(boots.start)
run = _blocking(boots.run)
