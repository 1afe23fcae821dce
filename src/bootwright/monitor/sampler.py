"""Sampler: looks repeatedly where a guest's vCPU is, until the initramfs hands over to PID 1."""

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
from bootwright.vmms.protocol import RunningVmm

SAMPLED_UNTIL = ("initramfs.done", "command.start")
"""The marks with which sampling ends: from here on the guest's own init tells what it does, or the
tiny guest's command runs."""

_PAUSE_S = 0.001
_MOST = 50_000
"""More than any start-up has; a guest that never gets so far is not sampled for ever. So many go
into one message, see `messages.LINE_BYTES`."""


_WRAP_NS = (1 << 24) * 1_000_000_000 // 3_579_545
"""After so long the clock that `Sighting.vm_ns` is read from begins anew."""


class Sampler:
    """Samples a running guest from its making until `stop`.

    Args:
        stopped: Stop the guest for each look and tell the times of the VMM's own clock. On the
            virtual clock that costs the guest nothing: it takes the same time to the microsecond.
        ring: With *stopped*, the kernel's log, which is looked at as well.
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
        """Say whether sampling ends with *mark*."""
        return mark in SAMPLED_UNTIL

    def stop(self) -> tuple[VcpuSample, ...]:
        """Look no more, and return what was seen.

        A look that is under way is finished: it may have stopped the guest.
        """
        self._is_over = True
        return tuple(self._samples)

    @property
    def lines(self) -> tuple[LogLineTime, ...]:
        """The lines that came into the kernel's log meanwhile."""
        return tuple(self._ring.lines) if self._ring else ()

    async def _sample(self) -> None:
        with suppress(VmmError):  # it has ended; whoever waits for that hears of it
            while len(self._samples) < _MOST and not self._is_over:
                before_ns = now_ns()
                window = self._ring.window if self._ring else None
                seen = await self._running.vcpu_state(stopped=self._stopped, window=window)
                # It was looked at somewhere between the question and the answer.
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
    """Return what samples a guest of *kernel*, as suits its clock; it has begun."""
    if not clock.counts_instructions:
        return Sampler(running)
    from bootwright.kernels.symbols import address_of  # here: few boots are sampled

    address = address_of(kernel, SYMBOL)
    return Sampler(running, stopped=True, ring=Ring(address) if address else None)
