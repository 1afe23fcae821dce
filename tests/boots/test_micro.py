"""The kernel micro: fast, and still all that a real computer needs.

Bounds are on the virtual clock, where a busy host changes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.boots.harness import Bootwright, home_of, put_into

pytestmark = pytest.mark.boot

_TINY = ("--tiny", "--clock", "virtual", "--memory", "256M", "--machine-type", "microvm")
_MOST_TINY_S = 0.067
"""Half of what Firecracker's config takes at its best, 0.134 s (acceptance holds it to that)."""
_MOST_WHOLE_S = 0.9
_FEWEST_PROBES = 15
"""Of the fewest that an init has: bare runs no units, and nobody logs in."""


def _to_userspace_s(own: Bootwright, kernel: str, *options: str) -> float:
    done = own("run", *_TINY, "--kernel", kernel, *options, "--", "dmesg")
    assert done.returncode == 0, done.stderr
    found = re.search(r"\[ *([0-9.]+)\] bootwright: initramfs\.start", done.stdout)
    assert found, done.stdout
    return float(found[1])


def _failed_probes(own: Bootwright, image: str, kernel: str, *options: str) -> list[str]:
    done = own("probe", image, "--kernel", kernel, *options, "--json", timeout_s=900)
    assert done.stdout, done.stderr
    probes = json.loads(done.stdout)["probes"]
    assert [p["result"] for p in probes].count("pass") >= _FEWEST_PROBES
    failed = [p["name"] for p in probes if p["result"] == "fail"]
    assert done.returncode == (1 if failed else 0)
    return failed


@contextmanager
def _trim(own: Bootwright, image: str, name: str) -> Iterator[str]:
    own("trim", "rm", name)  # of a run that was killed
    assert own("trim", image, "--name", name).returncode == 0
    try:
        yield name
    finally:
        own("trim", "rm", name)


def test_micro_kernel_reaches_userspace_within_its_virtual_budget(
    bootwright: Bootwright, micro: str
) -> None:
    assert _to_userspace_s(bootwright, micro) < _MOST_TINY_S


def test_micro_kernel_boots_a_trimmed_debian_within_its_virtual_budget(
    bootwright: Bootwright, bookworm: str, micro: str
) -> None:
    with _trim(bootwright, bookworm, "for-micro") as trim:
        spans = bootwright.json(
            *("timeline", bookworm, "--kernel", micro, "--trim", trim, "--clock", "virtual")
        )["spans"]
    lengths = {span["id"]: span["end_ns"] - span["start_ns"] for span in spans}
    assert (lengths["kernel"] + lengths["pid1"]) / 1e9 < _MOST_WHOLE_S


def test_micro_kernel_passes_all_probes(bootwright: Bootwright, bookworm: str, micro: str) -> None:
    assert _failed_probes(bootwright, bookworm, micro) == []


@pytest.mark.acceptance
def test_micro_kernel_takes_half_the_virtual_time_of_firecracker_ci(
    bootwright: Bootwright, micro: str
) -> None:
    assert bootwright("kernel", "build", "firecracker-ci", timeout_s=7200).returncode == 0
    own = _to_userspace_s(bootwright, micro)
    assert own < _to_userspace_s(bootwright, "firecracker-ci") / 2
    assert own < _to_userspace_s(bootwright, "firecracker-ci", "--stock") / 10


@pytest.mark.acceptance
@pytest.mark.parametrize("release", ["bookworm", "trixie"])
@pytest.mark.parametrize("init", ["systemd", "systemd-trimmed", "tini", "bare"])
def test_micro_kernel_passes_all_probes_with_each_init(
    bootwright: Bootwright,
    request: pytest.FixtureRequest,
    micro: str,
    release: str,
    init: str,
) -> None:
    image = request.getfixturevalue(release)
    if init == "systemd-trimmed":
        with _trim(bootwright, image, "for-probes") as trim:
            assert _failed_probes(bootwright, image, micro, "--trim", trim) == []
    else:
        assert _failed_probes(bootwright, image, micro, "--init", init) == []


@pytest.mark.acceptance
@pytest.mark.parametrize("disk", ["overlay", "pmem", "copy"])  # by itself, it is qcow2
def test_micro_kernel_passes_all_probes_on_each_kind_of_disk(
    bootwright: Bootwright, bookworm: str, micro: str, disk: str
) -> None:
    assert _failed_probes(bootwright, bookworm, micro, "--disk", disk) == []


@pytest.mark.acceptance
@pytest.mark.root
def test_micro_kernel_passes_all_probes_on_a_reflink_disk(
    on_xfs: Bootwright, bootwright: Bootwright, bookworm: str, micro: str
) -> None:
    put_into(on_xfs, home_of(bootwright), bookworm)
    assert _failed_probes(on_xfs, bookworm, micro, "--disk", "reflink") == []


@pytest.mark.acceptance
def test_kernel_compare_names_what_micro_saves(
    bootwright: Bootwright, kernel: str, micro: str, tmp_path: Path
) -> None:
    page = tmp_path / "kernels.html"
    told = bootwright.json(
        *("kernel", "compare", kernel, micro, "-n", "1", "--memory", "256M", "--html", page),
        *("--without", "noapictimer"),
    )
    a_ns, b_ns = told["kernel"]["a_median_ns"], told["kernel"]["b_median_ns"]
    assert a_ns > b_ns > 0
    assert told["kernel"]["effect_ns"] == b_ns - a_ns
    assert told["tiny"]["clock"] == "virtual"
    reasons = told["reasons"]
    assert "default_bdi_init" in {part["name"] for part in reasons["differ"]} | {
        part["name"] for part in reasons["only_a"]
    }
    calibration = [part for part in reasons["steps"] if part["name"] == "APIC timer calibration"]
    assert calibration[0]["b_ns"] > 100_000_000
    assert calibration[0]["only_without_kvm"]
    assert reasons["explained_share"] > 0.5
    for facts in told["facts"].values():
        assert facts["unpacking_ns"] > 0
        assert facts["memory_bytes"] > 1 << 20
    assert "APIC timer calibration" in page.read_text()
