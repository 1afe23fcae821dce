"""QEMU's command line: from a recipe and a placement to the exact words.

Source: qemu(1); docs/system/replay.rst and docs/devel/tcg-icount.rst for -icount.
"""

from __future__ import annotations

from bootwright.disks.disk import Drive
from bootwright.networks import user
from bootwright.recipes.recipe import MIB, Recipe
from bootwright.vmms.protocol import LaunchPlan

PROGRAM = "qemu-system-x86_64"

_VIRTUAL_CLOCK = (
    # A nanosecond an instruction; where the guest waits, the clock goes on at once.
    *("-icount", "shift=0,sleep=off"),
    # The date is in the guest's clock too, or each boot would see another one.
    *("-rtc", "base=2026-01-01T00:00:00,clock=vm"),
)


def argv(recipe: Recipe, placement: LaunchPlan, fds: tuple[int, ...]) -> tuple[str, ...]:
    """Return QEMU's argv.

    Args:
        fds: The numbers of the inherited sockets: QMP, console, mark port; where accesses are
            counted also of the pipe that tells of them.
    """
    machine = {"q35": "q35", "microvm": "microvm,acpi=off,rtc=on"}[recipe.machine_type]
    # Instructions are counted only while one thread runs them all.
    options = [option for option in recipe.vmm_options if not option.startswith("tb-size=")]
    machine = ",".join([machine, *options])
    [tb_size] = set(recipe.vmm_options) - set(options) or {"tb-size=512"}
    threads = "single" if recipe.guest_clock.counts_instructions else "multi"
    accelerator = {"tcg": f"tcg,thread={threads},{tb_size}", "kvm": "kvm"}[recipe.accelerator]
    bus = "device" if recipe.machine_type == "microvm" else "pci"
    words = [
        # The kernel ends QEMU when the monitor dies, however it dies. Source: prctl(2).
        *("setpriv", "--pdeathsig=KILL", "--"),
        *(PROGRAM, "-name", placement.name),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-S"),
        *("-M", machine, "-accel", accelerator, "-cpu", _cpu(recipe)),
        *("-m", _memory(recipe, placement), "-smp", str(recipe.vcpus)),
        *("-kernel", str(placement.kernel), "-initrd", str(placement.initrd)),
        *("-append", " ".join(recipe.cmdline)),
        *("-chardev", f"socket,id=qmp,fd={fds[0]}", "-mon", "chardev=qmp,mode=control"),
        *_serial_port(recipe, "console", fds[1]),
        *_serial_port(recipe, "marks", fds[2]),
    ]
    for number, drive in enumerate(placement.drives):
        words += _drive(drive, f"disk{number}", bus)
    if recipe.network == "user":
        # Without romfile= QEMU would load a network boot ROM that no machine of ours runs.
        rom = "" if bus == "device" else ",romfile="
        words += ["-netdev", user.netdev(placement.forwards)]
        words += ["-device", f"virtio-net-{bus},netdev=net,mac={placement.mac}{rom}"]
    if recipe.random_seed is not None:
        words += ["-seed", str(recipe.random_seed)]
    if recipe.guest_clock.counts_instructions:
        words += _VIRTUAL_CLOCK
    if placement.counted_until:
        from bootwright.vmms.qemu_trace import EVENTS  # here: few boots are counted

        words += [word for event in EVENTS for word in ("-trace", event)]
        # A log is opened by its name: the pipe, a second time.
        words += ["-D", f"/dev/fd/{fds[3]}"]
    return tuple(words)


def _cpu(recipe: Recipe) -> str:
    # TCG emulates AMD's virtualization, with nested paging, and no other. With KVM, the host's CPU
    # has its virtualization if KVM lets guests have it.
    emulated = recipe.nested and recipe.accelerator == "tcg"
    return f"{recipe.cpu},+svm,+npt" if emulated else recipe.cpu


def _serial_port(recipe: Recipe, name: str, fd: int) -> list[str]:
    device = ["-device", f"isa-serial,chardev={name}"]
    if not recipe.guest_clock.is_closed:
        return ["-chardev", f"socket,id={name},fd={fd}", *device]
    # A pipe; see where it is made.
    opened = ["-add-fd", f"fd={fd},set={fd}"]
    return [*opened, "-chardev", f"file,id={name},path=/dev/fdset/{fd},append=on", *device]


def _memory(recipe: Recipe, placement: LaunchPlan) -> str:
    mapped = [drive for drive in placement.drives if drive.form == "memory"]
    if not mapped:
        return str(recipe.memory_mib)
    from bootwright.disks import pmem  # here: few boots have it

    # Persistent memory lies above the other, in room that has to be set aside for it.
    room_bytes = sum(drive.size_bytes + pmem.ROOM_BYTES for drive in mapped)
    most_mib = recipe.memory_mib + room_bytes // MIB
    return f"{recipe.memory_mib},maxmem={most_mib}M,slots={len(mapped)}"


def _drive(drive: Drive, name: str, bus: str) -> list[str]:
    file = str(drive.path).replace(",", ",,")
    if drive.form == "memory":
        # share=off: what the guest writes goes to pages of its own, and the file stays as it is.
        backend = f"memory-backend-file,id={name},mem-path={file},size={drive.size_bytes},share=off"
        return ["-object", backend, "-device", f"virtio-pmem-{bus},memdev={name}"]
    read_only = ",read-only=on" if drive.is_read_only else ""
    cache = ",cache.direct=on" if drive.is_direct else ""
    driver = "host_device" if drive.is_block_device else "file"
    return [
        "-blockdev",
        f"{drive.form},node-name={name}{read_only}{cache},file.driver={driver},file.filename={file}"
        + (",file.read-only=on" if drive.is_read_only else "")
        + (",file.cache.direct=on" if drive.is_direct else ""),
        *("-device", f"virtio-blk-{bus},drive={name}"),
    ]
