"""The virtual clock: one seed costs the same to the microsecond, whatever the host does."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from bootwright.defaults.complete import complete
from bootwright.evidence.unattended import Collected, collect, with_collector
from bootwright.guest.identity import fixed_identity
from bootwright.home import locate_home
from bootwright.machines.spec import Watch
from bootwright.recipes.draft import Draft
from tests.boots.harness import BOOT_S, Bootwright

pytestmark = pytest.mark.boot


@contextmanager
def busy_host() -> Iterator[None]:
    """Keep two CPUs busy for the length of the block."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def boot(bootwright: Bootwright, draft: Draft, watch: Watch | None = None) -> Collected:
    home = locate_home(bootwright.environment)
    recipe = with_collector(home, asyncio.run(complete(home, draft))[0])
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
            patch.setenv(name, bootwright.environment[name])  # the monitor looks there
        patch.delenv("BOOTWRIGHT_HOME", raising=False)
        collected = asyncio.run(
            collect(home, recipe, name="clocked", timeout_s=BOOT_S, watch=watch)
        )
    assert [line for line in collected.kernel_log if "Linux version" in line]
    return collected


def guest_ns(bootwright: Bootwright, draft: Draft) -> dict[str, int]:
    return boot(bootwright, draft).guest_ns


@pytest.mark.parametrize("init", ["systemd", "tini"])
def test_virtual_clock_repeats_one_seed_on_a_busy_host(
    bootwright: Bootwright, bookworm: str, kernel: str, init: str
) -> None:
    draft = Draft(image=bookworm, kernel=kernel, init=init, clock="virtual")  # type: ignore[arg-type]
    quiet = guest_ns(bootwright, draft)
    assert list(quiet) == [
        *(
            "initramfs.start",
            "initramfs.modules",
            "initramfs.done",
            "sshd.listening",
            "sshd.accepting",
        )
    ]
    with busy_host():
        assert guest_ns(bootwright, draft) == quiet


def test_virtual_clock_differs_between_seeds(
    bootwright: Bootwright, bookworm: str, kernel: str
) -> None:
    one, two = (
        guest_ns(bootwright, Draft(image=bookworm, kernel=kernel, clock="virtual", seed=n))
        for n in (1, 2)
    )
    assert one["sshd.accepting"] != two["sshd.accepting"]


def test_virtual_clock_access_counts_take_no_guest_time(
    bootwright: Bootwright, bookworm: str, kernel: str
) -> None:
    draft = Draft(image=bookworm, kernel=kernel, init="tini", clock="virtual", seed=1)
    cmdline = asyncio.run(complete(locate_home(bootwright.environment), draft))[0].cmdline
    loud = replace(draft, cmdline=tuple(word for word in cmdline if word != "quiet"))
    assert loud.cmdline != cmdline
    plain = boot(bootwright, draft)
    counted = boot(bootwright, draft, watch="accesses")
    assert plain.accesses == ()
    assert counted.guest_ns == plain.guest_ns
    quiet = {access.device: access for access in counted.accesses}
    # Each mark goes over its port, a byte a write, and what opens the port comes beside.
    marks = [mark.name for mark in counted.marks if mark.name in counted.guest_ns]
    sent_bytes = sum(len(f"{fixed_identity().token} {name}\r\n") for name in marks)
    assert sent_bytes <= quiet["UART ttyS1 (marks)"].writes < 5 * sent_bytes
    spoken = {access.device: access for access in boot(bootwright, loud, "accesses").accesses}
    console = "UART ttyS0 (console)"
    assert spoken[console].writes > quiet[console].writes + 10_000
    assert spoken[console].bytes == spoken[console].reads + spoken[console].writes
    assert next(iter(spoken)) == next(iter(quiet)) == console
    assert {"PCI configuration", "local APIC", "virtio-pmem (configuration)"} <= set(quiet)


_TELL = "cat /proc/uptime; grep -c . /proc/modules; dmesg | grep bootwright:"


def test_virtual_clock_repeats_for_a_tiny_guest(bootwright: Bootwright, kernel: str) -> None:
    words = ("run", "--tiny", "--kernel", kernel, "--clock", "virtual", "--", _TELL)
    first = bootwright(*words)
    assert first.returncode == 0, first.stderr
    assert "bootwright: command.start" in first.stdout
    with busy_host():
        assert bootwright(*words).stdout == first.stdout


def test_virtual_clock_repeats_for_one_command_in_an_image(
    bootwright: Bootwright, bookworm: str, kernel: str
) -> None:
    words = ("run", bookworm, "--kernel", kernel, "--init", "bare", "--clock", "virtual", "--")
    tell = "cat /proc/uptime; hostname; dmesg | grep bootwright:; grep ' / ' /proc/mounts; exit 3"
    first = bootwright(*words, tell)
    assert first.returncode == 3, first.stderr
    assert "/dev/pmem0 / ext4 rw,relatime,dax=always 0 0" in first.stdout
    with busy_host():
        assert bootwright(*words, tell).stdout == first.stdout
