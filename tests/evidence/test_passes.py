"""The two passes: how the second differs, and what becomes of what both told; boots are fakes."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from bootwright import __version__
from bootwright.events import Observer
from bootwright.evidence import passes
from bootwright.evidence.passes import INSTRUMENTED, take
from bootwright.evidence.unattended import Collected
from bootwright.home import Home
from bootwright.machines.spec import MachineSpec, Watch
from bootwright.recipes.recipe import Recipe
from bootwright.timelines.evidence import Evidence, MarkSeen, Pass
from bootwright.timelines.recorder import Mark, Recorder
from tests.machines.samples import RECIPE, SPEC
from tests.observed import Observed


@pytest.mark.parametrize(
    ("cmdline", "instrumented"),
    [
        ((), INSTRUMENTED),
        (("quiet",), ("quiet", *INSTRUMENTED)),
        (("initcall_debug", "quiet"), ("initcall_debug", "quiet", "log_buf_len=1M", "nokaslr")),
        ((*INSTRUMENTED, "quiet"), (*INSTRUMENTED, "quiet")),
        # The kernel takes the last of several.
        (("log_buf_len=64K",), ("log_buf_len=64K", *INSTRUMENTED)),
    ],
)
def test_instrumented_adds_initcall_debug_once(
    cmdline: tuple[str, ...], instrumented: tuple[str, ...]
) -> None:
    recipe = replace(RECIPE, cmdline=cmdline)
    watched = passes._instrumented(recipe)
    assert watched == replace(recipe, cmdline=instrumented)
    assert passes._instrumented(watched) == watched


class Boots:
    """Stands for both ways of booting; remembers with what they were called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.witnessed: list[MachineSpec] = []
        self.collected: list[tuple[Recipe, str]] = []
        monkeypatch.setattr(passes, "record_boot", self._witness)
        monkeypatch.setattr(passes, "collect", self._collect)
        monkeypatch.setattr(passes, "with_collector", lambda home, recipe, logs: recipe)

    async def _witness(
        self, home: Home, spec: MachineSpec, recorder: Recorder, **rest: object
    ) -> Pass:
        self.witnessed.append(spec)
        recorder.mark("initramfs.start", 5)
        return Pass(
            kernel_log=f"pass {len(self.witnessed)}",
            marks=tuple(MarkSeen(mark.name, mark.time_ns) for mark in recorder.marks()),
        )

    async def _collect(
        self,
        home: Home,
        recipe: Recipe,
        *,
        name: str,
        timeout_s: float,
        recorder: Recorder,
        watch: Watch | None,
        observe: Observer,
    ) -> Collected:
        self.collected.append((recipe, name))
        logs = {
            "asked": b"=== monotonic\nnow at 5 nsecs\n=== units\nId=a\n\xff",
            "kernel": b"6,1,0,-;Linux\n",
        }
        return Collected(marks=(Mark(name="initramfs.start", time_ns=7),), logs=logs)


async def test_take_on_the_wall_clock_samples_the_second_pass(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    boots, recorder, observed = Boots(monkeypatch), Recorder(), Observed()
    recorder.mark("command.entered", 1)
    evidence = await take(home, SPEC, recorder, timeout_s=1, observe=observed)
    clean, watched = boots.witnessed
    assert clean == SPEC
    assert watched == replace(
        SPEC,
        watch="samples",
        recipe=replace(RECIPE, cmdline=("quiet", "initcall_debug", "log_buf_len=1M", "nokaslr")),
    )
    assert evidence.clean.kernel_log == "pass 1"
    assert evidence.instrumented is not None
    assert evidence.instrumented.kernel_log == "pass 2"
    # What the command did before is the clean pass's alone.
    assert [mark.name for mark in evidence.clean.marks] == ["command.entered", "initramfs.start"]
    assert [mark.name for mark in evidence.instrumented.marks] == ["initramfs.start"]
    assert (evidence.clock, evidence.bootwright) == ("wall", __version__)
    assert observed.steps == ["booting again, with the kernel logging its initcalls"]


async def test_take_returns_evidence_of_the_clean_recipe(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    Boots(monkeypatch)
    evidence = await take(home, SPEC, Recorder(), timeout_s=1)
    assert msgspec.convert(evidence.recipe, Recipe) == RECIPE
    assert msgspec.json.decode(msgspec.json.encode(evidence), type=Evidence) == evidence


async def test_take_on_the_virtual_clock_collects_from_the_guest(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    boots = Boots(monkeypatch)
    recipe = replace(RECIPE, clock="virtual", disk="pmem", network="none", random_seed=1, vcpus=1)
    evidence = await take(home, replace(SPEC, recipe=recipe), Recorder(), timeout_s=1)
    assert boots.witnessed == []
    assert [(booted.cmdline, name) for booted, name in boots.collected] == [
        (("quiet",), "web"),
        (("quiet", *INSTRUMENTED), "web"),
    ]
    assert evidence.clock == "virtual"
    assert evidence.clean == evidence.instrumented
    assert evidence.clean == Pass(
        marks=(MarkSeen("initramfs.start", 7),),
        kernel_log="6,1,0,-;Linux\n",
        monotonic="now at 5 nsecs\n",
        units="Id=a\n\ufffd",
    )
