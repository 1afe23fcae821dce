"""bare: one command, and around it what a computer has; the machine ends with it."""

from __future__ import annotations

from pathlib import Path

from bootwright.guest.seed import RUN
from bootwright.inits import sshd
from bootwright.inits.init import Init


def guest_files() -> dict[str, tuple[bytes, int]]:
    """Return what the seed carries for bare: ``{path: (content, mode)}``."""
    scripts = Path(__file__).parent
    return {
        f"{RUN}/bootwright/mark": (sshd.contents()["bootwright/mark"].encode(), 0o644),
        f"{RUN}/bootwright/computer.sh": (scripts.joinpath("computer.sh").read_bytes(), 0o644),
        f"{RUN}/bootwright/bare": (scripts.joinpath("bare.sh").read_bytes(), 0o755),
    }


BARE = Init(
    name="bare",
    summary="runs one command and powers off",
    argv=("/run/bootwright/bare",),
    needs=(),
    tools=True,
    guest_files=guest_files,
)
