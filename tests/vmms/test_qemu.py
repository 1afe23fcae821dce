"""QEMU's command line, option by option; and what is said when QEMU does not start."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from bootwright.digest import Digest
from bootwright.disks.disk import Drive, Form
from bootwright.errors import HostError, VmmError
from bootwright.networks.user import Forward
from bootwright.recipes.recipe import Recipe
from bootwright.timelines.recorder import Recorder
from bootwright.vmms import qemu_running
from bootwright.vmms.protocol import LaunchPlan
from bootwright.vmms.qemu import Qemu

FULL = Recipe(
    kernel=Digest("sha256-" + "1" * 64),
    image=Digest("sha256-" + "2" * 64),
    init="systemd",
    cmdline=("console=ttyS0", "quiet", "net.ifnames=0"),
    vmm="qemu",
    vmm_build="7.2.0",
    accelerator="tcg",
    machine_type="q35",
    cpu="qemu64,+rdrand",
    memory_mib=512,
    vcpus=2,
    disk="qcow2",
    disk_bytes=1 << 30,
    network="user",
)
TINY = replace(
    FULL,
    image=None,
    init="none",
    disk="none",
    disk_bytes=0,
    network="none",
    machine_type="microvm",
    accelerator="kvm",
    cpu="host",
    memory_mib=128,
    vcpus=1,
)


def place(folder: Path, *, disk: bool = True, form: Form = "qcow2") -> LaunchPlan:
    drive = Drive(path=folder / "disk", form=form, size_bytes=1 << 30)
    return LaunchPlan(
        name="web",
        kernel=folder / "vmlinux",
        initrd=folder / "initrd",
        drives=(drive,) if disk else (),
        log=folder / "vmm.log",
        mac="52:54:00:01:02:03",
        forwards=(Forward(host_port=0, guest_port=22),) if disk else (),
    )


def pairs(argv: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return each option with the word behind it."""
    return [(a, b) for a, b in zip(argv, (*argv[1:], ""), strict=True) if a.startswith("-")]


def fake_qemu(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "bin" / "qemu-system-x86_64"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)


def test_qemu_plan_of_a_machine_with_a_disk() -> None:
    assert Qemu().plan(FULL, place(Path("/m"))) == (
        *("setpriv", "--pdeathsig=KILL", "--", "qemu-system-x86_64", "-name", "web"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-S"),
        *("-M", "q35", "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "qemu64,+rdrand"),
        *("-m", "512", "-smp", "2", "-kernel", "/m/vmlinux", "-initrd", "/m/initrd"),
        *("-append", "console=ttyS0 quiet net.ifnames=0"),
        *("-chardev", "socket,id=qmp,fd=3", "-mon", "chardev=qmp,mode=control"),
        *("-chardev", "socket,id=console,fd=4", "-device", "isa-serial,chardev=console"),
        *("-chardev", "socket,id=marks,fd=5", "-device", "isa-serial,chardev=marks"),
        *("-blockdev", "qcow2,node-name=disk0,file.driver=file,file.filename=/m/disk"),
        *("-device", "virtio-blk-pci,drive=disk0"),
        *("-netdev", "user,id=net,hostfwd=tcp:127.0.0.1:0-:22"),
        *("-device", "virtio-net-pci,netdev=net,mac=52:54:00:01:02:03,romfile="),
    )


def test_qemu_plan_with_kvm_changes_only_the_accelerator() -> None:
    tcg = Qemu().plan(FULL, place(Path("/m")))
    kvm = Qemu().plan(replace(FULL, accelerator="kvm"), place(Path("/m")))
    differing = [(a, b) for a, b in zip(tcg, kvm, strict=True) if a != b]
    assert differing == [("tcg,thread=multi,tb-size=512", "kvm")]


def test_qemu_plan_of_a_tiny_guest_has_no_disk_or_network() -> None:
    options = pairs(Qemu().plan(TINY, place(Path("/m"), disk=False)))
    assert ("-M", "microvm,acpi=off,rtc=on") in options
    assert ("-accel", "kvm") in options
    assert ("-cpu", "host") in options
    assert ("-m", "128") in options
    assert [value for option, value in options if option == "-device"] == [
        "isa-serial,chardev=console",
        "isa-serial,chardev=marks",
    ]
    assert not {"-blockdev", "-netdev"} & {option for option, _ in options}


def test_qemu_plan_of_microvm_uses_mmio_and_no_boot_rom() -> None:
    options = pairs(Qemu().plan(replace(FULL, machine_type="microvm"), place(Path("/m"))))
    assert ("-device", "virtio-blk-device,drive=disk0") in options
    assert ("-device", "virtio-net-device,netdev=net,mac=52:54:00:01:02:03") in options


@pytest.mark.parametrize("recipe", [FULL, replace(FULL, machine_type="microvm")])
def test_qemu_plan_listens_on_loopback_only(recipe: Recipe) -> None:
    published = replace(
        place(Path("/m")),
        forwards=(Forward(host_port=0, guest_port=22), Forward(host_port=8080, guest_port=80)),
    )
    argv = Qemu().plan(recipe, published)
    rules = [part for word in argv for part in word.split(",") if part.startswith("hostfwd=")]
    assert rules == ["hostfwd=tcp:127.0.0.1:0-:22", "hostfwd=tcp:127.0.0.1:8080-:80"]
    listening = {"-vnc", "-spice", "-gdb", "-s", "-qmp", "-monitor", "-serial", "-incoming"}
    assert not listening & set(argv)
    assert "-nodefaults" in argv
    assert not [word for word in argv if "server" in word or "0.0.0.0" in word]


def test_qemu_plan_seeds_random_numbers_only_by_the_recipe() -> None:
    assert "-seed" not in Qemu().plan(FULL, place(Path("/m")))
    for seed in (0, 7):
        argv = Qemu().plan(replace(FULL, random_seed=seed), place(Path("/m")))
        assert ("-seed", str(seed)) in pairs(argv)


VIRTUAL = replace(
    FULL, vcpus=1, disk="pmem", network="none", random_seed=7, clock="virtual", memory_mib=256
)


def test_qemu_plan_on_the_virtual_clock() -> None:
    assert Qemu().plan(VIRTUAL, place(Path("/m"), form="memory")) == (
        *("setpriv", "--pdeathsig=KILL", "--", "qemu-system-x86_64", "-name", "web"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-S"),
        *("-M", "q35", "-accel", "tcg,thread=single,tb-size=512", "-cpu", "qemu64,+rdrand"),
        *("-m", "256,maxmem=2304M,slots=1", "-smp", "1"),
        *("-kernel", "/m/vmlinux", "-initrd", "/m/initrd"),
        *("-append", "console=ttyS0 quiet net.ifnames=0"),
        *("-chardev", "socket,id=qmp,fd=3", "-mon", "chardev=qmp,mode=control"),
        *("-add-fd", "fd=4,set=4", "-chardev", "file,id=console,path=/dev/fdset/4,append=on"),
        *("-device", "isa-serial,chardev=console"),
        *("-add-fd", "fd=5,set=5", "-chardev", "file,id=marks,path=/dev/fdset/5,append=on"),
        *("-device", "isa-serial,chardev=marks"),
        "-object",
        "memory-backend-file,id=disk0,mem-path=/m/disk,size=1073741824,share=off",
        *("-device", "virtio-pmem-pci,memdev=disk0", "-seed", "7"),
        *("-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01T00:00:00,clock=vm"),
    )


@pytest.mark.parametrize("recipe", [FULL, VIRTUAL])
def test_qemu_plan_traces_accesses_only_when_counted(recipe: Recipe) -> None:
    plain = Qemu().plan(recipe, place(Path("/m")))
    assert not {"-trace", "-D"} & set(plain)
    counted = Qemu().plan(recipe, replace(place(Path("/m")), counted_until="token the.end"))
    assert counted == (
        *plain,
        *("-trace", "memory_region_ops_read", "-trace", "memory_region_ops_write"),
        *("-D", "/dev/fd/6"),
    )


def test_qemu_plan_of_pmem_on_the_wall_clock() -> None:
    options = pairs(Qemu().plan(replace(FULL, disk="pmem"), place(Path("/a,b"), form="memory")))
    assert ("-accel", "tcg,thread=multi,tb-size=512") in options
    assert ("-chardev", "socket,id=marks,fd=5") in options
    assert dict(options)["-object"].startswith("memory-backend-file,id=disk0,mem-path=/a,,b/disk,")
    assert "-icount" not in dict(options)


def test_qemu_plan_escapes_commas_in_paths() -> None:
    options = dict(pairs(Qemu().plan(FULL, place(Path("/a,b")))))
    assert options["-blockdev"].endswith("file.filename=/a,,b/disk")
    assert options["-kernel"] == "/a,b/vmlinux"


def test_qemu_plan_touches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    place_ = place(tmp_path / "absent")
    assert Qemu().plan(FULL, place_) == Qemu().plan(FULL, place_)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("recipe", "drivers"),
    [
        (FULL, ["virtio_pci", "virtio_blk", "virtio_net"]),
        (replace(FULL, machine_type="microvm", network="none"), ["virtio_mmio", "virtio_blk"]),
        (replace(FULL, disk="pmem", network="none"), ["virtio_pci", "virtio_pmem", "nd_pmem"]),
        (TINY, []),
        (replace(TINY, network="user"), ["virtio_mmio", "virtio_net"]),
    ],
)
def test_qemu_drivers_of_a_guest(recipe: Recipe, drivers: list[str]) -> None:
    assert Qemu().drivers(recipe) == drivers


def test_qemu_block_device_is_a_whole_disk_or_a_partition() -> None:
    assert Qemu().block_device(FULL, 0) == "/dev/vda"
    assert Qemu().block_device(FULL, 0, 2) == "/dev/vda2"
    assert Qemu().block_device(FULL, 1) == "/dev/vdb"
    assert Qemu().block_device(VIRTUAL, 0) == "/dev/pmem0"
    assert Qemu().block_device(VIRTUAL, 0, 2) == "/dev/pmem0p2"


def test_qemu_plan_opens_shared_images_read_only_and_devices_as_such() -> None:
    drives = (
        Drive(path=Path("/i/disk.raw"), form="raw", size_bytes=512, is_read_only=True),
        Drive(
            path=Path("/dev/dm-3"),
            form="raw",
            size_bytes=512,
            is_block_device=True,
            is_direct=True,
        ),
    )
    argv = Qemu().plan(FULL, replace(place(Path("/m")), drives=drives))
    assert [value for option, value in pairs(argv) if option == "-blockdev"] == [
        "raw,node-name=disk0,read-only=on,file.driver=file,file.filename=/i/disk.raw,"
        "file.read-only=on",
        "raw,node-name=disk1,cache.direct=on,file.driver=host_device,file.filename=/dev/dm-3,"
        "file.cache.direct=on",
    ]
    assert ("-device", "virtio-blk-pci,drive=disk1") in pairs(argv)


def test_qemu_build_is_its_version_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_qemu(tmp_path, monkeypatch, "echo 'QEMU emulator version 9.9.1 (Some 1:9.9)'; echo more")
    assert Qemu().build() == "9.9.1 (Some 1:9.9)"


def test_qemu_build_without_a_version_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_qemu(tmp_path, monkeypatch, "echo 'cannot load libfoo' >&2; exit 127")
    with pytest.raises(HostError, match=r"--version printed no version: cannot load libfoo$"):
        Qemu().build()


def test_qemu_missing_names_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("bootwright.host.tools._SBIN", "")
    with pytest.raises(HostError) as bad:
        Qemu().build()
    assert str(bad.value) == "not installed here: qemu-system-x86_64 (boots machines)"
    assert "sudo apt-get install qemu-system-x86;" in bad.value.hint


def is_alive(pid_file: Path) -> bool:
    return Path("/proc", pid_file.read_text().strip()).exists()


async def launched(folder: Path, recorder: Recorder) -> VmmError:
    """Launch, and return the error that this must end in."""
    with pytest.raises(VmmError) as bad:
        async with Qemu().start(FULL, place(folder), recorder).attached():
            pytest.fail("there is no QEMU to talk to")
    return bad.value


async def test_qemu_launch_quotes_a_qemu_that_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_qemu(
        tmp_path,
        monkeypatch,
        f"echo $$ >{tmp_path}/pid; echo 'qemu-system-x86_64: -cpu nosuch: no such CPU' >&2; exit 3",
    )
    recorder = Recorder()
    descriptors = len(os.listdir("/proc/self/fd"))
    error = await launched(tmp_path, recorder)
    assert str(error) == "QEMU did not start (exit status 3)"
    assert error.evidence == "-cpu nosuch: no such CPU"
    assert "--dry-run prints the whole command" in error.hint
    assert [mark.name for mark in recorder.marks()] == ["vmm.exec"]
    assert not is_alive(tmp_path / "pid")
    await asyncio.sleep(0)  # the loop closes the sockets in its next round
    assert len(os.listdir("/proc/self/fd")) == descriptors


async def test_qemu_launch_names_the_signal_that_killed_qemu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_qemu(tmp_path, monkeypatch, "kill -SEGV $$")
    assert str(await launched(tmp_path, Recorder())) == "QEMU did not start (exit status -11)"


async def test_qemu_launch_names_a_busy_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = (
        "qemu-system-x86_64: -netdev user,id=net,hostfwd=tcp:127.0.0.1:8080-:80: "
        "Could not set up host forwarding rule 'tcp:127.0.0.1:8080-:80'"
    )
    fake_qemu(tmp_path, monkeypatch, f'echo "{said}" >&2; exit 1')
    error = await launched(tmp_path, Recorder())
    assert str(error) == "port 8080 of 127.0.0.1 is already in use (exit status 1)"
    assert error.hint == ("publish another port, or 0 for any free one; ss -ltnp shows who uses it")


async def test_qemu_launch_runs_the_plan_with_inherited_sockets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_qemu(tmp_path, monkeypatch, f'for word; do echo "$word"; done >{tmp_path}/given; exit 1')
    await launched(tmp_path, Recorder())
    given = (tmp_path / "given").read_text().splitlines()
    planned = list(Qemu().plan(FULL, place(tmp_path))[4:])
    differing = [(p, g) for p, g in zip(planned, given, strict=True) if p != g]
    assert [p.partition("fd=")[0] for p, _ in differing] == [
        g.partition("fd=")[0] for _, g in differing
    ]
    assert all(",fd=" in p for p, _ in differing)


def test_qemu_words_of_memory_are_parsed() -> None:
    shown = (
        "ffffffff82659d00: 0x0000000000000005 0x000000000002a6f4\r\n"
        "ffffffff82659d10: 0xffffffffffffffff\r\n"
    )
    assert qemu_running._words(shown) == (5, 173812, (1 << 64) - 1)
    assert qemu_running._words("ffffffff82659d00: Cannot access memory\r\n") == ()
    assert qemu_running._words("") == ()


def test_qemu_pm_timer_ns_is_parsed() -> None:
    assert qemu_running._pm_timer_ns("portw[0x0608] = 0x369e99\r\n") == 1_000_000_000
    # Before the firmware has placed it, nobody answers.
    assert qemu_running._pm_timer_ns("portw[0x0608] = 0xffffffff\r\n") is None
    assert qemu_running._pm_timer_ns("") is None


def test_qemu_plan_gives_a_nested_guest_virtualization() -> None:
    tcg = replace(FULL, accelerator="tcg", cpu="qemu64,+rdrand")
    assert "svm" not in dict(pairs(Qemu().plan(tcg, place(Path("/m")))))["-cpu"]
    nested = dict(pairs(Qemu().plan(replace(tcg, nested=True), place(Path("/m")))))
    assert nested["-cpu"] == "qemu64,+rdrand,+svm,+npt"
    kvm = replace(FULL, accelerator="kvm", cpu="host", nested=True)
    assert dict(pairs(Qemu().plan(kvm, place(Path("/m")))))["-cpu"] == "host"
