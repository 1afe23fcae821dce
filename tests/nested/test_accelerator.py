"""KVM for real: what bootwright does with it, in a machine that has it."""

from __future__ import annotations

import pytest

from bootwright.probes import runner
from bootwright.probes.table import PROBES
from tests.nested.conftest import Nested

pytestmark = pytest.mark.acceptance


def test_kvm_is_tried_once_and_taken(nested: Nested) -> None:
    nested.said("rm -f ~/.cache/bootwright/kvm-trial.json")
    first = nested.bootwright("run", "--tiny", "--", "grep", "-c", "svm", "/proc/cpuinfo")
    assert first.returncode == 0, first.stderr
    assert "trying once whether KVM runs a guest here (up to 150 s)" in first.stderr
    assert "KVM (a guest ran with it)" in first.stderr
    checks = nested.json("doctor")["checks"]
    assert [(c["state"], c["text"]) for c in checks if c["name"] == "KVM"] == [
        ("ok", "works: a guest ran with it")
    ]
    # What a machine of the host's lacks.
    names = ("tap", "loop devices", "device mapper")
    assert {c["name"]: c["state"] for c in checks if c["name"] in names} == dict.fromkeys(
        names, "ok"
    )


@pytest.mark.parametrize("machine_type", ["q35", "microvm"])
def test_kvm_runs_a_guest_on_each_machine_type(nested: Nested, machine_type: str) -> None:
    ran = nested.bootwright(
        *("run", "--tiny", "--accelerator", "kvm", "--machine-type", machine_type),
        *("--", "dmesg | grep -i 'hypervisor detected'; exit 7"),
    )
    assert ran.returncode == 7, ran.stderr
    assert "Hypervisor detected: KVM" in ran.stdout


def test_kvm_passes_virtualization_on_to_a_nested_guest(nested: Nested) -> None:
    ran = nested.json(
        *("run", "--tiny", "--accelerator", "kvm", "--nested", "--memory", "512M"),
        *("--", "test -c /dev/kvm && dmesg"),
    )
    assert ran["exit_status"] == 0, ran["output"]
    assert "Nested Paging enabled" in ran["output"]


@pytest.mark.parametrize("killed", ["-m [b]ootwright run", "[b]ootwright.monitor.launch"])
def test_kvm_guest_is_gone_after_a_kill(nested: Nested, killed: str) -> None:
    done = nested(
        f"""
        bootwright run --tiny --accelerator kvm -- 'echo up; exec sleep 600' >/tmp/said 2>&1 &
        until grep -qs '^up' /tmp/said; do sleep 0.5; kill -0 $! || exit 1; done
        pgrep qemu-system >/dev/null || exit 2
        pkill -KILL -f -- '{killed}' || exit 3
        timeout 60 sh -c 'while pgrep qemu-system; do sleep 0.2; done' || exit 4
        wait
        bootwright ps"""
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tiny-" not in done.stdout


def test_compare_under_kvm(nested: Nested) -> None:
    told = nested.json(
        *("compare", "--tiny", "--accelerator", "kvm", "-n", "2"),
        *("--with", "machine-type=microvm"),
    )
    assert [len(side["samples"]) for side in told["sides"].values()] == [2, 2]
    assert told["phases"]["whole"]["effect_ns"] != 0
    assert told["verdict"] == "cannot-tell"  # two boots are too few, whatever they say


def test_firecracker_of_the_image_runs(nested: Nested) -> None:
    """The binary that other tests boot guests with."""
    assert nested.said("firecracker --version").startswith("Firecracker v1.12.1")


def test_probe_runs_a_virtual_cpu(nested: Nested) -> None:
    [probe] = [probe for probe in PROBES if probe.name == "virtualization"]
    said = nested("sh -s", input=runner.text([probe], {"nested": "1"}).encode()).stdout
    assert "probe.says virtualization a virtual CPU ran\nprobe.end virtualization 0\n" in said
