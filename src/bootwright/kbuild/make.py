"""Run the kernel's make: report progress, explain failures, and end it cleanly."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from bootwright.errors import BuildError
from bootwright.events import Observer, Progress
from bootwright.host import commands, space, tools
from bootwright.kbuild import blame, toolchain
from bootwright.kbuild.source import Source

_OBJECT = re.compile(r"^  (?:CC|AS|LDS|CC \[M\]|LD \[M\]|HOSTCC)\s")
_FAILED = re.compile(r"^make(?:\[\d+\])?: \*\*\* \[[^\]]*?: (?P<target>\S+)\] Error")
_COUNT = ".bootwright-objects"
_LOG = "bootwright.log"
_COMPILED_SHARE = 0.95
"""Of the whole build; the rest is linking and packing."""
_END_S = 20


def run(
    source: Source,
    folder: Path,
    targets: Sequence[str],
    *,
    jobs: int,
    expected: int,
    observe: Observer,
) -> None:
    """Build *targets* in *folder*, or continue an interrupted build.

    make ends with this process, however that ends. Objects built by then are complete and are
    not built again.

    Args:
        expected: About how many objects a full build makes; the count of this folder's last
            complete build takes precedence.

    Raises:
        BuildError: it failed; the message names the file and the option that builds it.
    """
    [setpriv] = tools.require("setpriv")
    command = [
        *(str(setpriv), "--pdeathsig=TERM", "--"),
        *("make", "-C", str(source.path), f"O={folder}", f"-j{jobs}", *targets),
    ]
    commands.announce(command)
    # After a complete build, all objects may be stale; after an interrupted one they count.
    whole = _remembered(folder)
    (folder / _COUNT).unlink(missing_ok=True)
    log = MakeLog(observe, expected=whole or expected, there=0 if whole else objects(folder))
    with (folder / _LOG).open("w", buffering=1) as written:  # so that it can be followed
        process = subprocess.Popen(
            command,
            env=toolchain.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches this process, which then ends make
        )
        assert process.stdout is not None
        with process.stdout:
            try:
                for line in process.stdout:
                    written.write(line)
                    log.read(line.rstrip())
            except BaseException:
                _end(process)
                raise
            finally:
                process.wait()
    if process.returncode:
        raise log.failure(source.path, folder)
    (folder / _COUNT).write_text(str(objects(folder)))


class MakeLog:
    """Reads make's output.

    Args:
        expected: How many objects there will be in the end.
        there: How many are there already.
    """

    def __init__(self, observe: Observer, *, expected: int, there: int) -> None:
        self._observe = observe
        self._expected = max(1, expected)
        self._there = there
        self._done = 0
        self._begun_s = time.monotonic()
        self._errors: list[str] = []
        self._target = ""
        self._tail: deque[str] = deque(maxlen=15)

    def read(self, line: str) -> None:
        """Process one line."""
        self._tail.append(line)
        if _OBJECT.match(line):
            self._done += 1
            done = min(self._there + self._done, self._expected)
            share = _COMPILED_SHARE * done / self._expected
            self._observe(Progress(step=f"compiling{self._left(done)}", share=share))
        elif line.startswith(("  LD      vmlinux", "  LD      .tmp_vmlinux")):
            self._observe(Progress(step="linking", share=_COMPILED_SHARE))
        elif "error:" in line or "undefined reference" in line or "No space left" in line:
            self._errors.append(line)
        elif (found := _FAILED.match(line)) and not self._target:
            self._target = found["target"]

    def _left(self, done: int) -> str:
        """Return an estimate of the time that compiling still takes, once there is one."""
        elapsed_s = time.monotonic() - self._begun_s
        if self._done < 50 or elapsed_s < 5:
            return ""
        minutes = elapsed_s / self._done * (self._expected - done) / 60
        return f", about {minutes:.0f} min left" if minutes >= 1 else ", less than a minute left"

    def failure(self, source: Path, folder: Path) -> BuildError:
        """Return the error, with the file that failed and the option that builds it."""
        evidence = "\n".join(self._errors[:6]) or "\n".join(self._tail)
        space.raise_if_full(evidence)
        target = self._target.removeprefix(f"{folder}/")
        option = blame.option_of(source, target) if target.endswith(".o") else ""
        brought = f" ({option})" if option else ""
        return BuildError(
            f"the kernel's build failed at {target or 'an unnamed step'}{brought}",
            evidence=evidence,
            hint=f"the full output is in {folder / _LOG}; once fixed, the same command "
            "continues where this one stopped",
        )


def expected_objects(config: dict[str, str]) -> int:
    """Estimate how many objects a config makes.

    Counted with Linux 6.1: 740 options that are y make 1,801 objects, 1,240 make 2,359. A module is
    one option, and has two objects or more.
    """
    values = list(config.values())
    return round(975 + 1.12 * values.count("y") + 2.5 * values.count("m"))


def install_modules(source: Source, folder: Path, target: Path) -> None:
    """Install the modules that were built below *target*, without their debug info.

    Raises:
        BuildError: make failed.
    """
    command = ["make", "-C", str(source.path), f"O={folder}", "modules_install"]
    command += [f"INSTALL_MOD_PATH={target}", "INSTALL_MOD_STRIP=1"]
    commands.announce(command)
    done = subprocess.run(
        command,
        env=toolchain.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode:
        space.raise_if_full(done.stderr)
        raise BuildError("installing the modules failed", evidence=done.stderr[-2000:])
    for link in target.glob("lib/modules/*/*"):
        if link.is_symlink():  # "build" and "source" point out of the kernel
            link.unlink()


def objects(folder: Path) -> int:
    """Count the objects that were compiled in *folder*."""
    return sum(
        name.endswith(".o") and not name.startswith("built-in")
        for _, _, names in os.walk(folder)
        for name in names
    )


def _remembered(folder: Path) -> int:
    try:
        return int((folder / _COUNT).read_text())
    except (FileNotFoundError, ValueError):
        return 0


def _end(process: subprocess.Popen[str]) -> None:
    """End make and its children: on SIGTERM they remove incomplete files."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            continue
        # Compilers may outlive make for a moment; the pipe ends with the last of them.
        if process.stdout is not None:
            for _ in process.stdout:
                pass
        return
