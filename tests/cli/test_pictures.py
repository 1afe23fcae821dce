"""Boots of the history shown again, set beside each other, and written to files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from bootwright.history.remember import remember
from bootwright.home import Home
from bootwright.timelines.evidence import Evidence
from tests.machines.samples import RECIPE
from tests.timelines import evidences

Cli = Callable[..., Any]


def _stored(home: Home, evidence: Evidence) -> int:
    own = RECIPE
    if evidence.clock == "virtual":
        own = replace(
            RECIPE, clock="virtual", network="none", disk="pmem", random_seed=1, disk_bytes=2 << 20
        )
    recipe = msgspec.to_builtins(own)
    whole = msgspec.structs.replace(evidence, recipe=recipe)
    found = remember(home, whole, command="timeline", image="web", kernel="debian")
    assert found is not None
    return found


def test_timeline_boot_shows_a_stored_boot(bootwright: Cli, home: Home) -> None:
    boot = _stored(home, evidences.whole())
    done = bootwright("timeline", "--boot", str(boot), "--json")
    assert (done.status, done.err) == (0, "")
    told = json.loads(done.out)
    assert told["clock"] == "wall"
    assert "unit.ssh.service" in {span["id"] for span in told["spans"]}


def test_timeline_boot_writes_and_names_its_output_files(
    bootwright: Cli, home: Home, tmp_path: Path
) -> None:
    boot = _stored(home, evidences.whole())
    files = {key: tmp_path / f"boot.{key}" for key in ("svg", "perfetto", "folded", "html")}
    options = [word for key, path in files.items() for word in (f"--{key}", str(path))]
    done = bootwright("timeline", "--boot", str(boot), *options)
    assert done.status == 0, done.err
    for path in files.values():
        assert f"{path}: written (" in done.err
    title = ElementTree.parse(files["svg"]).getroot().find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert "web, boot 1" in str(title.text)
    assert b"unit" in files["perfetto"].read_bytes() or files["perfetto"].stat().st_size > 10_000
    assert files["folded"].read_text().startswith("boot;")
    page = files["html"].read_text()
    assert f"web, boot {boot}" in page
    assert {"date", "host", "kernel", "boots", "machine"} <= set(re.findall("<dt>(.*?)</dt>", page))
    assert "None" not in re.findall("<dd>(.*?)</dd>", page)


def test_timeline_folded_of_a_boot_without_samples_writes_nothing(
    bootwright: Cli, home: Home, tmp_path: Path
) -> None:
    unwatched = msgspec.structs.replace(evidences.whole(), instrumented=None)
    boot = _stored(home, unwatched)
    target = tmp_path / "stacks"
    done = bootwright("timeline", "--boot", str(boot), "--folded", str(target))
    assert done.status == 0
    assert f"{target} was not written: nobody looked where this boot's vCPU was" in done.err
    assert not target.exists()


def test_timeline_diff_of_two_stored_boots(bootwright: Cli, home: Home, tmp_path: Path) -> None:
    first = _stored(home, evidences.whole())
    second = _stored(home, msgspec.structs.replace(evidences.whole(), clean=evidences.tini()))
    page = tmp_path / "diff.html"
    done = bootwright("timeline", "diff", str(first), str(second), "--html", str(page))
    assert done.status == 0, done.err
    assert f"{page}: written" in done.err
    assert "ssh.service" in done.out
    shown = page.read_text()
    assert "web, boot 1" in shown
    assert {"date", "host", "kernel", "boots"} <= set(re.findall("<dt>(.*?)</dt>", shown))
    told = json.loads(bootwright("timeline", "diff", str(first), str(second), "--json").out)
    assert {"unit.ssh.service"} <= {c["id"] for c in told["changes"] if c["what"] == "vanished"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("timeline", "--boot", "7"), "7"),
        (("timeline", "diff", "7", "8"), "7"),
        (("timeline", "diff", "7"), "bootwright timeline diff: missing B"),
        (("timeline", "--boot", "x"), "--boot is 'x', but must be a whole number"),
        (("timeline", "web", "--boot", "7"), "there are --boot and image 'web'"),
        (("timeline", "web", "--html", "/nowhere/x.html"), "there is no folder /nowhere"),
        (("timeline", "web", "--svg", "/"), "cannot write /: it is a folder"),
    ],
)
def test_timeline_boot_and_diff_refuse_wrong_usage(
    bootwright: Cli, arguments: tuple[str, ...], said: str
) -> None:
    done = bootwright(*arguments)
    assert (done.status, done.out) == (2, "")
    assert said in done.err


def test_timeline_diff_refuses_different_clocks(bootwright: Cli, home: Home) -> None:
    wall, virtual = _stored(home, evidences.whole()), _stored(home, evidences.virtual())
    done = bootwright("timeline", "diff", str(wall), str(virtual))
    assert (done.status, done.out) == (2, "")
    assert "wall" in done.err
    assert "virtual" in done.err
