"""Running programs in namespaces: as root without privileges, or without leaving anything behind.

Source: unshare(1), subuid(5), namespaces(7).
"""

from __future__ import annotations

import os
import subprocess

from bootwright.host import tools

NAMESPACE_HINT = "install uidmap and add your user to /etc/subuid and /etc/subgid, or run as root"
"""The hint if `as_namespace_root` fails."""


def as_namespace_root() -> list[str]:
    """Return a command prefix that runs a program as root of a user namespace.

    Empty for root, who needs none. All of the user's subordinate ids are mapped, so that files of
    every user and group can be made.
    """
    if os.geteuid() == 0:
        return []
    [unshare] = tools.require("unshare")
    return [str(unshare), "--map-root-user", "--map-auto", "--"]


def sealed() -> list[str]:
    """Return a command prefix whose program ends with this process and leaves nothing behind.

    Root's mmdebstrap mounts /proc and /sys in its folder; in namespaces of their own, mounts and
    processes are gone with the first of them. An ordinary user's mmdebstrap makes its own
    namespaces, and on SIGTERM removes what only its other user ids can.
    """
    setpriv, unshare = tools.require("setpriv", "unshare")
    if os.geteuid() != 0:
        return [str(setpriv), "--pdeathsig=TERM", "--"]
    return [
        *(str(setpriv), "--pdeathsig=KILL", "--"),
        *(str(unshare), "--mount", "--pid", "--mount-proc", "--fork", "--kill-child", "--"),
    ]


def end_sealed(process: subprocess.Popen[str]) -> None:
    """End a process that was started by `sealed`: root's by force, others in good order."""
    if os.geteuid() == 0:
        process.kill()  # unshare ignores SIGTERM; with it go all in its namespaces
    else:
        process.terminate()
