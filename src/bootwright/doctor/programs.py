"""The programs that we run: which are here, in which version, and what their lack means."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from bootwright.doctor.check import Check, asked
from bootwright.errors import HostError
from bootwright.guest import initramfs
from bootwright.host import commands, tools

BOOT = frozenset({"qemu-system-x86_64", "busybox", "ssh", "scp", "ssh-keygen", "setpriv"})
"""Without these no machine boots, or nobody gets in."""

# How each is asked for its version. None: it has no way to say it, and is of ssh's version. Never
# ask by guessing: mmdebstrap -V builds a Debian.
_ASK: dict[str, str | None] = {
    "busybox": "--help",
    "mke2fs": "-V",
    "debugfs": "-V",
    "ssh": "-V",
    "scp": None,
    "ssh-keygen": None,
}
_ANSWER_S = 5.0
# What a shell says, and a loader that lacks a library. Source: exit statuses in sh(1p).
_CANNOT_RUN = (126, 127)


def examine(table: Mapping[str, tuple[str, str, str]] = tools.PROGRAMS) -> list[Check]:
    """Look at all programs at the same time; return them in the table's order."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        found = pool.map(lambda row: asked(row[0], lambda: _examine_one(*row)), table.items())
        return [check for checks in found for check in checks]


def _examine_one(program: str, described: tuple[str, str, str]) -> Iterator[Check]:
    debian, fedora, use = described
    path = tools.find(program)
    if path is None:
        yield Check(
            area="host",
            name=program,
            state="problem" if program in BOOT else "note",
            text=f"not installed; it {use}",
            hint=f"on Debian: sudo apt-get install {debian}; on Fedora: sudo dnf install {fedora}",
        )
        return
    check = _version(program, path)
    if program == "busybox" and check.state == "ok":
        try:
            initramfs.program_files()
        except HostError as error:
            check = replace(check, state="problem", text=str(error), hint=error.hint)
    yield check


def _version(program: str, path: Path) -> Check:
    option = _ASK.get(program, "--version")
    if option is None:
        return Check(area="host", name=program, state="ok", text=str(path))
    commands.announce([path, option])
    try:
        done = subprocess.run(
            [path, option],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=dict(os.environ, LC_ALL="C.UTF-8"),
            timeout=_ANSWER_S,
        )
    except subprocess.TimeoutExpired:
        return _doubtful(program, f"{path} {option} gave no answer in {_ANSWER_S:g} s")
    except OSError as error:
        return _doubtful(program, f"{path} cannot be run: {error.strerror}", useless=True)
    lines = (line.strip() for line in (*done.stdout.splitlines(), *done.stderr.splitlines()))
    first = next(filter(None, lines), "")
    if done.returncode or not first:
        useless = done.returncode in _CANNOT_RUN
        how = f"{path} {option} ended with status {done.returncode}"
        return _doubtful(program, f"{how}: {first}" if first else how, useless=useless)
    return Check(area="host", name=program, state="ok", text=first.removeprefix(f"{program} "))


def _doubtful(program: str, text: str, *, useless: bool = False) -> Check:
    """Return what is said of a program that is here and may not work."""
    package = tools.PROGRAMS[program][0] if program in tools.PROGRAMS else program
    return Check(
        area="host",
        name=program,
        state="problem" if useless and program in BOOT else "warning",
        text=text,
        hint=f"install it again; on Debian: sudo apt-get install --reinstall {package}",
    )
