"""What a command does to a machine that another one started."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from bootwright.errors import GuestError
from bootwright.home import Home
from bootwright.machine import messages, ssh
from bootwright.machine.folder import MachineFolder

GONE_S = 15.0
"""How long a monitor may take to give everything back."""


async def connect(folder: MachineFolder) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to a running machine's control socket.

    Raises:
        InputError: it is not running.
    """
    folder.running()
    # Through the open folder, as the whole path may be too long for a socket's address.
    opened = os.open(folder.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        short = f"/proc/self/fd/{opened}/{folder.control.name}"
        return await asyncio.open_unix_connection(short, limit=messages.LINE_BYTES)
    finally:
        os.close(opened)


async def end(folder: MachineFolder) -> None:
    """End a running machine at once and wait until it is gone.

    Raises:
        GuestError: its monitor did not give everything back in time.
    """
    reader, writer = await connect(folder)
    try:
        writer.write(messages.encode(messages.Quit()))
        async with asyncio.timeout(GONE_S):
            await reader.read()  # the monitor closes when it has given everything back
    except TimeoutError as error:
        pid = folder.running().monitor_pid
        raise GuestError(
            f"the monitor of machine {folder.name!r} has not ended after {GONE_S:g} s",
            hint=f"end it by force: kill -9 {pid}, then bootwright ps",
        ) from error
    finally:
        writer.close()


async def stop(home: Home, folder: MachineFolder, timeout_s: float) -> bool:
    """Shut a running machine down: cleanly if it does so within *timeout_s*, else at once.

    Returns:
        Whether it shut down cleanly.
    """
    reader, writer = await connect(folder)
    gone = asyncio.create_task(reader.read())
    try:
        clean = await shut_down(home, folder, gone, timeout_s)
    finally:
        gone.cancel()
        writer.close()
    if not clean:
        await end(folder)
    return clean


async def shut_down(
    home: Home, folder: MachineFolder, gone: asyncio.Future[Any], timeout_s: float
) -> bool:
    """Ask the guest to shut down, and wait until it has.

    Over SSH: the power button needs a driver and a daemon that small guests do not have.

    Args:
        gone: Done once the machine is gone.

    Returns:
        Whether it was gone within *timeout_s*.
    """
    try:
        reach = ssh.access(home, folder)
    except GuestError:
        return False  # it has no network
    # systemd, where it is; else whatever the guest calls poweroff.
    process = await asyncio.create_subprocess_exec(
        *reach.ssh(["systemctl poweroff --no-block || poweroff"]),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        done, _ = await asyncio.wait([gone], timeout=timeout_s)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
    return bool(done)
