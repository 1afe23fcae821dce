"""Does KVM really run an ordinary guest here? One tiny guest with a deadline tells.

The answer is remembered for as long as the host stays up, and its VMM's program and its KVM stay
the same. That a kernel ran, or that the VMM could not use KVM, speaks for the host; that a guest
did not get through speaks only for its kernel.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import field, replace
from pathlib import Path

import msgspec

from bootwright.errors import BootwrightError, VmmError
from bootwright.events import Notice, Observer
from bootwright.home import Home
from bootwright.host import kvm, tools
from bootwright.host.clock import boot_id
from bootwright.machines.spec import MachineSpec
from bootwright.recipes.recipe import Accelerator, Recipe
from bootwright.timelines.recorder import Recorder
from bootwright.values import dataclass
from bootwright.vmms.protocol import Vmm
from bootwright.vmms.table import VMMS

_DAY_S = 86400
_SHORT = 30
"""A reason of so many characters is always printed: it is as short as its summary."""
DEADLINE_S = 10.0
"""With a working KVM the tiny guest takes about a second."""
EMULATED_DEADLINE_S = 150.0
"""Where the host is a guest of TCG. Measured there: 10 s on an idle host, 60 s on a busy one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An accelerator, and why it was taken or why the better one was not; and why the disk."""

    accelerator: Accelerator
    reason: str
    disk_reason: str = ""
    """Empty where there is none."""

    def __str__(self) -> str:
        if self.accelerator == "kvm":
            return f"KVM ({self.reason})"
        return f"TCG (not KVM: {self.reason})"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResults:
    """What was found out, and under which circumstances it holds."""

    boot_id: str = ""
    vmm_build: str = ""
    program: str = ""
    """The VMM's program: its path, when it was changed, and its size."""
    kvm: str = ""
    """See `host.kvm.identity`."""
    kvm_runs: bool = False
    refused: str = ""
    """Why the VMM cannot use KVM, whatever the kernel; empty if no trial ended so."""
    fails_with: dict[str, str] = field(default_factory=dict)
    """``{kernel digest: why}``"""


def known(home: Home, recipe: Recipe) -> Choice | None:
    """Return which accelerator runs *recipe*, which asks for KVM; None: a trial has to tell."""
    reason = kvm.unusable_because()
    if reason:
        return Choice(accelerator="tcg", reason=reason)
    results = _current(home, recipe)
    if results.kvm_runs:
        return Choice(accelerator="kvm", reason="a guest ran with it")
    if results.refused:
        return Choice(accelerator="tcg", reason=results.refused)
    if recipe.kernel in results.fails_with:
        return Choice(accelerator="tcg", reason=results.fails_with[recipe.kernel])
    return None


async def choose(home: Home, recipe: Recipe, observe: Observer) -> Choice:
    """Choose the accelerator for *recipe*, which asks for KVM.

    Args:
        observe: Given a `Notice` when a trial begins: it takes up to `DEADLINE_S` seconds, once;
            on an emulated CPU up to `EMULATED_DEADLINE_S`.
    """
    if choice := known(home, recipe):
        return choice
    deadline_s = EMULATED_DEADLINE_S if kvm.is_cpu_emulated() else DEADLINE_S
    observe(Notice(text=f"trying once whether KVM runs a guest here (up to {deadline_s:g} s)"))
    reason, is_hosts = await _try(home, recipe, deadline_s)
    results = _current(home, recipe)
    if reason and is_hosts:
        results = replace(results, refused=reason)
    elif reason:
        results = replace(results, fails_with={**results.fails_with, recipe.kernel: reason})
    else:
        results = replace(results, kvm_runs=True)
    _remember(home, results)
    if reason:
        return Choice(accelerator="tcg", reason=reason)
    return Choice(accelerator="kvm", reason="a guest ran with it")


def _current(home: Home, recipe: Recipe) -> TrialResults:
    """Return the results of trials that still hold here; see `circumstances`."""
    results, now = recall(home), circumstances(VMMS[recipe.vmm], recipe.vmm_build)
    return results if holds(results, now) else now


def circumstances(vmm: Vmm, build: str) -> TrialResults:
    """Return results of no trial, valid for this boot of the host, its KVM and this VMM."""
    return TrialResults(
        boot_id=boot_id(), vmm_build=build, program=_program(vmm), kvm=kvm.identity()
    )


def holds(results: TrialResults, now: TrialResults) -> bool:
    """Say whether *results* were found out in the `circumstances` that hold *now*."""
    empty = TrialResults()
    forgotten = replace(
        results, kvm_runs=empty.kvm_runs, refused=empty.refused, fails_with=empty.fails_with
    )
    return forgotten == now


async def _try(home: Home, recipe: Recipe, deadline_s: float) -> tuple[str, bool]:
    """Boot a tiny guest; return why it did not run, or nothing, and whether no kernel would."""
    # Imported here: a trial is rare.
    import asyncio

    from bootwright.machines import client

    tiny = replace(
        recipe,
        image=None,
        init="none",
        disk="none",
        disk_bytes=0,
        network="none",
        memory_mib=256,
        vcpus=1,
        machine_type="q35",
        nested=False,
    )
    # A machine like any other, so that an interrupt or a kill leaves nothing of it.
    spec = MachineSpec(
        name=f"kvm-trial-{os.urandom(4).hex()}", recipe=tiny, command=("true",), kept=False
    )
    try:
        async with asyncio.timeout(deadline_s):
            async with client.started(home, spec, Recorder()) as machine:
                await machine.finished()
    except TimeoutError:
        return f"a tiny guest did not get through in {deadline_s:g} s", False
    except BootwrightError as error:
        return _first_line(error.evidence) or str(error), isinstance(error, VmmError)
    return "", False


def _first_line(output: str) -> str:
    """Return what a VMM complained of first, without its own name."""
    first = output.strip().partition("\n")[0].removeprefix("qemu-system-x86_64: ")
    return f"a trial guest ended: {first}" if first else ""


def remembered_build(home: Home, vmm: Vmm) -> str:
    """Return the VMM's version text, asked for again only when its program has changed."""
    key = _program(vmm)
    path = home.cache / f"{vmm.name}-build"
    try:
        known_key, _, build = path.read_text().partition("\n")
        if known_key == key:
            return build
    except FileNotFoundError:
        pass
    build = vmm.build()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{key}\n{build}")
    return build


def _program(vmm: Vmm) -> str:
    """Return what tells the VMM's program from another, or from itself before an upgrade."""
    [program] = tools.require(vmm.program)
    status = program.stat()
    return f"{program} {status.st_mtime_ns} {status.st_size}"


def summary(home: Home, choice: Choice) -> str:
    """Return the accelerator and why, for people: the same reason in full once a day only."""
    if choice.accelerator == "kvm" or len(choice.reason) <= _SHORT:
        return str(choice)
    path = home.cache / "accelerator-reason"
    try:
        is_known = path.read_text() == choice.reason
        if is_known and 0 <= time.time() - path.stat().st_mtime < _DAY_S:
            return "TCG (no usable KVM)"
    except (OSError, ValueError):
        pass  # not written yet
    with suppress(OSError):  # it is a convenience: a boot does not fail for it
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(choice.reason)
    return f"{choice}; bootwright doctor says more"


def recall(home: Home) -> TrialResults:
    """Return what trials have found out here so far; it may be of an earlier boot of the host."""
    try:
        return msgspec.json.decode(trial_file(home).read_bytes(), type=TrialResults)
    except (OSError, ValueError):
        return TrialResults()  # a cache: what cannot be read is found out again


def _remember(home: Home, memory: TrialResults) -> None:
    home.cache.mkdir(parents=True, exist_ok=True)
    staged = trial_file(home).with_suffix(f".{os.urandom(4).hex()}")  # two commands may end a trial
    staged.write_bytes(msgspec.json.encode(memory))
    staged.rename(trial_file(home))


def trial_file(home: Home) -> Path:
    """Return the file that remembers trials; without it, KVM is tried again."""
    return home.cache / "kvm-trial.json"
