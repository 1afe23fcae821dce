"""The sampler: records where a guest's vCPU is until the initramfs hands over to PID 1."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from bootwright.errors import VmmError
from bootwright.host.clock import now_ns
from bootwright.kernels.kernel import Kernel
from bootwright.machines.messages import VcpuSample
from bootwright.monitor.printk_ring import SYMBOL, Ring
from bootwright.recipes.clock import GuestClock
from bootwright.timelines.evidence import LogLineTime
from bootwright.timelines.marks import MarkName
from bootwright.vmms.protocol import RunningVmm

SAMPLED_UNTIL = (MarkName.INITRAMFS_DONE, MarkName.COMMAND_START)
"""The marks with which sampling ends: after it the guest's init logs what it does, or the
tiny guest's command runs."""

_PAUSE_S = 0.001
_MOST = 50_000
"""The most samples of one boot: more than any start-up needs, and few enough for one message, see
`messages.LINE_BYTES`."""


_WRAP_NS = (1 << 24) * 1_000_000_000 // 3_579_545
"""When the clock behind `VcpuState.vm_ns` wraps."""


class Sampler:
    """Samples a running guest until `stop`.

    Args:
        stopped: Stop the guest for each sample and use the VMM's clock. On the virtual clock this
            does not slow the guest: it takes the same time to the microsecond.
        ring: With *stopped*, the kernel's log, which is read too.
    """

    def __init__(
        self, running: RunningVmm, *, stopped: bool = False, ring: Ring | None = None
    ) -> None:
        self._running = running
        self._stopped = stopped
        self._ring = ring
        self._vm_ns = 0
        self._samples: list[VcpuSample] = []
        self._is_over = False
        self._task = asyncio.create_task(self._sample())

    def ends_with(self, mark: str) -> bool:
        """Test whether sampling ends with *mark*."""
        return mark in SAMPLED_UNTIL

    def stop(self) -> tuple[VcpuSample, ...]:
        """Stop sampling and return the samples.

        A sample in progress is completed, as it may have stopped the guest.
        """
        self._is_over = True
        return tuple(self._samples)

    @property
    def lines(self) -> tuple[LogLineTime, ...]:
        """The kernel log lines that appeared meanwhile."""
        return tuple(self._ring.lines) if self._ring else ()

    async def _sample(self) -> None:
        with suppress(VmmError):  # it has ended; its waiter reports that
            while len(self._samples) < _MOST and not self._is_over:
                before_ns = now_ns()
                window = self._ring.window if self._ring else None
                seen = await self._running.vcpu_state(stopped=self._stopped, window=window)
                # The sample was taken between the request and the answer.
                time_ns = (before_ns + now_ns()) // 2
                if self._stopped:
                    if seen.vm_ns is not None:
                        self._vm_ns += (seen.vm_ns - self._vm_ns) % _WRAP_NS
                    time_ns = self._vm_ns
                    if self._ring is not None:
                        self._ring.take(seen.words, self._vm_ns)
                self._samples.append(VcpuSample(time_ns, seen.ip, seen.mode, seen.is_halted))
                await asyncio.sleep(_PAUSE_S)


def sampler_of(running: RunningVmm, clock: GuestClock, kernel: Kernel) -> Sampler:
    """Start a sampler that suits the guest's clock and *kernel*."""
    if not clock.counts_instructions:
        return Sampler(running)
    from bootwright.kernels.symbols import address_of  # here: few boots are sampled

    address = address_of(kernel, SYMBOL)
    return Sampler(running, stopped=True, ring=Ring(address) if address else None)
