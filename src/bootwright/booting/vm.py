"""VM: a machine that runs, for whoever uses bootwright as a library."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from bootwright.booting.keywords import bytes_of
from bootwright.defaults.kvm_trial import Choice
from bootwright.errors import GuestError, InputError
from bootwright.machines.client import Machine
from bootwright.machines.console import tail
from bootwright.machines.spec import EndReason
from bootwright.machines.ssh import Completed, SshEndpoint
from bootwright.recipes.recipe import Recipe
from bootwright.timelines.marks import MarkName
from bootwright.timelines.phases import AFTER, Phase, phases, start_up_of, total_ns
from bootwright.timelines.recorder import Mark

STOP_S = 30.0
"""How long a guest may take to shut down where nobody says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A machine that was booted for one command: where the time went, and how it ended.

    It is what ``bootwright run --json`` prints; docs/json.md has its fields.
    """

    name: str
    total_ns: int
    start_up_ns: int
    phases: tuple[Phase, ...]
    accelerator: str
    accelerator_reason: str
    disk: str
    disk_reason: str
    machine_type: str
    exit_status: int
    output: str
    error_output: str

    @property
    def stdout(self) -> str:
        """What the command printed."""
        return self.output

    @property
    def stderr(self) -> str:
        """What it printed on its standard error; a one-command guest has none."""
        return self.error_output


class Facts:
    """What is known of a running machine, and of one that ran."""

    def __init__(self, machine: Machine, choice: Choice) -> None:
        self._machine = machine
        self._choice = choice

    def __repr__(self) -> str:
        return f"<VM {self.name!r}>"

    @property
    def name(self) -> str:
        """Its name, which is its host name too."""
        return self._machine.name

    @property
    def recipe(self) -> Recipe:
        """All that decided how it booted."""
        return self._machine.spec.recipe

    @property
    def choice(self) -> Choice:
        """Which accelerator and disk were chosen, and why."""
        return self._choice

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Where the time went so far, phase after phase.

        The log-in is over when the first command begins. After the block the last two are
        ``command``, from the log-in to the block's end, and ``clean-up``.
        """
        return phases(self._marks(), (*start_up_of(self.recipe.init), *AFTER))

    @property
    def start_up_ns(self) -> int:
        """How long it took until a command could run in it, as far as that is known."""
        return total_ns(phases(self._marks(), start_up_of(self.recipe.init)))

    @property
    def endpoint(self) -> SshEndpoint:
        """How to log in by ssh: address, port, key.

        Raises:
            GuestError: no network leads into it.
        """
        return self._machine.reach()

    @property
    def ports(self) -> Mapping[int, int]:
        """Which port of 127.0.0.1 leads to which port of the guest: ``{guest: host}``."""
        return MappingProxyType(self._machine.ports)

    @property
    def console(self) -> str:
        """The last lines that it printed on its console."""
        return tail(self._machine.folder.console_log)

    def summary(self, done: Completed) -> Run:
        """Return what became of a machine that was booted for one command."""
        cut = self.phases
        return Run(
            name=self.name,
            total_ns=total_ns(cut),
            start_up_ns=self.start_up_ns,
            phases=cut,
            accelerator=self._choice.accelerator,
            accelerator_reason=self._choice.reason,
            disk=self.recipe.disk,
            disk_reason=self._choice.disk_reason,
            machine_type=self.recipe.machine_type,
            exit_status=done.exit_status,
            output=done.stdout,
            error_output=done.stderr,
        )

    def _marks(self) -> tuple[Mark, ...]:
        return self._machine.recorder.marks()


class VM(Facts):
    """A running machine; `boot` and `start` make one."""

    def __init__(self, machine: Machine, choice: Choice, output: bytearray) -> None:
        super().__init__(machine, choice)
        self._output = output

    async def run(  # the blocking face has no asyncio.timeout
        self,
        *command: str,
        timeout: float | None = None,  # noqa: ASYNC109
        input: str | bytes | None = "",
    ) -> Completed:
        """Log in and run a command, as root.

        Args:
            command: One string is a line for the guest's shell; several are a program and its
                arguments.
            timeout: After so many seconds it is given up.
            input: What the command reads; None: this process's own standard input.

        Raises:
            GuestError: the guest cannot be logged in to, or the time is over.
            LostGuestError: it went away while the command ran.
        """
        if not command:
            raise InputError("there is no command to run", hint='such as: vm.run("uname -a")')
        self._require_login()
        try:
            async with asyncio.timeout(timeout) as limit:
                given = None if input is None else bytes_of(input)
                return await self._machine.run(command, capture=True, input=given)
        except TimeoutError:
            if not limit.expired():
                raise
            raise GuestError(
                f"the command has not ended after {timeout:g} s: {' '.join(command)}"
            ) from None

    async def interact(self, *command: str, terminal: bool = False) -> Completed:
        """Run a command with this process's own standard streams; without one, a prompt.

        Args:
            terminal: Give the command a terminal; a prompt always has one.

        Raises:
            GuestError, LostGuestError: as for `run`.
        """
        self._require_login()
        return await self._machine.run(command, terminal=terminal, input=None)

    async def copy_in(self, source: str | Path, target: str, *, follow: bool = False) -> None:
        """Copy a file or folder into the guest; links are copied as links.

        Args:
            target: A folder that exists, or the copy's new name.
            follow: If the source itself is a symbolic link, copy what it leads to.

        Raises:
            InputError: the source or the target's folder is missing.
            HostError, GuestError: it cannot be read, or written.
        """
        self._require_login()
        await self._machine.copy_in(_absolute(source), target, follow=follow)

    async def copy_out(self, source: str, target: str | Path, *, follow: bool = False) -> None:
        """Copy a file or folder out of the guest; as `copy_in`, the other way."""
        self._require_login()
        await self._machine.copy_out(source, _absolute(target), follow=follow)

    async def finished(self) -> Completed:
        """Wait for the end of a guest's one command.

        Raises:
            GuestError: the guest runs no such command, or ended before it had.
        """
        if self.recipe.allows_login:
            raise GuestError(
                f"machine {self.name!r} runs no command by itself", hint="run one: vm.run(...)"
            )
        status = await self._machine.finished()
        begin_ns, end_ns = (
            next(mark.time_ns for mark in self._marks() if mark.name == name)
            for name in (MarkName.COMMAND_START, MarkName.COMMAND_END)
        )
        output = self._output.decode("utf-8", "replace")
        return Completed(exit_status=status, stdout=output, duration_ns=end_ns - begin_ns)

    async def wait(self) -> EndReason:
        """Wait until the machine ends by itself, such as by its guest's ``poweroff``.

        Raises:
            GuestError, VmmError: it crashed.
        """
        self._note_good()
        return await self._machine.wait()

    async def stop(self, timeout: float = STOP_S) -> None:  # noqa: ASYNC109
        """Shut the guest down; it is ended where that takes longer than *timeout* seconds."""
        self._note_good()
        await self._machine.stop(timeout)

    def detach(self) -> None:
        """Let the machine go on after the block, and without this process.

        Raises:
            InputError: it was not booted with ``keep=True``.
        """
        if not self._machine.spec.kept:
            raise InputError(
                f"machine {self.name!r} is not kept, so it cannot be detached",
                hint="boot it with keep=True",
            )
        self._note_good()
        self._machine.detach()

    def _note_good(self) -> None:
        """Note that the machine works: it is worth keeping, and may switch itself off."""
        if self.recipe.allows_login:
            self._machine.note_login()

    def _require_login(self) -> None:
        if not self.recipe.allows_login:
            raise InputError(
                f"machine {self.name!r} runs one command and has no SSH server",
                hint="await bootwright.run(COMMAND, tiny=True) boots, runs it, and ends; or boot "
                "an image with init systemd or tini",
            )


def _absolute(path: str | Path) -> str:
    # A path keeps what is special at its end: a slash, or /. for what is in a folder.
    return os.path.join(os.getcwd(), path)
