"""Finding processes by a token in their environment.

A pid is not reliable: after a crash it may belong to another process. So a process that must be
found again gets a random *token* in its environment, recorded before it starts. Source: proc(5),
/proc/PID/environ, which holds what the process was executed with and no other process can change.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Mapping

from bootwright.errors import HostError

VARIABLE = "BOOTWRIGHT_TOKEN"
_EXEC_LOOKS, _EXEC_PAUSE_S = 20, 0.001
"""How often, and how far apart, to look at a process that is just being executed."""
_GONE_S = 10.0
"""How long a killed process may take to end: one in the middle of a disk's write takes its time."""


def new_token() -> str:
    """Return a new random token."""
    return os.urandom(16).hex()


def environment_with_token(
    token: str, environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return *environment* with *token* in it, for a process that is about to start."""
    return {**environment, VARIABLE: token}


def with_token(token: str) -> list[int]:
    """Return the pids of the processes that were started with *token*, and of their children."""
    wanted = f"{VARIABLE}={token}".encode()
    unclear = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    found = []
    for _ in range(_EXEC_LOOKS):
        found += [pid for pid in unclear if wanted in _environment(pid)]
        unclear = [pid for pid in unclear if pid not in found and _is_executing(pid)]
        if not unclear:
            break
        time.sleep(_EXEC_PAUSE_S)
    return found


def end(token: str) -> None:
    """Kill all processes with *token*, and wait until they are gone.

    A process is held by a descriptor while it is judged, so a pid that is given to another in
    between hits nobody. Source: pidfd_open(2).

    Raises:
        HostError: one has not ended in time.
    """
    while pids := with_token(token):
        for pid in pids:
            try:
                held = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            try:
                if f"{VARIABLE}={token}".encode() in _environment(pid):
                    _kill(held, pid)
            finally:
                os.close(held)


def _kill(held: int, pid: int) -> None:
    try:
        signal.pidfd_send_signal(held, signal.SIGKILL)
    except ProcessLookupError:
        return
    poll = select.poll()
    poll.register(held, select.POLLIN)
    if not poll.poll(_GONE_S * 1000):
        raise HostError(
            f"process {pid} was killed but has not ended after {_GONE_S:g} s",
            hint=f"it may be waiting for a disk: cat /proc/{pid}/stack",
        )


def _is_executing(pid: int) -> bool:
    """Test whether this user's process seems to be in execve(2), without an environment yet.

    Source: proc(5), /proc/PID/stat: a zombie's state is Z; PF_KTHREAD is 0x00200000.
    """
    folder = f"/proc/{pid}"
    try:
        if os.stat(folder).st_uid != os.geteuid() or _read(f"{folder}/environ"):
            return False
        state, *rest = _read(f"{folder}/stat").decode().rpartition(")")[2].split()
    except OSError:
        return False
    return state not in "ZX" and not int(rest[5]) & 0x00200000


def _environment(pid: int) -> list[bytes]:
    try:
        return _read(f"/proc/{pid}/environ").split(b"\0")
    except OSError:
        return []  # gone, or another user's


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
