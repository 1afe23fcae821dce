"""The table of probes."""

from __future__ import annotations

import subprocess
from importlib.resources import files

import pytest

from bootwright.errors import InputError
from bootwright.probes.probe import Probe
from bootwright.probes.table import PROBES


def test_probes_have_unique_names_and_parse_in_any_shell() -> None:
    assert len({probe.name for probe in PROBES}) == len(PROBES)
    for probe in PROBES:
        assert probe.summary
        assert (probe.script == "") == (probe.side == "host"), probe.name
        subprocess.run(["sh", "-n"], input=probe.script, text=True, check=True)


def test_probe_scripts_are_all_in_the_table() -> None:
    folder = files("bootwright.probes").joinpath("scripts")
    scripts = {path.name.removesuffix(".sh") for path in folder.iterdir()}
    assert scripts == {p.name for p in PROBES if p.side != "host"} | {"prelude"}


@pytest.mark.parametrize("limit_s", [0, -1, 3601])
def test_probe_refuses_a_limit_out_of_range(limit_s: int) -> None:
    with pytest.raises(
        InputError, match=f"invalid limit_s of probe 'x': {limit_s}: it must be 1 to"
    ):
        Probe(name="x", summary="", side="guest", limit_s=limit_s)


@pytest.mark.parametrize(
    ("said", "behind_s", "why"),
    [
        ("Tue\n1000", 3, ""),
        ("Tue\n1000", -3, ""),
        ("Tue\n1000", 60, "its clock is 60 s behind the host's"),
        ("Tue\n1000", -60, "its clock is 60 s ahead of the host's"),
        ("date: broken", 0, "unexpected output of date: 'date: broken'"),
    ],
)
def test_probe_clock(said: str, behind_s: int, why: str) -> None:
    [clock] = [probe for probe in PROBES if probe.name == "clock"]
    assert clock.judge(said, "web", 1000 + behind_s) == why


def test_probe_host_name() -> None:
    [probe] = [probe for probe in PROBES if probe.name == "hostname"]
    assert probe.judge("web", "web", 0) == ""
    assert probe.judge("db", "web", 0) == "its host name is db, not web"


@pytest.mark.parametrize(
    ("nested", "status", "text"),
    [
        ("", 77, "the recipe has no virtualization (--nested)"),
        ("1", 1, "there is no /dev/none"),
    ],
)
def test_probe_virtualization(nested: str, status: int, text: str) -> None:
    [probe] = [probe for probe in PROBES if probe.name == "virtualization"]
    prelude = files("bootwright.probes").joinpath("scripts", "prelude.sh").read_text()
    script = f"nested={nested}\n{prelude}\n{probe.script}".replace("/dev/kvm", "/dev/none")
    done = subprocess.run(["sh", "-uc", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (status, text)
