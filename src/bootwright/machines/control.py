"""Controlling a machine that another command started, through its monitor."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

from bootwright.errors import BootwrightError, GuestError, InputError
from bootwright.host import processes
from bootwright.machines import messages
from bootwright.machines.folder import MachineFolder
from bootwright.machines.messages import AskStatus, Ended, Failed, Message, Quit, Status, Stop
from bootwright.machines.spec import MONITOR

GONE_S = 15.0
"""How long a monitor may take to release all resources."""
_ANSWER_S = 2.0
_BEGIN_S = 5.0
"""How long a monitor may take from its lock to its socket."""
_BEGIN_PAUSE_S = 0.02


def status(folder: MachineFolder) -> Status:
    """Ask a machine's monitor for its status.

    Raises:
        InputError: it is not running.
        GuestError: its monitor does not answer.
    """
    if not folder.is_alive():
        raise not_running(folder)
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_ANSWER_S)
            with folder.control_address() as address:
                connection.connect(address)
            connection.sendall(messages.encode(AskStatus()))
            with connection.makefile("rb") as lines:
                for line in lines:
                    message = messages.from_monitor(line)
                    if isinstance(message, Status):
                        return message
    except (OSError, messages.MalformedMessage) as error:  # a time-out is an OSError too
        raise _no_answer(folder) from error
    raise _no_answer(folder)


async def connect(folder: MachineFolder) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to a running machine's control socket.

    Raises:
        InputError: it is not running.
        GuestError: its monitor does not listen.
    """
    deadline = asyncio.get_running_loop().time() + _BEGIN_S
    while True:
        if not folder.is_alive():
            raise not_running(folder)
        try:
            with folder.control_address() as address:
                return await asyncio.open_unix_connection(address, limit=messages.LINE_BYTES)
        except OSError as error:
            # The monitor has just started, or is about to end: its lock shows which.
            if asyncio.get_running_loop().time() > deadline:
                raise _no_answer(folder) from error
        await asyncio.sleep(_BEGIN_PAUSE_S)


async def end(folder: MachineFolder) -> None:
    """End a running machine at once and wait until it is gone.

    Raises:
        GuestError: its monitor did not release its resources in time.
    """
    await _send(folder, Quit(), GONE_S)  # an earlier failure does not matter


async def stop(folder: MachineFolder, timeout_s: float) -> Ended:
    """Shut down a running machine; end it at once after *timeout_s*.

    The monitor does the work, so it continues if this process is killed.

    Raises:
        GuestError: its monitor did not release its resources in time, or the guest died.
        VmmError: the VMM died.
    """
    ended, failure = await _send(folder, Stop(timeout_s=timeout_s), timeout_s + GONE_S)
    if failure is not None:
        raise failure
    return ended


def force(folder: MachineFolder) -> None:
    """Kill a monitor that does not answer; its VMM goes with it.

    `recovery.reclaim` releases its resources.

    Raises:
        HostError: it does not end.
    """
    for row in folder.journal.owned():
        if row.kind == "process" and row.name == MONITOR:
            processes.end(row.token)


def not_running(folder: MachineFolder) -> InputError:
    """Return the error for a machine that is not running."""
    return InputError(
        f"machine {folder.name!r} is not running", hint=f"bootwright start {folder.name}"
    )


async def _send(
    folder: MachineFolder, message: Message, timeout_s: float
) -> tuple[Ended, BootwrightError | None]:
    """Send *message*, and read until the monitor has released everything and closes.

    Returns:
        How the machine ended, and the error if it failed.
    """
    reader, writer = await connect(folder)
    ended = Ended(reason="lost", text="its monitor was killed")
    failure: BootwrightError | None = None
    try:
        writer.write(messages.encode(message))
        async with asyncio.timeout(timeout_s):
            # A killed monitor may leave half a line.
            with suppress(ConnectionError, messages.MalformedMessage):
                while line := await reader.readline():
                    answer = messages.from_monitor(line)
                    if isinstance(answer, Failed):
                        failure = messages.error_of(answer)
                    elif isinstance(answer, Ended):
                        ended = answer
    except TimeoutError as error:
        raise _not_ended(folder, timeout_s) from error
    finally:
        writer.close()
    return ended, failure


def _not_ended(folder: MachineFolder, timeout_s: float) -> GuestError:
    return GuestError(
        f"the monitor of machine {folder.name!r} has not ended after {timeout_s:g} s",
        hint=f"end it by force: bootwright rm --force {folder.name}",
    )


def _no_answer(folder: MachineFolder) -> GuestError:
    return GuestError(
        f"the monitor of machine {folder.name!r} does not answer",
        hint=f"try again, or end it by force: bootwright rm --force {folder.name}",
    )
