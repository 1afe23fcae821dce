"""Looking where a vCPU is, again and again; the VMM is a fake that answers at once, or late."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from bootwright.errors import VmmError
from bootwright.host.clock import now_ns
from bootwright.monitor import sampler as samplers
from bootwright.monitor.sampler import Sampler
from bootwright.vmms.protocol import CpuMode, RunningVmm, VcpuState

MODES: tuple[CpuMode, ...] = ("boot", "kernel", "user")


class FakeVmm:
    """A running VMM whose vCPU is one instruction further each time.

    Args:
        ends_after: How often it answers before it has ended.
        answer_s: How long each answer takes.
    """

    def __init__(self, ends_after: int = 1 << 30, answer_s: float = 0) -> None:
        self.asked = 0
        self.seen = asyncio.Event()
        self._ends_after = ends_after
        self._answer_s = answer_s

    async def vcpu_state(
        self, *, stopped: bool = False, window: tuple[int, int] | None = None
    ) -> VcpuState:
        if self.asked == self._ends_after:
            self.seen.set()
            raise VmmError("QEMU did not carry out 'human-monitor-command'")
        self.asked += 1
        if self.asked > 5:
            self.seen.set()
        await asyncio.sleep(self._answer_s)
        return VcpuState(ip=self.asked, mode=MODES[self.asked % 3], is_halted=self.asked % 2 == 0)


def sampler(vmm: FakeVmm) -> Sampler:
    return Sampler(cast("RunningVmm", vmm))


async def seen(vmm: FakeVmm) -> None:
    await asyncio.wait_for(vmm.seen.wait(), 60)


async def test_sampler_returns_samples_in_order() -> None:
    vmm, before_ns = FakeVmm(), now_ns()
    own = sampler(vmm)
    await seen(vmm)
    samples = own.stop()
    assert [sample.ip for sample in samples] == list(range(1, len(samples) + 1))
    assert [sample.mode for sample in samples[:3]] == ["kernel", "user", "boot"]
    assert [sample.is_halted for sample in samples[:2]] == [False, True]
    times = [sample.time_ns for sample in samples]
    assert times == sorted(times)
    assert before_ns <= times[0]
    assert times[-1] <= now_ns()


async def test_sampler_dates_a_sample_between_question_and_answer() -> None:
    vmm, before_ns = FakeVmm(answer_s=0.02), now_ns()
    own = sampler(vmm)
    await seen(vmm)
    first = own.stop()[0]
    assert first.time_ns >= before_ns + 10_000_000


async def test_sampler_takes_nothing_after_stop() -> None:
    vmm = FakeVmm()
    own = sampler(vmm)
    await seen(vmm)
    samples, asked = own.stop(), vmm.asked
    await asyncio.sleep(0.02)
    assert vmm.asked == asked
    assert own.stop() == samples


async def test_sampler_keeps_samples_when_the_vmm_ends() -> None:
    vmm = FakeVmm(ends_after=3)
    own = sampler(vmm)
    await seen(vmm)
    await asyncio.sleep(0)
    assert len(own.stop()) == 3


async def test_sampler_stops_after_the_most_samples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(samplers, "_MOST", 8)
    vmm = FakeVmm()
    own = sampler(vmm)
    await seen(vmm)
    await asyncio.sleep(0.05)
    assert len(own.stop()) == vmm.asked == 8


async def test_sampler_stopped_at_once_has_no_samples() -> None:
    assert sampler(FakeVmm()).stop() == ()


class StoppedVmm(FakeVmm):
    """One whose clock, which at first cannot be read, is 3 s further each time."""

    async def vcpu_state(
        self, *, stopped: bool = False, window: tuple[int, int] | None = None
    ) -> VcpuState:
        assert stopped
        seen = await super().vcpu_state()
        vm_ns = None if self.asked < 3 else 3_000_000_000 * self.asked % samplers._WRAP_NS
        return VcpuState(ip=seen.ip, mode=seen.mode, is_halted=seen.is_halted, vm_ns=vm_ns)


async def test_sampler_dates_a_stopped_guest_by_the_vmms_clock() -> None:
    vmm = StoppedVmm()
    own = Sampler(cast("RunningVmm", vmm), stopped=True)
    await seen(vmm)
    times = [sample.time_ns for sample in own.stop()]
    assert times[:2] == [0, 0]
    first = 9_000_000_000 % samplers._WRAP_NS
    assert times[2:5] == [first, first + 3_000_000_000, first + 6_000_000_000]
