"""Run probes in a booted machine: from the host over SSH, or by the guest itself."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress

from bootwright.errors import GuestError
from bootwright.machines.client import Machine
from bootwright.probes import runner
from bootwright.probes.probe import Probe
from bootwright.probes.runner import Reader

_GRACE_S = 30.0
"""How long a runner may be silent beyond the time limit of the running probe."""


class SshRunner:
    """Runs client probes on the host, and the others in a shell in the guest."""

    def __init__(self, machine: Machine, reader: Reader, variables: Mapping[str, str]) -> None:
        self._machine = machine
        self._reader = reader
        self._variables = variables

    async def probe(self, probes: Sequence[Probe], *, remember: bool) -> None:
        """Run *probes*; those that cannot run fail.

        Args:
            remember: Whether to write the file that the second boot looks for.

        Raises:
            GuestError: the machine ended.
        """
        reach = self._machine.reach()
        outside = [probe for probe in probes if probe.side == "client"]
        inside = [probe for probe in probes if probe.side == "guest"]
        if outside:
            scratch = self._machine.folder.path / "probes"
            scratch.mkdir(mode=0o700, exist_ok=True)
            config = scratch / "ssh_config"
            config.write_text(reach.config())
            here = {"ssh_config": str(config), "scratches": str(scratch)}
            await self._run(["sh"], runner.text(outside, {**self._variables, **here}), outside)
        if inside or remember:
            text = runner.text(inside, self._variables, remember=remember)
            await self._run(reach.ssh(["sh -s"]), text, inside)

    async def _run(self, argv: Sequence[str], text: str, probes: Sequence[Probe]) -> None:
        """Run *text* in a shell, and follow its messages."""
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # so that its children can be killed too
        )
        following = asyncio.create_task(self._follow(process))
        try:
            _, errors = await asyncio.gather(following, _feed(process, text))
        finally:
            following.cancel()
            _end(process)
            await process.wait()
        if self._machine.ended.done():
            probe = self._reader.running
            raise GuestError(
                "the machine ended"
                + (f" during probe {probe.name}" if probe else "")
                + f": {self._machine.ended.result().text}"
            )
        self._reader.give_up(probes, errors or "the shell that ran it exited")

    async def _follow(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while True:
            probe = self._reader.running
            limit_s = (probe.limit_s if probe else 0) + _GRACE_S
            try:
                line = await asyncio.wait_for(process.stdout.readline(), limit_s)
            except TimeoutError:
                _end(process)
                return
            if not line:
                return
            self._reader.take(line.decode("utf-8", "replace").rstrip("\n"))


async def _feed(process: asyncio.subprocess.Process, text: str) -> str:
    """Write *text* to a process, and return its standard error."""
    assert process.stdin is not None
    assert process.stderr is not None
    with suppress(ConnectionError):  # it ended before it had read all
        process.stdin.write(text.encode())
        await process.stdin.drain()
        process.stdin.close()
    return (await process.stderr.read()).decode("utf-8", "replace").strip()


def _end(process: asyncio.subprocess.Process) -> None:
    # The pid cannot be reused before the process has been waited for.
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


class GuestRunner:
    """Follows a guest that probes itself and reports over the mark port."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._progress = asyncio.Event()
        self._finished = False

    def on_mark(self, mark: str, detail: str) -> None:
        """Process a mark of the machine."""
        self._reader.take(f"{mark} {detail}")
        self._finished |= mark == runner.DONE
        self._progress.set()

    async def probe(self, machine: Machine) -> None:
        """Wait until the guest has run all probes.

        Raises:
            GuestError: the machine ended, or the guest stopped responding.
        """
        while not self._finished:
            probe = self._reader.running
            limit_s = (probe.limit_s if probe else 0) + 2 * _GRACE_S
            self._progress.clear()
            progress = asyncio.create_task(self._progress.wait())
            either: list[asyncio.Future[object]] = [progress, machine.ended]  # type: ignore[list-item]
            try:
                done, _ = await asyncio.wait(
                    either, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                progress.cancel()
            during = f" during probe {probe.name}" if probe else ""
            if machine.ended.done() and not self._finished:
                text = machine.ended.result().text
                raise GuestError(f"the machine ended{during}: {text}")
            if not done:
                raise GuestError(f"the guest stopped responding{during}")
