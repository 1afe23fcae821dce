"""Probe a machine: boot, run the probes, shut down, boot the same disk again.

With a network, client probes log in from the host, and the others run in a shell over SSH. Without
one, the guest probes itself, logs in over its loopback, and reports over the mark port. The script
is the same; see runner.py.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import replace

from bootwright.disks.table import disk
from bootwright.errors import GuestError
from bootwright.events import Event, Notice, Observer, Progress, ignore
from bootwright.guest import initramfs
from bootwright.guest.identity import fixed_identity
from bootwright.home import Home
from bootwright.host.clock import now_ns
from bootwright.inits import ready
from bootwright.inits.table import INITS
from bootwright.machines import client
from bootwright.machines.client import Machine
from bootwright.machines.events import MarkReached
from bootwright.machines.recovery import reclaim
from bootwright.machines.spec import MachineSpec
from bootwright.probes import runner, runners
from bootwright.probes.probe import Outcome, Probe, ProbeTried, does_not_apply, failed, passed
from bootwright.probes.runner import Reader
from bootwright.probes.table import SECOND_BOOT, SHUTDOWN
from bootwright.recipes.recipe import Recipe
from bootwright.timelines.recorder import Recorder

_RESOLVABLE = "example.com"
"""A name that every public resolver resolves. Source: RFC 2606, section 3."""
_RESOLVER_TIMEOUT_S = 3.0


def goes_over_ssh(recipe: Recipe) -> bool:
    """Whether the host probes over SSH; otherwise the guest probes itself."""
    return recipe.allows_login and recipe.network != "none"


def _is_lasting(recipe: Recipe) -> bool:
    return recipe.disk == "none" or disk(recipe.disk).can_be_kept


def why_inapplicable(probe: Probe, recipe: Recipe) -> str:
    """Return why *probe* does not apply to a recipe; "" if it does."""
    if probe.name == "clock" and recipe.guest_clock.counts_instructions:
        return "on the virtual clock, the recipe sets the time"
    if probe == SECOND_BOOT and not _is_lasting(recipe):
        return f"disk {recipe.disk!r} is removed with its machine"
    if recipe.allows_login:
        return ""
    if probe.side == "client":
        return f"{recipe.init} runs one command and has no SSH server"
    if probe.side == "host" or probe == SECOND_BOOT:
        return f"a machine with {recipe.init} ends with its command, and is not kept"
    return ""


async def run_probes(
    home: Home,
    spec: MachineSpec,
    probes: Iterable[Probe],
    *,
    timeout_s: float,
    observe: Observer = ignore,
) -> tuple[Outcome, ...]:
    """Boot a machine, run *probes* in it, and remove it.

    Args:
        spec: A machine that is not kept, and runs no command.
        timeout_s: How long each start-up may take.
        observe: Also receives each `ProbeTried`.

    Returns:
        One outcome per probe, in their order.

    Raises:
        BootwrightError: the machine did not start, or ended while it was probed.
    """
    chosen = tuple(probes)
    session = _Session(home, spec, chosen, observe, timeout_s)
    for probe in chosen:
        if why := why_inapplicable(probe, spec.recipe):
            session.record(does_not_apply(probe, why))
    if session.pending():
        await session.run()
    return tuple(session.outcomes[probe.name] for probe in chosen)


class _Session:
    """The probing of one machine."""

    def __init__(
        self,
        home: Home,
        spec: MachineSpec,
        probes: tuple[Probe, ...],
        observe: Observer,
        timeout_s: float,
    ) -> None:
        self._home = home
        self._over_ssh = goes_over_ssh(spec.recipe)
        # Kept from the first boot to the second; see `MachineFolder.visited`.
        self._spec = replace(spec, kept=spec.recipe.allows_login and _is_lasting(spec.recipe))
        self._probes = probes
        self._observe = observe
        self._timeout_s = timeout_s
        is_shared = spec.recipe.guest_clock.shares_identity
        host_name = fixed_identity().hostname if is_shared else spec.name
        self._reader = Reader(host_name, probes, self._begin, self.record)
        self._variables: dict[str, str] = {}
        self.outcomes: dict[str, Outcome] = {}

    def pending(self) -> list[Probe]:
        """Return the probes without an outcome."""
        return [probe for probe in self._probes if probe.name not in self.outcomes]

    def record(self, outcome: Outcome) -> None:
        """Record and report an outcome."""
        self.outcomes[outcome.name] = outcome
        self._observe(ProbeTried(outcome=outcome))

    async def run(self) -> None:
        """Run the pending probes."""
        recipe = self._spec.recipe
        needs_resolver = recipe.network != "none" and any(
            probe.name == "resolver" for probe in self.pending()
        )
        self._variables = {
            "init": recipe.init,
            "network": recipe.network,
            "nested": "1" if recipe.nested else "",
            "resolves": await _resolvable() if needs_resolver else "",
        }
        if not self._over_ssh:
            self._prepare_guest_runner()
        with ExitStack() as stack:
            try:
                await self._first_boot(stack)
                if SECOND_BOOT in self.pending():
                    await self._second_boot()
            finally:
                stack.close()
                reclaim(self._home)  # removes the machine, which is no longer visited

    def _prepare_guest_runner(self) -> None:
        """Add the runner to the files of the initramfs."""
        recipe = self._spec.recipe
        inside = [probe for probe in self.pending() if probe.side != "host"]
        text = runner.text_for_port(
            [probe for probe in inside if probe != SECOND_BOOT],
            SECOND_BOOT if SECOND_BOOT in inside else None,
            self._variables,
            end=recipe.allows_login,
        )
        files = initramfs.store_guest_files(self._home, ready.guest_files(INITS[recipe.init], text))
        command = () if recipe.allows_login else (f"/bin/sh {ready.PATH}",)
        recipe = replace(recipe, guest_files=(*recipe.guest_files, *files))
        self._spec = replace(self._spec, recipe=recipe, command=command)

    async def _first_boot(self, stack: ExitStack) -> None:
        self._observe(Progress(step="booting"))
        guest_runner = runners.GuestRunner(self._reader)
        async with self._started(guest_runner) as machine:
            stack.enter_context(machine.folder.visited())
            await machine.ready(self._timeout_s)
            now = [probe for probe in self.pending() if probe not in (SHUTDOWN, SECOND_BOOT)]
            if self._over_ssh:
                remember = SECOND_BOOT in self.pending()
                ssh_runner = runners.SshRunner(machine, self._reader, self._variables)
                await ssh_runner.probe(now, remember=remember)
            else:
                await guest_runner.probe(machine)
            for probe in now:
                if probe in self.pending():
                    self.record(failed(probe, "did not run"))
            if SHUTDOWN in self.pending() or SECOND_BOOT in self.pending():
                await self._shut_down(machine)
            else:
                await machine.quit()

    async def _shut_down(self, machine: Machine) -> None:
        self._begin(SHUTDOWN)
        machine.note_login()
        begin_ns = now_ns()
        if self._over_ssh:
            await machine.stop(SHUTDOWN.limit_s)
        else:  # the guest shuts itself down
            await asyncio.wait([machine.ended], timeout=SHUTDOWN.limit_s)
            await machine.quit()
        ended = machine.ended.result()
        if SHUTDOWN not in self.pending():
            return
        duration_ns = now_ns() - begin_ns
        if ended.reason in ("stopped", "powered-off"):
            self.record(passed(SHUTDOWN, ended.text, duration_ns=duration_ns))
        else:
            why = f"it did not shut down within {SHUTDOWN.limit_s} s"
            fix = "its console shows what it waits for: bootwright run IMAGE, then poweroff"
            self.record(failed(SHUTDOWN, why, fix=fix, duration_ns=duration_ns))

    async def _second_boot(self) -> None:
        self._begin(SECOND_BOOT)
        guest_runner = runners.GuestRunner(self._reader)
        try:
            async with self._started(guest_runner, again=True) as machine:
                await machine.ready(self._timeout_s)
                if self._over_ssh:
                    ssh_runner = runners.SshRunner(machine, self._reader, self._variables)
                    await ssh_runner.probe([SECOND_BOOT], remember=False)
                else:
                    await guest_runner.probe(machine)
                await machine.quit()
        except GuestError as error:
            self.record(failed(SECOND_BOOT, f"the second boot failed: {error}", fix=error.hint))
        if SECOND_BOOT in self.pending():
            self.record(failed(SECOND_BOOT, "did not run"))

    def _started(
        self, guest_runner: runners.GuestRunner, *, again: bool = False
    ) -> AbstractAsyncContextManager[Machine]:
        def listen(event: Event) -> None:
            if isinstance(event, MarkReached):
                guest_runner.on_mark(event.name, event.detail)
            elif isinstance(event, Notice):
                self._observe(event)

        return client.started(self._home, self._spec, Recorder(), listen, again=again)

    def _begin(self, probe: Probe) -> None:
        self._observe(Progress(step=probe.name))


async def _resolvable() -> str:
    """Return a name that this host resolves; "" if it resolves none."""
    loop = asyncio.get_running_loop()
    try:
        await asyncio.wait_for(loop.getaddrinfo(_RESOLVABLE, None), _RESOLVER_TIMEOUT_S)
    except (socket.gaierror, TimeoutError):
        return ""
    return _RESOLVABLE
