"""The command as a user runs it, for the tests that boot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootwright.home import Home, locate_home
from bootwright.images.image import load_image

PROGRAM = Path(sys.executable).with_name("bootwright")
BOOT_S = 240
"""A boot takes five to ten seconds on an idle machine; a busy one may take its time."""


def until(true: Callable[[], object], what: str, deadline_s: float = 60) -> None:
    """Wait for something to be true; the test fails where it does not come about in time."""
    end = time.monotonic() + deadline_s
    while not true():
        assert time.monotonic() < end, f"waited {deadline_s} s for {what}"
        time.sleep(0.02)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootwright:
    """The command ``bootwright`` as a user runs it, with folders of its own."""

    environment: dict[str, str]
    machines: Path
    logs: Path

    def __call__(
        self, *arguments: str | Path, input: bytes | None = None, timeout_s: float = BOOT_S
    ) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        done = subprocess.run(
            [PROGRAM, *arguments],
            env=self.environment,
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            timeout=timeout_s,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    def json(self, *arguments: str | Path) -> Any:
        """Run one command that must succeed, and return what it printed as JSON."""
        words = [str(argument) for argument in arguments]
        # What stands behind -- is the guest's.
        position = words.index("--") if "--" in words else len(words)
        done = self(*words[:position], "--json", *words[position:])
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self, *arguments: str | Path) -> subprocess.Popen[bytes]:
        """Start a command in a session of its own, so that signals meet it alone."""
        return subprocess.Popen(
            [PROGRAM, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def processes(self) -> list[str]:
        """Return the command lines of all live processes that belong to our machines."""
        found = []
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                settings = (folder / "environ").read_bytes().split(b"\0")
            except (OSError, UnicodeDecodeError):
                continue
            ours = f"XDG_STATE_HOME={self.environment['XDG_STATE_HOME']}".encode() in settings
            if line and ours:
                found.append(line)
        return found


def _environment(state: Path) -> dict[str, str]:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    kept = Path(os.environ.get("BOOTWRIGHT_TEST_STORE") or cache / "bootwright-tests")
    environment = {k: v for k, v in os.environ.items() if k != "BOOTWRIGHT_HOME"}
    return environment | {
        "XDG_DATA_HOME": str(kept / "data"),
        "XDG_CACHE_HOME": str(kept / "cache"),
        "XDG_STATE_HOME": str(state),
    }


def home_of(own: Bootwright) -> Home:
    """Return the folders that it works in."""
    return locate_home(own.environment)


def put_into(own: Bootwright, store: Home, image: str) -> None:
    """Give one that has nothing yet the image and all kernels of *store*."""
    done = own("image", "import", image, load_image(store, image).disk)
    assert done.returncode == 0, done.stderr
    kernels = home_of(own).kernels
    subprocess.run(["cp", "-a", store.kernels, kernels.parent], check=True)


def commands(state: Path) -> Bootwright:
    folder = state / "bootwright"
    return Bootwright(
        environment=_environment(state), machines=folder / "machines", logs=folder / "logs"
    )
