"""The machine with KVM in it: booted once for all tests here, on one worker of pytest."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.boots import conftest as boots
from tests.boots.harness import PROGRAM, Bootwright, commands
from tests.nested import bed

builder, kernel = boots.builder, boots.kernel

NAME = "bed"
BOOT_S = 600
"""A boot takes 30 s on an idle host; all cores of a busy one may be taken."""


class Nested:
    """The machine, and bootwright in it."""

    def __init__(self, host: Bootwright) -> None:
        self._host = host

    def __call__(
        self, command: str, *, input: bytes | None = None, timeout_s: float = BOOT_S
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell's line in the machine, as root."""
        return self._host("ssh", NAME, "--", command, input=input, timeout_s=timeout_s)

    def bootwright(
        self, *arguments: str, timeout_s: float = BOOT_S
    ) -> subprocess.CompletedProcess[str]:
        """Run bootwright in the machine."""
        return self(shlex.join(["bootwright", *arguments]), timeout_s=timeout_s)

    def json(self, *arguments: str) -> Any:
        """Run bootwright in the machine, which must succeed, and return what it printed as JSON."""
        position = arguments.index("--") if "--" in arguments else len(arguments)
        done = self.bootwright(*arguments[:position], "--json", *arguments[position:])
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def said(self, command: str) -> str:
        """Run a shell's line that must succeed, and return its output."""
        done = self(command)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def left(self) -> str:
        """Return what is left of bootwright's machines: folders, processes, devices."""
        return self.said(
            "ls ~/.local/state/bootwright/machines 2>/dev/null; pgrep -a qemu-system;"
            "pgrep -a firecracker; losetup --noheadings --list; dmsetup ls | grep -v '^No devices';"
            "true"
        )


@pytest.fixture(scope="session")
def machine(
    builder: Bootwright, kernel: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Nested]:
    """The machine, with this source of bootwright in it."""
    with boots.building(builder):
        image = bed.build(builder, kernel, tmp_path_factory.mktemp("bed"))
    host = commands(tmp_path_factory.mktemp("nested"))
    # The machine ends with the command that runs it, and that with pytest, however it ends.
    running = subprocess.Popen(
        [
            *("setpriv", "--pdeathsig=TERM", "--", PROGRAM, "run", image, "--nested"),
            *("--name", NAME, "--memory", "3G", "--kernel", kernel, "--accelerator", "tcg"),
            *("--timeout", str(BOOT_S), "--", "echo up; exec sleep infinity"),
        ],
        env=host.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout is not None
        if running.stdout.readline() != "up\n":
            pytest.fail(f"the machine did not start: {running.communicate()[1]}")
        nested = Nested(host)
        unpack = "mkdir -p /opt/bootwright && tar -xf - -C /opt/bootwright"
        packed = bed.source(tmp_path_factory.mktemp("source"))
        assert nested(unpack, input=packed).returncode == 0
        yield nested
    finally:
        running.terminate()
        running.communicate(timeout=60)
    assert host.processes() == []


@pytest.fixture
def nested(machine: Nested) -> Iterator[Nested]:
    """The machine with KVM in it; fails where a test leaves something there."""
    yield machine
    assert machine.left() == ""
