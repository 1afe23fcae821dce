"""What lines of a kernel log are known to mean for the time before or after them.

That a line is known does not prove that the time was spent on it: another CPU, a work queue or a
driver that prints nothing may lie between two lines. So this names a stretch for people, and
explains nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Side = Literal["before", "after", "between"]
"""Which time a line speaks of: what comes before it, what comes after it, or what lies between two
lines of its kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLine:
    """A kind of line."""

    pattern: re.Pattern[str]
    """Matches a line from its beginning."""
    side: Side
    means: str
    """May hold ``{0}``, the pattern's first group."""
    source: str

    def meaning(self, text: str) -> str:
        """Return what *text* is known to mean; empty: it is no such line."""
        found = self.pattern.match(text)
        return "" if found is None else self.means.format(*found.groups(""))


def _line(side: Side, pattern: str, means: str, source: str) -> KnownLine:
    return KnownLine(pattern=re.compile(pattern), side=side, means=means, source=source)


_NOTHING = "nothing in particular"
# A device's name, as dev_printk() puts it before a message.
_DEV = r"\S{1,64} \S{1,64}: "

KNOWN_LINES = (
    # Self-tests and speed tests
    _line(
        "before",
        r"alg: self-tests for \S{1,128} \((\S{1,128})\) passed",
        "crypto self-test of {0}",
        "alg_test(), crypto/testmgr.c; cryptomgr.notests skips them",
    ),
    _line("before", r"alg: ", "crypto self-tests", "alg_test(), crypto/testmgr.c"),
    _line("between", r"raid6: ", "RAID-6 speed tests", "raid6_select_algo(), lib/raid6/algos.c"),
    _line("before", r"raid6: ", "a RAID-6 speed test", "raid6_select_algo(), lib/raid6/algos.c"),
    _line("after", r"xor: measuring ", "XOR speed tests", "calibrate_xor_blocks(), crypto/xor.c"),
    _line(
        "before",
        r"xor: (?:using|automatically)|\s{1,8}\S{1,32} {0,16}: {1,9}[0-9.]{1,9} MB/sec",
        "XOR speed tests",
        "calibrate_xor_blocks(), crypto/xor.c",
    ),
    _line(
        "after",
        r"Running postponed tracer tests|Testing tracer |Running tests on (?:all )?trace events",
        "self-tests of tracers",
        "kernel/trace: CONFIG_FTRACE_STARTUP_TEST",
    ),
    _line(
        "between",
        r"(?:#|ok|not ok|KTAP|\s{1,16}(?:#|ok|not ok|KTAP|1\.\.)) ?",
        "KUnit tests",
        "lib/kunit: CONFIG_KUNIT",
    ),
    _line("between", r"test_bpf: ", "BPF self-tests", "lib/test_bpf.c"),
    _line("after", r"BTRFS: selftest: ", "Btrfs self-tests", "fs/btrfs/tests"),
    # Keyboard controller
    _line(
        "after",
        r"i8042: Probing ports directly",
        "i8042: probing for a keyboard controller",
        "i8042_probe(), drivers/input/serio/i8042.c; i8042.noprobe or i8042.nokbd i8042.noaux",
    ),
    _line(
        "before",
        r"i8042: |serio: i8042 ",
        "i8042: looking for a keyboard controller",
        "drivers/input/serio/i8042.c",
    ),
    _line(
        "before",
        r"(?:input: )?(?:AT Translated Set 2 keyboard|atkbd|psmouse) ?",
        "keyboard or mouse being reset",
        "drivers/input/keyboard/atkbd.c, drivers/input/mouse",
    ),
    # Consoles
    _line(
        "after",
        r"(?:printk: )?(?:legacy )?(?:boot)?console \[(\S{1,32})\] (?:enabled|disabled)",
        "console {0}: what was logged so far is printed on it (115200 baud: 11 characters a ms)",
        "register_console(), kernel/printk/printk.c",
    ),
    _line(
        "after",
        r"Console: switching to ",
        "the screen being redrawn",
        "do_take_over_console(), drivers/tty/vt/vt.c",
    ),
    # Entropy
    _line(
        "before",
        r"random: (?:crng|fast) init done",
        "waiting for entropy: getrandom() blocks until then",
        "crng_reseed(), drivers/char/random.c; a virtio-rng or random.trust_cpu=1 helps",
    ),
    _line(
        "after",
        r"random: \S{1,64}: uninitialized urandom read",
        "waiting for entropy: programs that need it may block",
        "drivers/char/random.c",
    ),
    # Firmware files
    _line(
        "after",
        r".{1,128}?: Falling back to (?:sysfs fallback for: (\S{1,128})|user)",
        "waiting up to 60 s for user space to supply firmware {0}",
        "firmware_fallback_sysfs(), drivers/base/firmware_loader/fallback.c",
    ),
    _line(
        "before",
        r".{1,128}?: Direct firmware load for (\S{1,128}) failed",
        "looking for firmware {0}",
        "_request_firmware(), drivers/base/firmware_loader/main.c",
    ),
    # PCI
    _line(
        "before",
        r".{1,128}?: (?:Phy link never came up|PCIe link training \S{0,9} ?timeout|PCIe link up)",
        "waiting for the link of a PCIe port",
        "dw_pcie_wait_for_link(), drivers/pci/controller",
    ),
    _line(
        "after",
        r"pci(?:eport)? \S{1,32}: not ready [0-9]{1,9}ms after",
        "waiting for a PCI device after its reset",
        "pci_dev_wait(), drivers/pci/pci.c",
    ),
    _line(
        "between",
        r"pci(?:_bus|eport)? [0-9a-f]{4}:[0-9a-f]{2}",
        "PCI: devices and their resources",
        "drivers/pci/probe.c, setup-bus.c, quirks.c",
    ),
    _line("before", r"ACPI: PCI: Interrupt link ", "ACPI: PCI interrupt links", "drivers/acpi"),
    # Storage
    _line(
        "before",
        r"ata[0-9.]{1,8}: (?:SATA link|link is slow|COMRESET failed|softreset failed)",
        "waiting for a SATA link",
        "sata_link_hardreset(), drivers/ata/libata",
    ),
    _line("before", r"ata[0-9.]{1,8}: ", "a disk's identification", "drivers/ata/libata-core.c"),
    _line(
        "before",
        r"(?:scsi|sd|sr) [0-9]{1,3}:[0-9]{1,3}:[0-9]{1,3}:[0-9]{1,9}: ",
        "a scan for SCSI devices",
        "drivers/scsi/scsi_scan.c",
    ),
    _line("after", r"scsi host[0-9]{1,3}: ", "a scan for SCSI devices", "drivers/scsi/scsi_scan.c"),
    _line(
        "after",
        r"usb-storage \S{1,32}: USB Mass Storage device detected",
        "usb-storage waits a second before its scan",
        "delay_use, drivers/usb/storage/usb.c",
    ),
    _line(
        "before",
        r"mmc[0-9]{1,2}: (?:error|new|Timeout|cannot|tried)",
        "start-up of an eMMC or SD card",
        "mmc_rescan(), drivers/mmc/core/core.c",
    ),
    _line(
        "before", r"nvme nvme[0-9]{1,3}: ", "start-up of an NVMe controller", "drivers/nvme/host"
    ),
    _line(
        "after",
        r"md: Waiting for all devices",
        "md waits for all probes",
        "autostart_arrays(), drivers/md/md-autodetect.c",
    ),
    # USB
    _line(
        "before",
        r"usb [0-9.-]{1,32}: (?:device descriptor read|device not (?:accepting|responding))",
        "a USB device that does not answer: 5 s per try",
        "hub_port_init(), drivers/usb/core/hub.c",
    ),
    _line(
        "before",
        r"usb [0-9.-]{1,32}: new |hub [0-9.:-]{1,32}: |usb usb[0-9]{1,3}: ",
        "USB: ports and hubs",
        "hub_port_init(), drivers/usb/core/hub.c",
    ),
    # Network
    _line(
        "after",
        r"IP-Config: |Sending (?:DHCP|BOOTP|RARP)|Waiting up to [0-9]{1,5} more seconds for net",
        "ip= on the command line: waiting for a network device or an address",
        "ip_auto_config(), net/ipv4/ipconfig.c",
    ),
    _line(
        "before",
        r"IP-Config: |Waiting up to [0-9]{1,5} more seconds for network",
        "ip= on the command line: waiting for a network device or an address",
        "ip_auto_config(), net/ipv4/ipconfig.c",
    ),
    _line(
        "before",
        r"IPv6: ADDRCONF\(NETDEV_CHANGE\): (\S{1,32}): link becomes ready"
        r"|.{0,96}?(\S{1,32}): (?:NIC )?[Ll]ink is [Uu]p",
        "waiting for a network link {0}{1}",
        "net/ipv6/addrconf.c, drivers/net/phy/phy.c: a PHY negotiates for 1 to 3 s",
    ),
    # Root filesystem and initramfs
    _line(
        "after",
        r"Waiting for root device |Waiting [0-9]{1,5} ?sec before mounting root",
        "waiting for the root device",
        "prepare_namespace(), init/do_mounts.c",
    ),
    _line(
        "after",
        r"(?:Trying to unpack rootfs|Unpacking initramfs|checking if image is initramfs)",
        "unpacking the initramfs",
        "do_populate_rootfs(), init/initramfs.c",
    ),
    _line(
        "before",
        r"Freeing initrd memory",
        "unpacking the initramfs",
        "do_populate_rootfs(), init/initramfs.c",
    ),
    _line(
        "before",
        r"EXT[234]-fs \(\S{1,64}\): (?:recovery complete|mounted)|XFS \(\S{1,64}\): Ending"
        r"|BTRFS info|VFS: Mounted root",
        "mounting a filesystem, with its journal's recovery",
        "fs/ext4/super.c, fs/xfs/xfs_log.c",
    ),
    # Processors and clocks
    _line(
        "after",
        r"Calibrating delay loop\.\.\. ?$",
        "calibrating the delay loop",
        "calibrate_delay(), init/calibrate.c; lpj= skips it",
    ),
    _line(
        "after",
        r"(?:smp: Bringing up secondary CPUs|x86: Booting SMP configuration)",
        "starting the other CPUs",
        "smp_init(), kernel/smp.c",
    ),
    _line(
        "before",
        r"smp: Brought up |Brought up [0-9]{1,5} CPUs|CPU[0-9]{1,5}: (?:Booted secondary|failed)",
        "starting the other CPUs",
        "smp_init(), kernel/smp.c",
    ),
    _line(
        "before",
        r"tsc: Refined TSC|clocksource: Switched to|Switched to clocksource",
        f"{_NOTHING}: a work queue's line, printed a while after the clock was set up",
        "tsc_refine_calibration_work(), arch/x86/kernel/tsc.c; kernel/time/clocksource.c",
    ),
    _line(
        "before", r"rtc\S{0,16} |hctosys: ", "reading the real-time clock", "drivers/rtc/class.c"
    ),
    # Firmware of the machine
    _line(
        "before",
        r"ACPI: (?:[0-9]{1,4} ACPI AML tables|Interpreter enabled|Dynamic OEM Table|EC: )",
        "ACPI tables being loaded and run",
        "acpi_init(), drivers/acpi/bus.c",
    ),
    _line("after", r"pnp: PnP ACPI init", "ACPI: devices", "pnpacpi_init(), drivers/pnp/pnpacpi"),
    _line(
        "before", r"tpm\S{0,16} \S{1,64}: |ima: ", "a TPM's self-test", "drivers/char/tpm, security"
    ),
    _line(
        "before",
        r"(?:\S{1,32}: )?Load(?:ed|ing) (?:compiled-in )?X\.509|integrity: Loading",
        "certificates being loaded",
        "certs/system_keyring.c",
    ),
    # Waits by design
    _line(
        "before",
        _DEV + r"deferred probe pending|platform \S{1,64}: deferred probe",
        f"{_NOTHING}: a timer's line, 10 s after the last driver was registered",
        "deferred_probe_timeout_work_func(), drivers/base/dd.c",
    ),
    _line(
        "before",
        r"\S{1,64}: disabling$",
        f"{_NOTHING}: a timer's line, 30 s after the kernel's start",
        "regulator_init_complete_work_function(), drivers/regulator/core.c",
    ),
    _line(
        "after",
        r"xenbus_probe_frontend: Waiting|XENBUS: Waiting",
        "waiting for Xen's devices",
        "wait_for_devices(), drivers/xen/xenbus/xenbus_probe_frontend.c",
    ),
    _line(
        "before",
        r"(?:rcu: )?INFO: (?:rcu_\S{1,32} (?:self-)?detected|task \S{1,64} blocked for)",
        "something that hangs",
        "kernel/rcu/tree_stall.h, kernel/hung_task.c",
    ),
    _line("after", r"ftrace: allocating ", "ftrace", "ftrace_init(), kernel/trace/ftrace.c"),
    # PID 1
    _line(
        "before",
        r"systemd\[1\]: (?:.{0,200}?Job \S{1,255}/start timed out|Timed out waiting for )",
        "a unit that never came up: 90 s by default",
        "DefaultTimeoutStartSec=, systemd-system.conf(5)",
    ),
)
"""The first that fits counts."""


def known(before: str, after: str) -> tuple[str, str, bool]:
    """Return what a stretch between two lines is known to mean, its source, and whether both lines
    are of that kind; empty texts: nothing is known."""
    for line in KNOWN_LINES:
        if line.side == "between" and line.meaning(before) and line.meaning(after):
            return line.meaning(after), line.source, True
    found: list[tuple[str, str]] = []
    for side, text in (("after", before), ("before", after)):
        meanings = ((line.meaning(text), line.source) for line in KNOWN_LINES if line.side == side)
        told = next((pair for pair in meanings if pair[0]), None)
        # Two lines of one thing, such as the i8042's, say it once.
        if told and not any(told[0].split(":")[0] == other.split(":")[0] for other, _ in found):
            found.append(told)
    if len(found) == 2:
        found = [pair for pair in found if not pair[0].startswith(_NOTHING)] or found[:1]
    return "; or ".join(pair[0] for pair in found), "; ".join(pair[1] for pair in found), False
