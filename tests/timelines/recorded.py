"""Boots that really were: what systemd and /proc said of each, recorded inside one boot."""

from __future__ import annotations

import gzip
import re
from functools import cache
from pathlib import Path

_LOGS = Path(__file__).parent / "logs"

SYSTEMD = ("debian-12", "debian-13")
"""systemd 252 and 257, stock, under TCG."""

# When init was executed: the kernel's line "Not activating Mandatory Access Control" is written in
# that system call. Until sshd listened: the host's marks initramfs.done and sshd.listening.
STRETCH = {
    "debian-12": (2_677_066_000, 2_677_066_000 + 19_402_400_000),
    "debian-13": (2_782_238_000, 2_782_238_000 + 17_120_300_000),
}


@cache
def recorded(name: str) -> dict[str, str]:
    """Return the texts of one boot, by what was asked for."""
    text = gzip.decompress((_LOGS / f"userspace-{name}.gz").read_bytes()).decode()
    return sections(text)


def sections(text: str) -> dict[str, str]:
    """Return what follows each line ``=====NAME``."""
    parts = (part.partition("\n") for part in text.split("=====")[1:])
    return {name: body for name, _, body in parts}


_FACTORS = {"h": 3600_000, "min": 60_000, "s": 1000, "ms": 1, "us": 0.001}


def milliseconds(text: str) -> float:
    """Read a length as systemd prints it, such as ``1min 2.345s``."""
    return sum(
        float(number) * _FACTORS[unit]
        for number, unit in re.findall(r"([\d.]+)(h|min|ms|us|s)\b", text)
    )


def blame(text: str) -> dict[str, float]:
    """Return milliseconds by unit, of what ``systemd-analyze blame`` printed."""
    rows = (line.rsplit(" ", 1) for line in text.splitlines() if line)
    return {name: milliseconds(length) for length, name in rows}


def chain(text: str) -> list[str]:
    """Return the units of what ``systemd-analyze critical-chain`` printed, the last first."""
    found = (re.match(r"[\s└─]*(\S+\.[a-z]+)(?: [@+]|$)", line) for line in text.splitlines())
    return [row[1] for row in found if row is not None]
