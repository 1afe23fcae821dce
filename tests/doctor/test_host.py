"""This host, fact by fact, and that no fact stops the others."""

from __future__ import annotations

import os
import platform
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

import bootwright
from bootwright.defaults import kvm_trial
from bootwright.doctor import host
from bootwright.doctor.check import Check
from bootwright.home import Home
from bootwright.host import memory, tools
from bootwright.host.memory import Memory
from bootwright.vmms.qemu import Qemu
from tests.doctor.conftest import Programs

MIB = 1 << 20


def test_host_examine_covers_all_facts_of_this_host(home: Home) -> None:
    found = host.examine(home)
    names = [check.name for check in found]
    for name in (
        *("bootwright", "Python", "kernel", "CPUs", "memory", "KVM", "disk space", "open files"),
        *("user namespaces", "tap", "loop devices", "device mapper", "vsock"),
        *tools.PROGRAMS,
        *("data", "state", "cache", "keys"),
    ):
        assert name in names, name
    assert {check.area for check in found if check.name in ("data", "keys")} == {"bootwright"}
    unknown = [check for check in found if "cannot check" in check.text]
    assert unknown == []


def test_host_examine_changes_nothing(home: Home) -> None:
    host.examine(home)
    assert not home.data.parent.exists()


def test_host_examine_shows_the_remembered_kvm_trial(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bootwright.host.kvm.unusable_because", lambda: "")
    monkeypatch.setattr("bootwright.vmms.qemu.Qemu.build", lambda _: "7.2.0")
    home.cache.mkdir(parents=True)
    found = replace(kvm_trial.circumstances(Qemu(), "7.2.0"), kvm_runs=True)
    kvm_trial.trial_file(home).write_bytes(msgspec.json.encode(found))
    assert _named("KVM", home).text == "works: a guest ran with it"
    monkeypatch.setattr("bootwright.vmms.qemu.Qemu.build", lambda _: "9.0.0")
    assert _named("KVM", home).state == "note"


def _named(name: str, home: Home) -> Check:
    [check] = [check for check in host.examine(home) if check.name == name]
    return check


def test_host_examine_completes_on_a_bare_host(
    home: Home, programs: Programs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "no meminfo")
    found = {check.name: check for check in host.examine(home)}
    missing = {name for name in tools.PROGRAMS if found[name].text.startswith("not installed")}
    assert missing == set(tools.PROGRAMS)
    assert found["keys"].state == "ok"


def test_host_examine_reports_a_home_that_is_a_file(home: Home) -> None:
    home.data.parent.mkdir()
    for folder in (home.data, home.state, home.cache):
        folder.touch()
    found = {check.name: check for check in host.examine(home)}
    assert found["data"].state == found["state"].state == found["cache"].state == "problem"
    assert "cannot check" not in found["KVM"].text


def test_host_examine_reports_a_home_without_permission(
    home: Home, request: pytest.FixtureRequest
) -> None:
    home.keys.mkdir(parents=True)
    home.data.parent.chmod(0o000)
    if os.geteuid() == 0:
        host.examine(home)  # what Python imports at the first call, nobody might not read
    request.getfixturevalue("ordinary")
    found = {check.name: check for check in host.examine(home)}
    assert found["data"].state == "problem"
    assert found["keys"].text == (f"cannot check: {home.keys}: Permission denied")


def test_host_versions_are_those_that_run() -> None:
    found = {check.name: check.text for check in host.versions()}
    assert found["bootwright"] == bootwright.__version__
    assert found["Python"].startswith(f"{platform.python_version()} (/")
    assert found["kernel"] == f"Linux {os.uname().release} {os.uname().machine}"


@pytest.mark.parametrize(("usable", "text"), [(4, "4"), (3, "3 of 4 (limited by CPU affinity)")])
def test_host_cpus_counts_those_allowed_by_affinity(usable: int, text: str) -> None:
    [check] = host.cpus(usable, 4)
    assert (check.state, check.text) == ("ok", text)


def test_host_enough_memory_for_a_machine() -> None:
    [check] = host.enough_memory(Memory(total_bytes=2048 * MIB, available_bytes=512 * MIB))
    assert (check.state, check.text) == ("ok", "512.0 MiB of 2.0 GiB available")


def test_host_enough_memory_warns_when_there_is_too_little() -> None:
    [check] = host.enough_memory(Memory(total_bytes=2048 * MIB, available_bytes=511 * MIB))
    assert check.state == "warning"
    assert check.text == "511.0 MiB of 2.0 GiB available; a machine gets 512 MiB by default"
    assert check.hint == "stop other programs, or give machines less: --memory 128M"
