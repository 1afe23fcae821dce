"""User-mode networking: needs no root, listens on 127.0.0.1 only.

Source: QEMU's documentation, "Using the user mode network stack" (addresses and hostfwd).
"""

from __future__ import annotations

import re

from bootwright.errors import InputError
from bootwright.values import dataclass

ADDRESS = "10.0.2.15/24"
GATEWAY = "10.0.2.2"
RESOLVER = "10.0.2.3"
SSH_PORT = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """A TCP port of the host's 127.0.0.1 that leads to a port of the guest."""

    host_port: int
    """0: the kernel chooses a free one, so that two machines never want the same."""
    guest_port: int

    def __post_init__(self) -> None:
        if not 0 <= self.host_port <= 65535 or not 1 <= self.guest_port <= 65535:
            raise InputError(
                f"{self.host_port}:{self.guest_port} is not a pair of ports",
                hint="ports are 1 to 65535, such as --publish 8080:80",
            )


def forward(rule: str) -> Forward:
    """Read ``HOST:GUEST``.

    Raises:
        InputError: it is no pair of ports.
    """
    host, _, guest = rule.rpartition(":")
    if not re.fullmatch("[0-9]{1,5}:[0-9]{1,5}", rule):
        raise InputError(
            f"--publish {rule!r} is not a pair of ports", hint="such as --publish 8080:80"
        )
    return Forward(host_port=int(host), guest_port=int(guest))


def netdev(forwards: tuple[Forward, ...]) -> str:
    """Return the value of QEMU's -netdev."""
    rules = [f"hostfwd=tcp:127.0.0.1:{f.host_port}-:{f.guest_port}" for f in forwards]
    return ",".join(["user", "id=net", *rules])
