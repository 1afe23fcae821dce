"""Whether KVM runs a guest: tried once, remembered for as long as it holds. QEMU is a fake."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bootwright.defaults import kvm_trial
from bootwright.events import Event, Notice, Observer, ignore
from bootwright.home import Home
from bootwright.kernels.kernel import Kernel
from bootwright.recipes.recipe import Recipe
from bootwright.vmms.qemu import Qemu
from tests.machines.fakes import program
from tests.machines.samples import entries
from tests.vmms.fakes import FakeQemu

REFUSAL = "a trial guest ended: failed to initialize kvm: Invalid argument"


pytestmark = pytest.mark.usefixtures("no_process_left")


class Refusing:
    """A qemu-system-x86_64 on PATH that counts its runs and, at first, cannot use KVM."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "bin"
        self._runs = folder / "runs"
        self.does(
            "echo 'qemu-system-x86_64: failed to initialize kvm: Invalid argument' >&2\n"
            "echo 'qemu-system-x86_64: something else' >&2\n"
            "exit 1"
        )

    def does(self, script: str) -> None:
        program(self._folder, "qemu-system-x86_64", f'echo "$*" >>{self._runs}\n{script}')

    def runs(self) -> list[str]:
        return self._runs.read_text().splitlines() if self._runs.exists() else []


@pytest.fixture
def qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Refusing:
    monkeypatch.setattr("bootwright.host.kvm.unusable_because", lambda: "")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    return Refusing(tmp_path)


@pytest.fixture
def recipe(add_kernel: Callable[..., Kernel]) -> Recipe:
    return Recipe(
        kernel=add_kernel().digest,
        image=None,
        init="none",
        cmdline=("quiet",),
        vmm="qemu",
        vmm_build="7.2.0",
        accelerator="kvm",
        machine_type="microvm",
        cpu="host",
        memory_mib=4096,
        vcpus=8,
        disk="none",
        disk_bytes=0,
        network="none",
    )


def remember(home: Home, **facts: Any) -> Path:
    path = kvm_trial.trial_file(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(replace(circumstances(), **facts)))
    return path


def circumstances() -> kvm_trial.TrialResults:
    return kvm_trial.circumstances(Qemu(), "7.2.0")


def choose(home: Home, recipe: Recipe, observe: Observer = ignore) -> kvm_trial.Choice:
    return asyncio.run(kvm_trial.choose(home, recipe, observe))


def test_trial_choose_tries_nothing_without_kvm(
    home: Home, recipe: Recipe, qemu: Refusing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bootwright.host.kvm.unusable_because", lambda: "there is no /dev/kvm")
    choice = choose(home, recipe, lambda _: pytest.fail("a trial began"))
    assert str(choice) == "TCG (not KVM: there is no /dev/kvm)"
    assert qemu.runs() == []
    assert not (home.cache / "kvm-trial.json").exists()


def test_trial_choose_gives_qemus_first_line_as_reason(
    home: Home, recipe: Recipe, qemu: Refusing
) -> None:
    events: list[Event] = []
    choice = choose(home, recipe, events.append)
    assert (choice.accelerator, choice.reason) == ("tcg", REFUSAL)
    assert str(choice) == f"TCG (not KVM: {REFUSAL})"
    assert events == [Notice(text="trying once whether KVM runs a guest here (up to 10 s)")]


def test_trial_choose_boots_a_small_guest(home: Home, recipe: Recipe, qemu: Refusing) -> None:
    choose(home, recipe)
    [words] = qemu.runs()
    for expected in ("-M q35 ", "-accel kvm ", "-cpu host ", "-m 256 ", "-smp 1 ", "-S "):
        assert expected in words
    assert "-netdev" not in words
    assert "-blockdev" not in words


def test_trial_choose_leaves_nothing(home: Home, recipe: Recipe, qemu: Refusing) -> None:
    choose(home, recipe)
    assert f"-initrd {home.machines}/kvm-trial-" in qemu.runs()[0]
    assert entries(home) == []
    assert [path.name for path in home.logs.iterdir()] == ["monitors.log"]
    assert (home.logs / "monitors.log").read_text() == ""


_RUNS = """
if command == "cont":
    answer()
    for text in ("initramfs.start", "command.start", "command.end 0"):
        mark(text)
    return None
"""


def test_trial_choose_takes_kvm_when_a_guest_runs(
    home: Home, recipe: Recipe, qemu: Refusing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = FakeQemu(tmp_path, monkeypatch, _RUNS).told
    choice = choose(home, recipe)
    assert str(choice) == "KVM (a guest ran with it)"
    assert told() == ["qmp_capabilities", "cont", "quit"]
    assert entries(home) == []
    assert kvm_trial.recall(home).kvm_runs
    again = choose(home, recipe, lambda _: pytest.fail("a second trial began"))
    assert again == choice


def test_trial_choose_records_a_guest_that_dies_for_its_kernel(
    home: Home, recipe: Recipe, qemu: Refusing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeQemu(
        tmp_path,
        monkeypatch,
        'if command == "cont":\n'
        '    console.sendall(b"Kernel panic - not syncing: no init\\r\\n")\n'
        '    event("SHUTDOWN", guest=True, reason="guest-reset")\n'
        "    answer()\n"
        "    sys.exit(0)",
    )
    choice = choose(home, recipe)
    assert choice.reason == "a trial guest ended: Kernel panic - not syncing: no init"
    assert entries(home) == []
    assert kvm_trial.recall(home).fails_with == {recipe.kernel: choice.reason}


def test_trial_choose_remembers_a_failure(home: Home, recipe: Recipe, qemu: Refusing) -> None:
    first = choose(home, recipe)
    again = choose(home, recipe, lambda _: pytest.fail("a second trial began"))
    assert again == first
    assert len(qemu.runs()) == 1


def test_trial_choose_refusal_of_the_vmm_counts_for_all_kernels(
    home: Home, recipe: Recipe, qemu: Refusing, add_kernel: Callable[..., Kernel]
) -> None:
    choose(home, recipe)
    other = replace(recipe, kernel=add_kernel("other").digest)
    assert choose(home, other, lambda _: pytest.fail("a second trial began")).reason == REFUSAL
    assert len(qemu.runs()) == 1


def test_trial_choose_failure_of_a_guest_counts_for_its_kernel_only(
    home: Home, recipe: Recipe, qemu: Refusing, add_kernel: Callable[..., Kernel]
) -> None:
    remember(home, fails_with={recipe.kernel: "it hung"})
    assert choose(home, recipe).reason == "it hung"
    assert qemu.runs() == []
    other = replace(recipe, kernel=add_kernel("other").digest)
    assert choose(home, other).reason == REFUSAL
    assert len(qemu.runs()) == 1


def test_trial_choose_success_counts_for_all_kernels(
    home: Home, recipe: Recipe, qemu: Refusing, add_kernel: Callable[..., Kernel]
) -> None:
    remember(home, kvm_runs=True)
    for kernel in (recipe.kernel, add_kernel("other").digest):
        choice = choose(home, replace(recipe, kernel=kernel))
        assert str(choice) == "KVM (a guest ran with it)"
    assert qemu.runs() == []


@pytest.mark.parametrize("changed", ["boot_id", "vmm_build", "program", "kvm"])
def test_trial_choose_forgets_when_something_has_changed(
    changed: str, home: Home, recipe: Recipe, qemu: Refusing
) -> None:
    path = remember(home, kvm_runs=True, **{changed: "another"})
    assert choose(home, recipe).reason == REFUSAL
    assert len(qemu.runs()) == 1
    assert path == kvm_trial.trial_file(home)
    assert kvm_trial.recall(home) == replace(circumstances(), refused=REFUSAL)
    assert [entry.name for entry in home.cache.glob("kvm-trial*")] == [path.name]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"kvm_runs": "yes"}'])
def test_trial_choose_ignores_a_damaged_record(
    content: str, home: Home, recipe: Recipe, qemu: Refusing
) -> None:
    remember(home).write_text(content)
    assert choose(home, recipe).reason == REFUSAL
    assert len(qemu.runs()) == 1


def test_trial_choose_has_a_reason_for_a_silent_qemu(
    home: Home, recipe: Recipe, qemu: Refusing
) -> None:
    qemu.does("exit 7")
    choice = choose(home, recipe)
    assert choice.reason == "QEMU did not start (exit status 7)"


def test_trial_choose_gives_up_a_guest_that_hangs(
    home: Home, recipe: Recipe, qemu: Refusing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kvm_trial, "DEADLINE_S", 0.2)
    monkeypatch.setattr("bootwright.host.kvm.is_cpu_emulated", lambda: False)
    qemu.does("exec sleep 60")
    choice = choose(home, recipe)
    assert choice.reason == "a tiny guest did not get through in 0.2 s"
    assert entries(home) == []


def test_trial_choose_waits_longer_on_an_emulated_cpu(
    home: Home, recipe: Recipe, qemu: Refusing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kvm_trial, "DEADLINE_S", 0.0)
    monkeypatch.setattr("bootwright.host.kvm.is_cpu_emulated", lambda: True)
    events: list[Event] = []
    assert choose(home, recipe, events.append).reason == REFUSAL
    assert events == [Notice(text="trying once whether KVM runs a guest here (up to 150 s)")]


def test_remembered_build_asks_again_only_for_a_changed_program(home: Home, qemu: Refusing) -> None:
    qemu.does("echo 'QEMU emulator version 9.1'")
    assert [kvm_trial.remembered_build(home, Qemu()) for _ in range(3)] == ["9.1"] * 3
    assert len(qemu.runs()) == 1
    qemu.does("echo 'QEMU emulator version 9.2 (another)'")
    assert kvm_trial.remembered_build(home, Qemu()) == "9.2 (another)"
    assert len(qemu.runs()) == 2


def test_summary_gives_the_whole_reason_once_a_day(home: Home) -> None:
    choice = kvm_trial.Choice(accelerator="tcg", reason=REFUSAL)
    full, short = f"{choice}; bootwright doctor says more", "TCG (no usable KVM)"
    assert [kvm_trial.summary(home, choice) for _ in range(3)] == [full, short, short]
    other = replace(choice, reason=f"{REFUSAL} for another reason")
    assert kvm_trial.summary(home, other) != short
    assert kvm_trial.summary(home, other) == short
    yesterday = time.time() - 86400
    os.utime(home.cache / "accelerator-reason", (yesterday, yesterday))
    assert kvm_trial.summary(home, other) != short


def test_summary_of_what_was_asked_for_and_of_kvm_is_always_whole(home: Home) -> None:
    asked = kvm_trial.Choice(accelerator="tcg", reason="asked for")
    runs = kvm_trial.Choice(accelerator="kvm", reason="a guest ran with it, as it should")
    for choice in (asked, runs):
        assert [kvm_trial.summary(home, choice) for _ in range(2)] == [str(choice)] * 2
    assert not home.cache.exists()


def test_summary_survives_a_cache_that_cannot_be_written(home: Home) -> None:
    home.cache.parent.mkdir(parents=True)
    home.cache.write_text("a file")
    choice = kvm_trial.Choice(accelerator="tcg", reason=REFUSAL)
    assert kvm_trial.summary(home, choice).startswith(str(choice))
