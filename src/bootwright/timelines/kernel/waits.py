"""Waits of the kernel: stretches of which a line, or the function that ran, says that it waited.

A gap in the log alone is no evidence of a wait.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bootwright.timelines.kernel.kernellog import KernelLog

WAITING_INITCALLS = {
    "deferred_probe_initcall": "waits for deferred probes: flush_work() in drivers/base/dd.c",
    "software_resume": "waits for all probes: wait_for_device_probe(), kernel/power/hibernate.c",
    "software_resume_initcall": "waits for all probes: wait_for_device_probe(), kernel/power",
    "boot_wait_for_devices": "waits for Xen's devices: drivers/xen/xenbus/xenbus_probe_frontend.c",
    "balloon_wait_finish": "waits for Xen's balloon: drivers/xen/balloon.c",
    "trace_eval_sync": "waits for trace_eval_init's work queue: kernel/trace/trace.c",
    "ftrace_check_sync": "waits for ftrace's work queue: kernel/trace/ftrace.c",
}
"""Built-in initcalls that do nothing but wait for something else, and what says so."""

_ROOT = re.compile(r"Waiting for root device (\S{1,256}?)(?:\.\.\.)?$")
_DELAY = re.compile(r"Waiting ([0-9]{1,5}) ?sec before mounting root device")
_MOUNTED = re.compile(r"VFS: Mounted root|VFS: Cannot open root|\S{1,64} \(\S{1,64}\): mounted ")
_S = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """The kernel waited; nanoseconds on the printk clock."""

    name: str
    title: str
    start_ns: int
    end_ns: int
    source: str


def waits_of(log: KernelLog, last_initcall_ns: int, end_ns: int) -> list[Wait]:
    """Return the waits before *end_ns* that lines of the log tell of.

    Args:
        log: Of the boot.
        last_initcall_ns: When the last initcall had ended.
        end_ns: When init was executed.
    """
    waits: list[Wait] = []
    waiting: tuple[str, int, int] | None = None
    for line in log.lines:
        at = line.time_ns
        if at is None or at >= end_ns:
            continue
        text = line.text
        if waiting and _MOUNTED.match(text):
            waits.append(_root(*waiting, at))
            waiting = None
        elif text.startswith("Waiting "):
            if found := _ROOT.match(text):
                waiting = (found[1], at, line.number)
            elif found := _DELAY.match(text):
                waits.append(
                    Wait(
                        name="wait.rootdelay",
                        title=f"rootdelay={found[1]}",
                        start_ns=at,
                        end_ns=min(at + int(found[1]) * _S, end_ns),
                        source=f"line {line.number}: prepare_namespace(), init/do_mounts.c",
                    )
                )
        elif text.startswith("Freeing initrd memory") and at > last_initcall_ns and log.initcalls:
            waits.append(
                Wait(
                    name="wait.initramfs",
                    title="unpacking the initramfs",
                    start_ns=last_initcall_ns,
                    end_ns=at,
                    source=f"line {line.number}: wait_for_initramfs(), init/main.c; "
                    "do_populate_rootfs(), init/initramfs.c",
                )
            )
    if waiting:
        waits.append(_root(*waiting, end_ns))
    return waits


def _root(device: str, start_ns: int, line: int, end_ns: int) -> Wait:
    return Wait(
        name="wait.root",
        title=f"waiting for {device}",
        start_ns=start_ns,
        end_ns=max(start_ns, end_ns),
        source=f"line {line}: prepare_namespace(), init/do_mounts.c",
    )
