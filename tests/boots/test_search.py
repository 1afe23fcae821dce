"""The search for real: planted units of which a probe needs some, arguments of which one gains."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from random import Random

import pytest

from bootwright.search.search import Search
from bootwright.search.trials import Stage, TrialOutcome
from tests.boots.broken_guests import changed_image
from tests.boots.harness import Bootwright

pytestmark = pytest.mark.boot

_UNITS = "/etc/systemd/system"


def _service(command: str) -> str:
    """One that runs *command* and counts as active from then on."""
    return (
        "[Unit]\nDescription=Planted\n[Service]\nType=oneshot\nRemainAfterExit=yes\n"
        f"ExecStart=/bin/sh -c '{command}'\n"
    )


def _planted(names: list[str]) -> dict[str, str | None]:
    """Return the files that plant units of these names: two write what the probe looks for, the
    third is called over a pipe and by nothing else, the rest does nothing of use."""
    first, second, third, *useless = names
    files: dict[str, str | None] = {
        f"{_UNITS}/{first}.service": _service(f"echo ready >/run/{first}"),
        f"{_UNITS}/{second}.service": _service(f"mkdir -p /run/{second}"),
        f"{_UNITS}/caller-{third}.socket": (
            f"[Socket]\nListenFIFO=/run/{third}.pipe\nService={third}.service\n"
        ),
        f"{_UNITS}/{third}.service": (
            "[Service]\nStandardInput=socket\n"
            f"ExecStart=/bin/sh -c 'read word; echo $word >/run/{third}.answer'\n"
        ),
    }
    files |= {f"{_UNITS}/{name}.service": _service("sleep 0.01") for name in useless}
    wanted = " ".join(f"{name}.service" for name in names if name != third)
    files[f"{_UNITS}/multi-user.target"] = (
        "[Unit]\nDescription=Multi-User System\nRequires=basic.target\nAfter=basic.target\n"
        f"Conflicts=rescue.service rescue.target\nWants={wanted} caller-{third}.socket\n"
        "AllowIsolate=yes\n"
    )
    return files


def _probe(names: list[str]) -> str:
    first, second, third, *_ = names
    answered = f"until grep -qs hello /run/{third}.answer; do sleep 0.2; done"
    return (
        "systemctl is-system-running --wait >/dev/null; "
        f"test -s /run/{first} && test -d /run/{second} && echo hello >/run/{third}.pipe && "
        f"timeout 20 sh -c '{answered}'"
    )


@pytest.mark.acceptance
async def test_search_removes_nine_of_twelve_planted_units(
    bootwright: Bootwright, bookworm: str, tmp_path: Path
) -> None:
    random = Random()
    names = [f"{random.choice('bcdfg')}{random.randrange(16**6):06x}" for _ in range(12)]
    needed = {f"{name}.service" for name in names[:3]}
    units = [f"{name}.service" for name in names]
    random.shuffle(units)
    probe = _probe(names)
    journal = tmp_path / "search.jsonl"

    async def boot(applied: frozenset[str], stage: Stage) -> TrialOutcome:
        masks = " ".join(f"systemd.mask={unit}" for unit in sorted(applied))
        options = ("--append", masks) if applied else ()
        done = await asyncio.to_thread(bootwright, "run", image, *options, "--", probe)
        assert done.returncode != 125, done.stderr
        return TrialOutcome(passed=done.returncode == 0, detail=done.stderr[-200:])

    with changed_image(bootwright, bookworm, "planted", tmp_path, _planted(names)) as image:
        search = Search([units], boot, journal=journal)
        found = await search.run()
    assert found.ending == "1-minimal"
    assert set(found.left) == needed
    assert set(found.applied) == set(units) - needed
    rows = [json.loads(line) for line in journal.read_text().splitlines() if line]
    assert len(rows) == 1 + found.boots <= 25


async def test_search_fastest_keeps_the_one_argument_that_gains(
    bootwright: Bootwright, kernel: str
) -> None:
    """Without its crypto self-tests Debian's kernel starts in a third of the time."""

    async def boot(applied: frozenset[str], stage: Stage) -> TrialOutcome:
        arguments = ("--append", " ".join(sorted(applied))) if applied else ()
        done = await asyncio.to_thread(
            *(bootwright, "run", "--tiny", "--kernel", kernel, "--clock", "virtual", *arguments),
            *("--without", "cryptomgr.notests"),
            *("--", "cat /proc/uptime; ! grep -q breaks /proc/cmdline"),
        )
        assert done.returncode != 125, done.stderr
        uptime_ns = round(float(done.stdout.split()[0]) * 1e9)
        return TrialOutcome(passed=done.returncode == 0, samples_ns=(uptime_ns,))

    arguments = ["noresume", "cryptomgr.notests", "breaks.all=1", "raid=noautodetect"]
    found = await Search([arguments], boot, goal="fastest").run()
    assert (found.ending, found.applied) == ("1-minimal", ("cryptomgr.notests",))
    assert found.baseline is not None
    assert found.outcome is not None
    assert found.outcome.samples_ns[0] < found.baseline.samples_ns[0] - 500_000_000
    assert found.boots <= 20
