"""Initcall levels: in which order the kernel calls its initcalls, and which function is in which.

A log of `initcall_debug` names functions only. Their levels come from a System.map, or less exactly
from functions that are known to come first in theirs.

Source: include/linux/init.h (the levels), initcall_level_names in init/main.c (their names),
INIT_CALLS in include/asm-generic/vmlinux.lds.h (``__initcall6_start``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

LEVELS = (
    *("early", "pure", "core", "postcore", "arch"),
    *("subsys", "fs", "rootfs", "device", "late"),
)
"""In the order in which they run. The kernel counts ``rootfs`` to ``fs``."""
CONSOLE = "console"
"""What console_init() calls, long before the first level."""

_SUFFIXES = {
    "early": "early",
    **dict(zip("012345", LEVELS[1:7], strict=True)),
    "rootfs": "rootfs",
    "6": "device",
    "7": "late",
    "con": CONSOLE,
}
# Before Linux 5.10 or so: __initcall_acpi_init4; later: __initcall__kmod_acpi__407_1432_acpi_init4.
_ENTRY = re.compile(
    r"[0-9a-f]{1,16} [dDtT] __initcall_(?:_kmod_\S{1,256}?__[0-9]{1,9}_[0-9]{1,9}_)?"
    r"(\S{1,256}?)(?:(early|rootfs|con)|([0-7])s?)$",
    re.MULTILINE,
)

FIRST_IN_LEVEL: Mapping[str, str] = {
    "init_hw_perf_events": "early",
    "do_init_real_mode": "early",
    "bpf_jit_charge_init": "pure",
    "ipc_ns_init": "pure",
    "init_mmap_min_addr": "pure",
    "xen_pvh_gnttab_setup": "core",
    "e820__register_nvs_regions": "core",
    "reboot_init": "core",
    "irq_sysfs_init": "postcore",
    "dma_atomic_pool_init": "postcore",
    "audit_init": "postcore",
    "report_snp_info": "arch",
    "bts_init": "arch",
    "pt_init": "arch",
    "boot_params_ksysfs_init": "arch",
    "init_vdso": "subsys",
    "init_vdso_image_64": "subsys",
    "fixup_ht_bug": "subsys",
    "topology_init": "subsys",
    "nmi_warning_debugfs": "fs",
    "hpet_late_init": "fs",
    "clocksource_done_booting": "fs",
    "populate_rootfs": "rootfs",
    "snp_init_platform_device": "device",
    "ia32_binfmt_init": "device",
    "msr_init": "device",
    "kernel_do_mounts_initrd_sysctls_init": "late",
    "tboot_late_init": "late",
    "hpet_insert_resource": "late",
}
"""Functions that come first, or nearly so, in their level on x86.

Seen in the System.map of Debian's 5.10, 6.1 and 6.12; the order within a level is that of linking.
"""


def levels_of_system_map(system_map: str) -> dict[str, str]:
    """Return the level of each built-in initcall, by its function's name, from a System.map.

    A name that stands in several levels (two static functions) is left out.
    """
    levels: dict[str, str] = {}
    ambiguous: set[str] = set()
    for entry in _ENTRY.finditer(system_map):
        level = _SUFFIXES[entry[2] or entry[3]]
        if levels.setdefault(entry[1], level) != level:
            ambiguous.add(entry[1])
    return {name: level for name, level in levels.items() if name not in ambiguous}
