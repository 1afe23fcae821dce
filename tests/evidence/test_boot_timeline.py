"""The timeline of a boot, as a value; the boots themselves are in tests/boots."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bootwright.booting.preparing import Prepared
from bootwright.errors import GuestError, InputError
from bootwright.events import Notice, Observer
from bootwright.evidence import boot_timeline, passes
from bootwright.evidence.analysis import stored
from bootwright.history.history import History
from bootwright.home import Home
from bootwright.images.image import Image
from bootwright.kernels.kernel import Kernel
from bootwright.machines.events import MarkReached
from bootwright.machines.spec import MachineSpec
from bootwright.recipes.draft import Draft
from bootwright.timelines.evidence import Evidence
from bootwright.timelines.phases import START
from bootwright.timelines.recorder import Mark, Recorder
from tests.observed import Observed
from tests.timelines import evidences


@pytest.fixture
def boots(
    add_kernel: Callable[..., Kernel],
    add_image: Callable[..., Image],
    monkeypatch: pytest.MonkeyPatch,
) -> list[tuple[MachineSpec, float, bool]]:
    """Let passes take what was taken once, and return what they were asked for."""
    asked: list[tuple[MachineSpec, float, bool]] = []
    add_kernel(modules={f"{n}.ko": b"" for n in ("virtio_pci", "virtio_blk", "virtio_net", "ext4")})
    add_image()

    async def take(
        home: Home,
        spec: MachineSpec,
        recorder: Recorder,
        *,
        timeout_s: float,
        sample: bool,
        on_first: Callable[[Evidence], None],
        observe: Observer,
    ) -> Evidence:
        asked.append((spec, timeout_s, sample))
        recorder.mark("vmm.exec")
        recipe = msgspec.to_builtins(spec.recipe)
        return msgspec.structs.replace(evidences.whole(), recipe=recipe)

    monkeypatch.setattr(passes, "take", take)
    return asked


async def test_timeline_is_kept_and_returned_with_its_evidence(
    home: Home, boots: list[tuple[MachineSpec, float, bool]]
) -> None:
    draft = Draft(image="web", accelerator="tcg")
    found = await boot_timeline.timeline(home, draft)
    [(spec, timeout_s, sample)] = boots
    assert (timeout_s, sample) == (300, False)
    assert found.evidence is not None
    assert found.evidence.recipe["image"] == spec.recipe.image
    assert found.timeline.clock == "wall"
    assert found.title == "web"
    assert found.facts["init"] == "systemd"
    assert found.boot_id is not None
    again = stored(home, found.boot_id)
    assert again.timeline == found.timeline
    [row] = History(home.history).find()
    assert (row.command, row.image, row.kernel) == ("timeline", "web", "debian")


async def test_timeline_reports_the_machine_and_the_marks_of_its_boot(
    home: Home, boots: list[tuple[MachineSpec, float, bool]]
) -> None:
    observed = Observed()
    earlier = (Mark(name=START, time_ns=5), Mark(name="command.begun", time_ns=7))
    await boot_timeline.timeline(
        home,
        Draft(image="web", accelerator="tcg"),
        timeout_s=9,
        sample=True,
        earlier=earlier,
        observe=observed,
    )
    assert boots[0][1:] == (9, True)
    marks = [event for event in observed.events if isinstance(event, MarkReached)]
    assert [(mark.name, mark.time_ns) for mark in marks[:2]] == [(START, 5), ("command.begun", 7)]
    assert [mark.name for mark in marks[2:]] == ["vmm.exec"]
    assert [e.spec for e in observed.events if isinstance(e, Prepared)] == [boots[0][0]]


async def test_timeline_begins_now_where_nothing_came_before(
    home: Home, boots: list[tuple[MachineSpec, float, bool]]
) -> None:
    observed = Observed()
    await boot_timeline.timeline(home, Draft(image="web", accelerator="tcg"), observe=observed)
    first = observed.events[0]
    assert isinstance(first, MarkReached)
    assert first.name == START


@pytest.mark.parametrize("draft", [Draft(), Draft(image="web", init="bare")])
async def test_timeline_refuses_a_guest_without_log_in(home: Home, draft: Draft) -> None:
    with pytest.raises(InputError, match="this guest allows none"):
        await boot_timeline.timeline(home, draft)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), GuestError("it died"), CancelledError()])
async def test_timeline_keeps_its_first_boot_where_the_second_does_not_end(
    error: BaseException,
    home: Home,
    boots: list[tuple[MachineSpec, float, bool]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = passes.take

    async def take(*args: Any, on_first: Callable[[Evidence], None], **options: Any) -> Evidence:
        evidence = await whole(*args, on_first=on_first, **options)
        on_first(msgspec.structs.replace(evidence, instrumented=None))
        raise error

    monkeypatch.setattr(passes, "take", take)
    observed = Observed()
    with pytest.raises(type(error)):
        await boot_timeline.timeline(home, Draft(image="web", accelerator="tcg"), observe=observed)
    [row] = History(home.history).find()
    assert (row.command, row.image) == ("timeline", "web")
    assert stored(home, row.id).facts["boots"] == "n = 1"
    assert observed.events[-1] == Notice(
        text=f"the first boot is kept as boot {row.id}: bootwright timeline --boot {row.id}"
    )


async def test_timeline_interrupted_in_its_first_boot_keeps_nothing(
    home: Home, boots: list[tuple[MachineSpec, float, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def take(*args: Any, **options: Any) -> Evidence:
        raise GuestError("it died")

    monkeypatch.setattr(passes, "take", take)
    with pytest.raises(GuestError):
        await boot_timeline.timeline(home, Draft(image="web", accelerator="tcg"))
    assert History(home.history).find() == []
