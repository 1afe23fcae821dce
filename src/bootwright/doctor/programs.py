"""Checks of the programs that bootwright runs: installed, working, and which version."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from bootwright.doctor.check import Check, run_check
from bootwright.errors import HostError
from bootwright.guest import initramfs
from bootwright.host import commands, tools

BOOT = frozenset({"qemu-system-x86_64", "busybox", "ssh", "scp", "ssh-keygen", "setpriv"})
"""Without these no machine boots, or nobody can log in."""

# The option that prints the version. None: there is none (the version is that of ssh). Do not
# guess: mmdebstrap -V builds a Debian.
_VERSION_OPTIONS: dict[str, str | None] = {
    "busybox": "--help",
    "mke2fs": "-V",
    "debugfs": "-V",
    "ssh": "-V",
    "scp": None,
    "ssh-keygen": None,
}
_TIMEOUT_S = 5.0
# Exit statuses of a shell, and of a loader that finds no library. Source: exit statuses in sh(1p).
_CANNOT_RUN = (126, 127)


def examine(table: Mapping[str, tuple[str, str, str]] = tools.PROGRAMS) -> list[Check]:
    """Check all programs concurrently; return the checks in the order of *table*."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        found = pool.map(lambda row: run_check(row[0], lambda: _examine_one(*row)), table.items())
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
    option = _VERSION_OPTIONS.get(program, "--version")
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
            timeout=_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return _doubtful(program, f"{path} {option} did not answer within {_TIMEOUT_S:g} s")
    except OSError as error:
        return _doubtful(program, f"cannot run {path}: {error.strerror}", useless=True)
    lines = (line.strip() for line in (*done.stdout.splitlines(), *done.stderr.splitlines()))
    first = next(filter(None, lines), "")
    if done.returncode or not first:
        useless = done.returncode in _CANNOT_RUN
        how = f"{path} {option} exited with status {done.returncode}"
        return _doubtful(program, f"{how}: {first}" if first else how, useless=useless)
    return Check(area="host", name=program, state="ok", text=first.removeprefix(f"{program} "))


def _doubtful(program: str, text: str, *, useless: bool = False) -> Check:
    """Return the check of a program that is installed but may not work."""
    package = tools.PROGRAMS[program][0] if program in tools.PROGRAMS else program
    return Check(
        area="host",
        name=program,
        state="problem" if useless and program in BOOT else "warning",
        text=text,
        hint=f"reinstall it; on Debian: sudo apt-get install --reinstall {package}",
    )
