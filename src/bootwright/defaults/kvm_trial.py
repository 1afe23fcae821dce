"""Does KVM really run an ordinary guest here? One tiny guest with a deadline tells.

The answer is remembered for as long as the host stays up and the VMM's build stays the same.
That a kernel ran speaks for the host; that one did not speaks only for that kernel.
"""

from __future__ import annotations

import os
from dataclasses import field, replace
from pathlib import Path

import msgspec

from bootwright.errors import BootwrightError
from bootwright.events import Notice, Observer
from bootwright.home import Home
from bootwright.host import kvm, tools
from bootwright.host.clock import boot_id
from bootwright.machines.spec import MachineSpec
from bootwright.recipes.recipe import Accelerator, Recipe
from bootwright.timelines.recorder import Recorder
from bootwright.values import dataclass
from bootwright.vmms.protocol import Vmm

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
    kvm_runs: bool = False
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
    reason = await _try(home, recipe, deadline_s)
    results = _current(home, recipe)
    if reason:
        results = replace(results, fails_with={**results.fails_with, recipe.kernel: reason})
    else:
        results = replace(results, kvm_runs=True)
    _remember(home, results)
    if reason:
        return Choice(accelerator="tcg", reason=reason)
    return Choice(accelerator="kvm", reason="a guest ran with it")


def _current(home: Home, recipe: Recipe) -> TrialResults:
    """Return the results of trials that still hold: for this boot of the host and this VMM."""
    results = recall(home)
    if (results.boot_id, results.vmm_build) == (boot_id(), recipe.vmm_build):
        return results
    return TrialResults(boot_id=boot_id(), vmm_build=recipe.vmm_build)


async def _try(home: Home, recipe: Recipe, deadline_s: float) -> str:
    """Boot a tiny guest; return why it did not run, or nothing."""
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
        return f"a tiny guest did not get through in {deadline_s:g} s"
    except BootwrightError as error:
        return _first_line(error.evidence) or str(error)
    return ""


def _first_line(output: str) -> str:
    """Return what a VMM complained of first, without its own name."""
    first = output.strip().partition("\n")[0].removeprefix("qemu-system-x86_64: ")
    return f"a trial guest ended: {first}" if first else ""


def remembered_build(home: Home, vmm: Vmm) -> str:
    """Return the VMM's version text, asked for again only when its program has changed."""
    [program] = tools.require(vmm.program)
    status = program.stat()
    key = f"{program} {status.st_mtime_ns} {status.st_size}"
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


def recall(home: Home) -> TrialResults:
    """Return what trials have found out here so far; it may be of an earlier boot of the host."""
    try:
        return msgspec.json.decode(_path(home).read_bytes(), type=TrialResults)
    except (OSError, ValueError):
        return TrialResults()  # a cache: what cannot be read is found out again


def _remember(home: Home, memory: TrialResults) -> None:
    home.cache.mkdir(parents=True, exist_ok=True)
    staged = _path(home).with_suffix(".new")
    staged.write_bytes(msgspec.json.encode(memory))
    staged.rename(_path(home))


def _path(home: Home) -> Path:
    return home.cache / "kvm-trial.json"
