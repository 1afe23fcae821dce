"""Machines that promise more than the host has."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bootwright.host.memory import Memory
from bootwright.machines.limits import overcommit
from bootwright.recipes.recipe import Recipe
from tests.machines.samples import RECIPE

MIB = 1 << 20


def machine(memory_mib: int = 512, vcpus: int = 1) -> Recipe:
    return replace(RECIPE, memory_mib=memory_mib, vcpus=vcpus)


def host(total_mib: int = 24000, available_mib: int = 20000) -> Memory:
    return Memory(total_bytes=total_mib * MIB, available_bytes=available_mib * MIB)


def test_overcommit_with_enough_memory_gives_no_warning() -> None:
    assert overcommit(machine(), [machine()] * 3, host(), 4) == []


def test_overcommit_of_exactly_all_memory_gives_no_warning() -> None:
    # Of memory that is promised, little is taken yet: what is free counts for this machine only.
    full = host(total_mib=2048, available_mib=512)
    assert overcommit(machine(512, 2), [machine(1536, 2)], full, 4) == []


def test_overcommit_warns_of_a_machine_larger_than_free_memory() -> None:
    assert overcommit(machine(512), [], host(available_mib=511), 1) == [
        "memory: 1 machine promises 512 MiB, but 511 MiB of 24000 MiB are free"
    ]


def test_overcommit_warns_of_a_machine_larger_than_what_others_left() -> None:
    assert overcommit(machine(512), [machine(2048)] * 2, host(available_mib=400), 3) == [
        "memory: 3 machines promise 4608 MiB (this one 512), but 400 MiB of 24000 MiB are free"
    ]


def test_overcommit_warns_of_many_machines_together() -> None:
    others = [machine(2048)] * 12
    assert overcommit(machine(512), others, host(available_mib=4000), 13) == [
        "memory: 13 machines promise 25088 MiB (this one 512), but 4000 MiB of 24000 MiB are free"
    ]


def test_overcommit_warns_of_more_vcpus_than_cpus() -> None:
    others = [machine(vcpus=1), machine(vcpus=2), machine(vcpus=1)]
    assert overcommit(machine(), others, host(), 2) == [
        "vCPUs: 5 promised by 4 machines (this one 1), but this host has 2: "
        "they slow each other down"
    ]


def test_overcommit_warns_of_one_machine_with_too_many_vcpus() -> None:
    assert overcommit(machine(vcpus=4), [], host(), 2) == [
        "vCPUs: 4 promised by 1 machine, but this host has 2: they slow each other down"
    ]


def test_overcommit_warns_of_memory_before_cpus() -> None:
    said = overcommit(machine(4096, 8), [machine()], host(available_mib=100), 2)
    assert [line.partition(":")[0] for line in said] == ["memory", "vCPUs"]


@given(
    st.lists(st.builds(machine, st.integers(16, 65536), st.integers(1, 8)), max_size=5),
    st.integers(0, 65536),
    st.integers(1, 16),
)
def test_overcommit_warns_exactly_when_memory_is_exceeded(
    others: list[Recipe], available_mib: int, cpus: int
) -> None:
    said = overcommit(machine(), others, host(65536, available_mib), cpus)
    memory = [line for line in said if line.startswith("memory: ")]
    vcpus = [line for line in said if line.startswith("vCPUs: ")]
    assert said == memory + vcpus
    promised_mib = 512 + sum(other.memory_mib for other in others)
    assert len(memory) == (available_mib < 512 or promised_mib > 65536)
    assert len(vcpus) == (1 + sum(other.vcpus for other in others) > cpus)
