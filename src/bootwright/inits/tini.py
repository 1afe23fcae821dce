"""tini: a PID 1 that reaps processes and forwards signals, and bootwright's start script.

Source: tini's README; OpenSSH's sshd.c, which writes its pid file after it has begun to listen.
"""

from __future__ import annotations

from pathlib import Path

from bootwright.guest.initramfs import GUEST_RUN
from bootwright.host import tools
from bootwright.inits import sshd
from bootwright.inits.init import Init

_POWER_OFF = """\
#!/bin/sh
# tini passes the signal on to start.sh, which ends all in good order.
kill -TERM 1
"""


def guest_files() -> dict[str, tuple[bytes, int]]:
    """Return what the initramfs carries for tini: ``{path: (content, mode)}``.

    Raises:
        HostError: this host has no static tini.
    """
    [program] = tools.require("tini-static")
    scripts = Path(__file__).parent
    contents = {path: text.encode() for path, text in sshd.contents().items()} | {
        "bootwright/computer.sh": scripts.joinpath("computer.sh").read_bytes(),
        "bootwright/start": scripts.joinpath("start.sh").read_bytes(),
        "bootwright/poweroff": _POWER_OFF.encode(),
        "bootwright/tini": program.read_bytes(),
    }
    programs = ("bootwright/start", "bootwright/poweroff", "bootwright/tini")
    return {
        f"{GUEST_RUN}/{path}": (content, 0o755 if path in programs else 0o644)
        for path, content in contents.items()
    }


TINI = Init(
    name="tini",
    summary="tini and an SSH server, no other services",
    argv=("/run/bootwright/tini", "--", "/run/bootwright/start"),
    needs=(sshd.SERVER,),
    tools=True,
    guest_files=guest_files,
)
