"""Loaded by every Python process that the fault harness starts; kills one of them at a chosen step.

A step is whatever the interpreter tells its audit hooks of that takes, gives back or changes
something outside the process: a file made, renamed or removed, a folder, a program started, a
socket bound. So the steps are found from the code that runs, not from a list. The death comes
before the step; the next step's death is the one after it.

Which process: the environment says a word of its command line and the number of its step. Each step
is appended to a log, so that a first run without a death tells how many there are.

Source: sys.addaudithook; Python's audit events table.
"""

import os
import signal
import sys

_CHANGES = {
    "os.mkdir",
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
    "fcntl.fcntl",
    "socket.bind",
    "socket.connect",
    "subprocess.Popen",
}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def _arm(role: str, step: int, log: str) -> None:
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    count = 0
    armed = False

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal count, armed
        if event not in _CHANGES and not (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITES
        ):
            return
        what = str(arguments[0])
        if not armed:
            # The command line is whole only once the interpreter has begun.
            armed = role in " ".join(sys.orig_argv)
            if not armed:
                return
        if what.endswith((".pyc", "/dev/null")) or (what.isdigit() and event == "open"):
            return
        count += 1
        os.write(file, f"{count} {event} {what}\n".encode())
        if count == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


if _role := os.environ.get("BOOTWRIGHT_TEST_KILL_ROLE"):
    _arm(
        _role,
        int(os.environ["BOOTWRIGHT_TEST_KILL_STEP"]),
        os.environ["BOOTWRIGHT_TEST_KILL_LOG"],
    )
