"""The course of probing: boot, try everything, shut down, boot the same disk again.

Over SSH where a network leads in: what logs in is tried from the host, all else by a shell in the
guest. Without a network the guest probes itself, its log-ins over its own loopback, and tells over
the mark port. The text that tries is the same; see runner.py.
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
"""A name that every public resolver knows. Source: RFC 2606, section 3."""
_RESOLVING_S = 3.0


def goes_over_ssh(recipe: Recipe) -> bool:
    """Say whether the host logs in; else the guest probes itself."""
    return recipe.allows_login and recipe.network != "none"


def _is_lasting(recipe: Recipe) -> bool:
    return recipe.disk == "none" or disk(recipe.disk).can_be_kept


def why_not(probe: Probe, recipe: Recipe) -> str:
    """Say why *probe* does not apply to a recipe; empty: it does."""
    if probe.name == "clock" and recipe.guest_clock.counts_instructions:
        return "on the virtual clock time is what the recipe says, not what it is"
    if probe == SECOND_BOOT and not _is_lasting(recipe):
        return f"what a guest writes to disk {recipe.disk!r} is gone with its machine"
    if recipe.allows_login:
        return ""
    if probe.side == "client":
        return f"{recipe.init} runs one command and has no SSH server"
    if probe.side == "host" or probe == SECOND_BOOT:
        return f"a machine with {recipe.init} ends with its command, and is not kept"
    return ""


async def take(
    home: Home,
    spec: MachineSpec,
    probes: Iterable[Probe],
    *,
    timeout_s: float,
    observe: Observer = ignore,
) -> tuple[Outcome, ...]:
    """Boot a machine and try *probes* in it; afterwards nothing of it is left.

    Args:
        spec: A machine that is not kept, and runs no command.
        timeout_s: How long each start-up may take.
        observe: Given each `ProbeTried`, too.

    Returns:
        One outcome for each probe, in their order.

    Raises:
        BootwrightError: the machine did not start, or went away while it was probed.
    """
    chosen = tuple(probes)
    course = _Course(home, spec, chosen, observe, timeout_s)
    for probe in chosen:
        if why := why_not(probe, spec.recipe):
            course.note(does_not_apply(probe, why))
    if course.open():
        await course.run()
    return tuple(course.outcomes[probe.name] for probe in chosen)


class _Course:
    """One machine's way through its probes."""

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
        self._reader = Reader(host_name, probes, self._begin, self.note)
        self._variables: dict[str, str] = {}
        self.outcomes: dict[str, Outcome] = {}

    def open(self) -> list[Probe]:
        """Return the probes that have no outcome yet."""
        return [probe for probe in self._probes if probe.name not in self.outcomes]

    def note(self, outcome: Outcome) -> None:
        """Take in an outcome, and tell of it."""
        self.outcomes[outcome.name] = outcome
        self._observe(ProbeTried(outcome=outcome))

    async def run(self) -> None:
        """Try all that is open."""
        recipe = self._spec.recipe
        names_are_asked = recipe.network != "none" and any(
            probe.name == "resolver" for probe in self.open()
        )
        self._variables = {
            "init": recipe.init,
            "network": recipe.network,
            "resolves": await _resolvable() if names_are_asked else "",
        }
        if not self._over_ssh:
            self._let_it_probe_itself()
        with ExitStack() as stack:
            try:
                await self._first_boot(stack)
                if SECOND_BOOT in self.open():
                    await self._second_boot()
            finally:
                stack.close()
                reclaim(self._home)  # which removes it, as nobody visits it any more

    def _let_it_probe_itself(self) -> None:
        """Put the runner among what the initramfs carries."""
        recipe = self._spec.recipe
        inside = [probe for probe in self.open() if probe.side != "host"]
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
        by_itself = runners.GuestRunner(self._reader)
        async with self._started(by_itself) as machine:
            stack.enter_context(machine.folder.visited())
            await machine.ready(self._timeout_s)
            now = [probe for probe in self.open() if probe not in (SHUTDOWN, SECOND_BOOT)]
            if self._over_ssh:
                remember = SECOND_BOOT in self.open()
                over = runners.SshRunner(machine, self._reader, self._variables)
                await over.probe(now, remember=remember)
            else:
                await by_itself.probe(machine)
            for probe in now:
                if probe in self.open():
                    self.note(failed(probe, "it was not tried"))
            if SHUTDOWN in self.open() or SECOND_BOOT in self.open():
                await self._shut_down(machine)
            else:
                await machine.quit()

    async def _shut_down(self, machine: Machine) -> None:
        self._begin(SHUTDOWN)
        machine.note_login()
        begin_ns = now_ns()
        if self._over_ssh:
            await machine.stop(SHUTDOWN.limit_s)
        else:  # it does so by itself, as its last act
            await asyncio.wait([machine.ended], timeout=SHUTDOWN.limit_s)
            await machine.quit()
        ended = machine.ended.result()
        if SHUTDOWN not in self.open():
            return
        duration_ns = now_ns() - begin_ns
        if ended.reason in ("stopped", "powered-off"):
            self.note(passed(SHUTDOWN, ended.text, duration_ns=duration_ns))
        else:
            why = f"it had not shut down after {SHUTDOWN.limit_s} s"
            fix = "its console says what it waits for: bootwright run IMAGE, then poweroff"
            self.note(failed(SHUTDOWN, why, fix=fix, duration_ns=duration_ns))

    async def _second_boot(self) -> None:
        self._begin(SECOND_BOOT)
        by_itself = runners.GuestRunner(self._reader)
        try:
            async with self._started(by_itself, again=True) as machine:
                await machine.ready(self._timeout_s)
                if self._over_ssh:
                    over = runners.SshRunner(machine, self._reader, self._variables)
                    await over.probe([SECOND_BOOT], remember=False)
                else:
                    await by_itself.probe(machine)
                await machine.quit()
        except GuestError as error:
            self.note(failed(SECOND_BOOT, f"the second boot failed: {error}", fix=error.hint))
        if SECOND_BOOT in self.open():
            self.note(failed(SECOND_BOOT, "it was not tried"))

    def _started(
        self, by_itself: runners.GuestRunner, *, again: bool = False
    ) -> AbstractAsyncContextManager[Machine]:
        def listen(event: Event) -> None:
            if isinstance(event, MarkReached):
                by_itself.hear(event.name, event.detail)
            elif isinstance(event, Notice):
                self._observe(event)

        return client.started(self._home, self._spec, Recorder(), listen, again=again)

    def _begin(self, probe: Probe) -> None:
        self._observe(Progress(step=probe.name))


async def _resolvable() -> str:
    """Return a name that this host resolves; empty where it resolves none."""
    loop = asyncio.get_running_loop()
    try:
        await asyncio.wait_for(loop.getaddrinfo(_RESOLVABLE, None), _RESOLVING_S)
    except (socket.gaierror, TimeoutError):
        return ""
    return _RESOLVABLE
