"""Two ways of probing a booted machine: from the host over SSH, or the guest by itself."""

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
"""How long it may be silent beyond the time limit of what is being tried."""


class SshRunner:
    """Tries from the host what logs in, and all else by a shell in the guest."""

    def __init__(self, machine: Machine, reader: Reader, variables: Mapping[str, str]) -> None:
        self._machine = machine
        self._reader = reader
        self._variables = variables

    async def probe(self, probes: Sequence[Probe], *, remember: bool) -> None:
        """Try *probes*; those that could not be tried have failed.

        Args:
            remember: Whether to write what a second boot is to find.

        Raises:
            GuestError: the machine went away.
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
        """Let a shell run *text*, and follow what it tells."""
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # so that all that it has started can be ended
        )
        following = asyncio.create_task(self._follow(process))
        try:
            _, said = await asyncio.gather(following, _feed(process, text))
        finally:
            following.cancel()
            _end(process)
            await process.wait()
        if self._machine.ended.done():
            what = self._reader.running
            raise GuestError(
                "the machine went away"
                + (f" while probe {what.name} was tried" if what else "")
                + f": {self._machine.ended.result().text}"
            )
        self._reader.give_up(probes, said or "the shell that tries it ended")

    async def _follow(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while True:
            what = self._reader.running
            limit_s = (what.limit_s if what else 0) + _GRACE_S
            try:
                line = await asyncio.wait_for(process.stdout.readline(), limit_s)
            except TimeoutError:
                _end(process)
                return
            if not line:
                return
            self._reader.take(line.decode("utf-8", "replace").rstrip("\n"))


async def _feed(process: asyncio.subprocess.Process, text: str) -> str:
    """Give *text* to a process, and return what it complains of."""
    assert process.stdin is not None
    assert process.stderr is not None
    with suppress(ConnectionError):  # it ended before it had read all
        process.stdin.write(text.encode())
        await process.stdin.drain()
        process.stdin.close()
    return (await process.stderr.read()).decode("utf-8", "replace").strip()


def _end(process: asyncio.subprocess.Process) -> None:
    # Its pid, and so its session's, is ours until it has been waited for.
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


class GuestRunner:
    """Follows a guest that probes itself, by what it tells over the mark port."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._news = asyncio.Event()
        self._through = False

    def hear(self, mark: str, detail: str) -> None:
        """Take in a mark of the machine's."""
        self._reader.take(f"{mark} {detail}")
        self._through |= mark == runner.DONE
        self._news.set()

    async def probe(self, machine: Machine) -> None:
        """Wait until the guest is through.

        Raises:
            GuestError: the machine went away, or the guest fell silent.
        """
        while not self._through:
            what = self._reader.running
            limit_s = (what.limit_s if what else 0) + 2 * _GRACE_S
            self._news.clear()
            news = asyncio.create_task(self._news.wait())
            either: list[asyncio.Future[object]] = [news, machine.ended]  # type: ignore[list-item]
            try:
                done, _ = await asyncio.wait(
                    either, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                news.cancel()
            while_what = f" while probe {what.name} was tried" if what else ""
            if machine.ended.done() and not self._through:
                text = machine.ended.result().text
                raise GuestError(f"the machine went away{while_what}: {text}")
            if not done:
                raise GuestError(f"the guest fell silent{while_what}")
