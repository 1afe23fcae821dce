"""Steps of the kernel that its log shows without being asked: well-known lines and who prints them.

Two such lines bound a step and name it. What happened between them they do not tell, so steps are
frames: for finding one's way, explaining nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from bootwright.timelines.kernel.loglines import LogLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A line that the kernel prints when it begins or has done a step."""

    begins: str
    """How the line begins."""
    name: str
    side: Literal["first", "last", "edge"]
    """``first``: the line opens the step. ``last``: it is printed when the step is done. ``edge``:
    it ends the step before it, and opens none that could be named."""
    source: str
    """The function that prints it, and its file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFrame:
    """A step between two lines, in nanoseconds on the guest's printk clock."""

    name: str
    start_ns: int
    end_ns: int
    source: str


def _first(begins: str, name: str, source: str) -> Step:
    return Step(begins=begins, name=name, side="first", source=source)


def _last(begins: str, name: str, source: str) -> Step:
    return Step(begins=begins, name=name, side="last", source=source)


def _edge(begins: str, source: str) -> Step:
    return Step(begins=begins, name="", side="edge", source=source)


LAST_BEFORE_INITCALLS = "devtmpfs: initialized"
"""driver_init() runs directly before the initcalls: do_basic_setup() in init/main.c."""

STEPS = (
    _first("Linux version ", "architecture", "start_kernel(), init/main.c; then setup_arch()"),
    _first("ACPI: RSDP ", "ACPI tables", "acpi_tb_print_table_header(), drivers/acpi/acpica"),
    _first("Zone ranges:", "memory zones", "free_area_init(), mm/page_alloc.c"),
    _first("ACPI: PM-Timer IO Port", "ACPI boot", "acpi_parse_fadt(), arch/x86/kernel/acpi/boot.c"),
    _first(
        "setup_percpu: ", "per-CPU areas", "setup_per_cpu_areas(), arch/x86/kernel/setup_percpu.c"
    ),
    _last("Built ", "zonelists", "build_all_zonelists(), mm/page_alloc.c"),
    _first("Kernel command line: ", "parameters", "start_kernel(), init/main.c"),
    _last("Dentry cache hash table", "hash tables", "dcache_init_early(), fs/dcache.c"),
    _last("Inode-cache hash table", "hash tables", "inode_init_early(), fs/inode.c"),
    _first("mem auto-init: ", "memory", "report_meminit(), init/main.c or mm/mm_init.c"),
    _last("Memory: ", "memory", "mem_init_print_info(), mm/page_alloc.c or mm/mm_init.c"),
    _last("SLUB: ", "slab allocator", "kmem_cache_init(), mm/slub.c"),
    _first("ftrace: allocating ", "ftrace", "ftrace_init(), kernel/trace/ftrace.c"),
    _last("ftrace: allocated ", "ftrace", "ftrace_init(), kernel/trace/ftrace.c"),
    _last("Dynamic Preempt: ", "scheduler", "preempt_dynamic_init(), kernel/sched/core.c"),
    _first(
        "rcu: Preemptible hierarchical RCU",
        "RCU",
        "rcu_bootup_announce(), kernel/rcu/tree_plugin.h",
    ),
    _first("rcu: Hierarchical RCU impl", "RCU", "rcu_bootup_announce(), kernel/rcu/tree_plugin.h"),
    _first("NR_IRQS: ", "interrupts and timers", "early_irq_init(), kernel/irq/irqdesc.c"),
    _first("calling  con_init+", "consoles", "console_init(), kernel/printk/printk.c"),
    _first("Console: colour ", "consoles", "con_init(), drivers/tty/vt/vt.c"),
    _first("ACPI: Core revision ", "ACPI early", "acpi_early_init(), drivers/acpi/bus.c"),
    _first("APIC: Switch to ", "APIC", "apic_intr_mode_init(), arch/x86/kernel/apic/apic.c"),
    _first("..TIMER: vector", "timer check", "check_timer(), arch/x86/kernel/apic/io_apic.c"),
    _first(
        "calibrating APIC timer",
        "APIC timer calibration",
        "calibrate_APIC_clock(), arch/x86/kernel/apic/apic.c; with apic=verbose",
    ),
    _last(
        "... lapic delta",
        "APIC timer calibration",
        "calibrate_APIC_clock(), arch/x86/kernel/apic/apic.c; with apic=verbose",
    ),
    _first(
        "... verify APIC timer",
        "APIC timer calibration",
        "calibrate_APIC_clock(), arch/x86/kernel/apic/apic.c; with apic=verbose",
    ),
    _last(
        "... jiffies delta",
        "APIC timer calibration",
        "calibrate_APIC_clock(), arch/x86/kernel/apic/apic.c; with apic=verbose",
    ),
    _first("Calibrating delay loop", "delay loop", "calibrate_delay(), init/calibrate.c"),
    _first("Last level iTLB entries", "boot CPU", "cpu_detect_tlb(), arch/x86/kernel/cpu/common.c"),
    _last("x86/fpu: ", "FPU", "fpu__init_system(), arch/x86/kernel/fpu"),
    _last(
        "Freeing SMP alternatives memory",
        "alternatives",
        "alternative_instructions(), arch/x86/kernel/alternative.c",
    ),
    _first("pid_max: ", "processes", "pid_idr_init(), kernel/pid.c"),
    _first("LSM: ", "security modules", "security_init(), security/security.c"),
    _last("Mount-cache hash table", "mount tables", "mnt_init(), fs/namespace.c"),
    _first("Mountpoint-cache hash table", "rest of start_kernel", "mnt_init(), fs/namespace.c"),
    _first("smpboot: CPU0: ", "SMP preparation", "smp_prepare_cpus(), arch/x86/kernel/smpboot.c"),
    _first(
        "smpboot: SMP disabled", "SMP preparation", "smp_prepare_cpus(), arch/x86/kernel/smpboot.c"
    ),
    _first("smp: Bringing up secondary CPUs", "other CPUs", "smp_init(), kernel/smp.c"),
    _last("smp: Brought up ", "other CPUs", "smp_init(), kernel/smp.c"),
    _first("smpboot: Total of ", "scheduler domains", "smp_cpus_done(), arch/x86/kernel/smpboot.c"),
    _last("node 0 deferred pages initialised", "deferred pages", "deferred_init_memmap(), mm"),
    _edge(LAST_BEFORE_INITCALLS, "devtmpfs_init(), drivers/base/devtmpfs.c"),
    _edge("Freeing unused decrypted memory", "arch/x86/mm/mem_encrypt_amd.c"),
    _last(
        "Freeing unused kernel image (initmem)", "init memory", "free_initmem(), arch/x86/mm/init.c"
    ),
    _last("Freeing unused kernel memory", "init memory", "free_initmem(), older kernels"),
    _first(
        "Write protecting the kernel", "read-only memory", "mark_rodata_ro(), arch/x86/mm/init_64.c"
    ),
    _last(
        "Freeing unused kernel image (",
        "read-only memory",
        "mark_rodata_ro(), arch/x86/mm/init_64.c",
    ),
    _last(
        "x86/mm: Checked W+X mappings", "W+X check", "ptdump_walk_pgd_level_checkwx(), arch/x86/mm"
    ),
    _last("Run /", "exec of init", "run_init_process(), init/main.c"),
)
"""Lines of x86 kernels 5.10 to 6.12, many of them of other architectures too. The first entry whose
beginning fits counts."""

ONLY_WITHOUT_KVM = frozenset({"APIC timer calibration", "timer check"})
"""Steps that guests of KVM do not take: their APIC has a TSC-deadline timer, which wants no
calibration, and their kernel does not check how the board is wired.
Source: calibrate_APIC_clock() in arch/x86/kernel/apic/apic.c, paravirt_ops_setup() in kvm.c."""

FIRST_LATE = (
    *("Freeing unused decrypted", "Freeing unused kernel", "Write protecting the kernel"),
    "Freeing init memory",  # before Linux 3.10
)
"""What the kernel prints when the initcalls are over: kernel_init() in init/main.c."""
FIRST_INITCALLS = (
    *("clocksource: jiffies: ", "NET: Registered PF_NETLINK", "NET: Registered protocol family 16"),
)
"""What core initcalls print on every architecture: init_jiffies_clocksource() in
kernel/time/jiffies.c, netlink_proto_init() in net/netlink/af_netlink.c."""


def step_of(text: str) -> Step | None:
    """Return the step that a line belongs to, if it is a well-known one."""
    for step in _BY_FIRST.get(text[:1], ()):
        if text.startswith(step.begins):
            return step
    return None


def step_frames(lines: Iterable[LogLine]) -> list[StepFrame]:
    """Cut the time between well-known lines into steps, each between two that follow each other.

    Frames of one step that touch become one; where neither line tells what was done between the
    two there is no frame. No step reaches over the initcalls, of which well-known lines tell
    nothing.
    """
    frames: list[StepFrame] = []
    before: tuple[Step, int] | None = None
    for line in lines:
        step = step_of(line.text) if line.time_ns is not None else None
        if step is None or line.time_ns is None:
            continue
        if before is not None and line.time_ns >= before[1] and _are_neighbours(before[0], step):
            teller = before[0] if before[0].side == "first" else step
            if teller is before[0] or step.side == "last":
                _append(frames, teller, before[1], line.time_ns)
        before = (step, line.time_ns)
    return frames


_PLACE = {step.begins: place for place, step in enumerate(STEPS)}
_EDGE = _PLACE[LAST_BEFORE_INITCALLS]
_MOST_BETWEEN = 9
"""Where more of the table's lines are missing between two, it is another kernel's log, and the step
is not the whole of what lay between them. Seen: 9 in 5.10 to 6.12."""


def _are_neighbours(begin: Step, end: Step) -> bool:
    """Return whether the time between two lines can be one step."""
    first, last = _PLACE[begin.begins], _PLACE[end.begins]
    same_side = first != _EDGE and (first < _EDGE) == (last <= _EDGE)
    return same_side and last - first <= _MOST_BETWEEN


def _append(frames: list[StepFrame], step: Step, start_ns: int, end_ns: int) -> None:
    if frames and frames[-1].name == step.name and frames[-1].end_ns == start_ns:
        start_ns = frames.pop().start_ns
    frames.append(StepFrame(name=step.name, start_ns=start_ns, end_ns=end_ns, source=step.source))


_BY_FIRST: dict[str, list[Step]] = {}
for _step in STEPS:
    _BY_FIRST.setdefault(_step.begins[0], []).append(_step)
