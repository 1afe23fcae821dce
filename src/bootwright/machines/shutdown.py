"""Asking a guest to shut itself down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from bootwright.errors import HostError
from bootwright.machines.ssh import LOST_STATUS, SshEndpoint

_NOT_FOUND_STATUS = 127
"""What a shell exits with when a program is missing. Source: POSIX, Shell Command Language."""
_AGAIN_S = 1.0
"""How long to wait before asking again if the SSH server did not answer."""

COMMAND = (
    "if [ -x /run/bootwright/poweroff ]; then /run/bootwright/poweroff; "
    "else systemctl poweroff --no-block || poweroff; fi"
)
"""Shell command that shuts a guest down: bootwright's script under its own inits, systemctl with
systemd, otherwise the guest's poweroff."""


async def shut_down(
    reach: SshEndpoint | None,
    press_button: Callable[[], Awaitable[None]],
    gone: asyncio.Future[Any],
    timeout_s: float,
) -> bool:
    """Ask a guest to shut down, and wait until it has.

    Over SSH first, as the power button needs a driver and a daemon that small guests do not have;
    by the power button if SSH fails. A guest that is still starting is asked repeatedly.

    Args:
        reach: How to log in; None for a guest without a network.
        gone: Done once the VMM has ended.

    Returns:
        Whether it had ended within *timeout_s*.
    """
    asking = asyncio.create_task(_ask(reach, press_button))
    try:
        await asyncio.wait([gone], timeout=timeout_s)
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    return gone.done()


async def _ask(reach: SshEndpoint | None, press_button: Callable[[], Awaitable[None]]) -> None:
    accepted = False
    if reach is not None:
        with suppress(HostError):  # no ssh on this host
            accepted = await _ask_over_ssh(reach)
    if not accepted:
        await press_button()


async def _ask_over_ssh(reach: SshEndpoint) -> bool:
    """Return whether the guest accepted the command; False if it refuses the log-in."""
    while True:
        process = await asyncio.create_subprocess_exec(
            *reach.ssh([COMMAND]),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
        if process.returncode != LOST_STATUS:
            return process.returncode != _NOT_FOUND_STATUS
        if b"Permission denied" in errors or b"Host key verification failed" in errors:
            return False
        await asyncio.sleep(_AGAIN_S)
