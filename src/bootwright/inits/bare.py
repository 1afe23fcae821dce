"""bare: runs one command with the usual mounts; the machine ends with it."""

from __future__ import annotations

from pathlib import Path

from bootwright.guest.initramfs import GUEST_RUN
from bootwright.inits import sshd
from bootwright.inits.init import Init


def guest_files() -> dict[str, tuple[bytes, int]]:
    """Return what the initramfs carries for bare: ``{path: (content, mode)}``."""
    scripts = Path(__file__).parent
    return {
        f"{GUEST_RUN}/bootwright/mark": (sshd.contents()["bootwright/mark"].encode(), 0o644),
        f"{GUEST_RUN}/bootwright/computer.sh": (
            scripts.joinpath("computer.sh").read_bytes(),
            0o644,
        ),
        f"{GUEST_RUN}/bootwright/bare": (scripts.joinpath("bare.sh").read_bytes(), 0o755),
    }


BARE = Init(
    name="bare",
    summary="runs one command and powers off",
    argv=("/run/bootwright/bare",),
    needs=(),
    tools=True,
    guest_files=guest_files,
)
