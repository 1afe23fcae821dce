"""Phases: what lies between marks, without gaps and never guessed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bootwright.timelines.phases import (
    AFTER,
    BARE_START_UP,
    START,
    START_UP,
    TINY_START_UP,
    Phase,
    PhaseSpec,
    phases,
    start_up_of,
)
from bootwright.timelines.recorder import Mark

FULL = (
    *("command.entered", "vmm.exec", "vmm.running", "initramfs.start", "initramfs.done"),
    *("sshd.listening", "ssh.login", "command.end", "machine.gone"),
)


def marks(*names: str) -> list[Mark]:
    """Return marks 10 ns apart, the first at 1000."""
    return [Mark(name=name, time_ns=1000 + 10 * index) for index, name in enumerate(names)]


def test_phases_of_a_whole_boot() -> None:
    cut = phases(marks(*FULL), (*START_UP, *AFTER))
    assert [phase.name for phase in cut] == [
        "host preparation",
        "VMM start",
        "firmware and kernel",
        "initramfs",
        "PID 1 to sshd",
        "SSH log-in",
        "command",
        "clean-up",
    ]
    assert cut[1] == Phase(
        name="VMM start", start_mark="vmm.exec", end_mark="vmm.running", start_ns=10, duration_ns=10
    )


def test_phases_of_a_tiny_guest_end_with_its_command() -> None:
    cut = phases(
        marks(START, "vmm.exec", "vmm.running", "initramfs.start", "command.start", "command.end"),
        (*TINY_START_UP, *AFTER),
    )
    assert [phase.end_mark for phase in cut][-2:] == ["command.start", "command.end"]
    assert cut[3].name == "initramfs"


def test_phases_end_at_a_missing_mark() -> None:
    without = [name for name in FULL if name != "initramfs.start"]
    cut = phases(marks(*without), START_UP)
    assert [phase.name for phase in cut] == ["host preparation", "VMM start"]


def test_phases_without_a_beginning_are_empty() -> None:
    assert phases(marks("vmm.exec", "vmm.running"), START_UP) == ()


def test_phases_take_the_first_of_equal_marks() -> None:
    taken = [*marks(START, "vmm.exec"), Mark(name="vmm.exec", time_ns=9999)]
    assert phases(taken, START_UP)[0].duration_ns == 10


def test_phases_prefer_the_guests_mark_to_the_banner() -> None:
    both = marks(*FULL[:5], "sshd.banner", "sshd.listening", "ssh.login")
    assert phases(both, START_UP)[4].end_mark == "sshd.listening"
    banner_only = marks(*FULL[:5], "sshd.banner", "ssh.login")
    cut = phases(banner_only, START_UP)
    assert cut[4].end_mark == "sshd.banner"
    assert cut[5].start_mark == "sshd.banner"


@given(
    st.lists(st.integers(min_value=0, max_value=10**12), min_size=2, max_size=12).map(sorted),
    st.integers(min_value=0),
)
def test_phases_are_contiguous_and_add_up(times: list[int], origin: int) -> None:
    names = [START, *(f"mark{index}" for index in range(1, len(times)))]
    specs = [PhaseSpec(name=name, ends=(name,)) for name in names[1:]]
    taken = [Mark(name=n, time_ns=origin + t) for n, t in zip(names, times, strict=True)]
    cut = phases(taken, specs)
    assert len(cut) == len(specs)
    assert sum(phase.duration_ns for phase in cut) == times[-1] - times[0]
    end = 0
    for phase in cut:
        assert phase.start_ns == end
        end += phase.duration_ns


def test_start_up_of_each_init() -> None:
    assert start_up_of("none") == TINY_START_UP
    assert start_up_of("bare") == BARE_START_UP
    for init in ("systemd", "systemd-trimmed", "tini", "one of tomorrow"):
        assert start_up_of(init) == START_UP
