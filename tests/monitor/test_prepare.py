"""From a recipe and an identity to the files that a VMM is given."""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bootwright.disks.disk import Drive
from bootwright.errors import FormatError, InputError
from bootwright.events import ignore
from bootwright.guest.initramfs import store_guest_files
from bootwright.home import Home
from bootwright.images.image import Image
from bootwright.kernels.kernel import Kernel
from bootwright.machines.folder import MachineFolder
from bootwright.machines.parts import parts_of
from bootwright.machines.spec import MachineSpec
from bootwright.monitor import prepare
from bootwright.networks.user import Forward
from bootwright.recipes.recipe import Recipe
from tests.machines.samples import IDENTITY, RECIPE

MODULES = {f"{name}.ko": name.encode() for name in ("virtio_pci", "virtio_blk", "virtio_net")}


@pytest.fixture
def recipe(add_kernel: Callable[..., Kernel], add_image: Callable[..., Image]) -> Recipe:
    kernel = add_kernel(modules=MODULES | {"ext4.ko": b"ext4"})
    image = add_image()
    return replace(RECIPE, kernel=kernel.digest, image=image.digest, disk_bytes=image.size_bytes)


@pytest.fixture
def tiny(recipe: Recipe) -> Recipe:
    return replace(recipe, image=None, init="none", disk="none", disk_bytes=0, network="none")


def written(
    home: Home,
    recipe: Recipe,
    folder: Path,
    *,
    new_disk: bool = True,
    console_login: bool = False,
) -> list[bytes]:
    """Write an initrd and return the archives in it."""
    target = folder / "initrd"
    prepare.write_initrd(
        home,
        parts_of(home, recipe),
        IDENTITY,
        target,
        authorized_key="ssh-ed25519 BBBB me",
        command=() if recipe.image else ("echo", "a b"),
        new_disk=new_disk,
        console_login=console_login,
    )
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    content = target.read_bytes()
    # Each archive ends with its trailer, padded to four bytes.
    archives = []
    while content:
        end = content.index(b"TRAILER!!!\0") + 11
        end += -end % 4
        archives.append(content[:end])
        content = content[end:]
    return archives


def paths(archive: bytes) -> list[str]:
    done = subprocess.run(["busybox", "cpio", "-t"], input=archive, capture_output=True, check=True)
    return done.stdout.decode().splitlines()


def variables(archive: bytes, folder: Path) -> dict[str, str]:
    """Return what the initramfs is told."""
    argv = ["busybox", "cpio", "-idu", "bootwright/machine"]
    subprocess.run(argv, input=archive, cwd=folder, check=True)
    lines = (folder / "bootwright/machine").read_text().splitlines()
    return {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}


def test_write_initrd_puts_modules_before_init(home: Home, recipe: Recipe, tmp_path: Path) -> None:
    modules, initramfs = written(home, recipe, tmp_path)
    assert paths(modules) == [
        "modules",
        *(f"modules/{name}.ko" for name in ("virtio_pci", "virtio_blk", "virtio_net", "ext4")),
    ]
    assert "bootwright/run/bootwright/authorized_keys" in paths(initramfs)
    told = variables(initramfs, tmp_path)
    assert told["modules"].split() == paths(modules)[1:]
    assert (told["root"], told["filesystem"], told["grow"]) == ("/dev/vda", "ext4", "")
    assert (told["address"], told["gateway"], told["resolver"]) == (
        *("10.0.2.15/24", "10.0.2.2", "10.0.2.3"),
    )


def test_write_initrd_of_a_tiny_guest_has_no_modules_or_address(
    home: Home, tiny: Recipe, tmp_path: Path
) -> None:
    [initramfs] = written(home, tiny, tmp_path)
    assert "bootwright/command" in paths(initramfs)
    told = variables(initramfs, tmp_path)
    assert (told["modules"], told["root"], told["address"]) == ("", "", "")


@pytest.mark.parametrize(("new_disk", "grow"), [(True, "1"), (False, "")])
def test_write_initrd_grows_only_a_new_disk(
    new_disk: bool, grow: str, home: Home, recipe: Recipe, tmp_path: Path
) -> None:
    larger = replace(recipe, disk_bytes=recipe.disk_bytes * 2)
    told = variables(written(home, larger, tmp_path, new_disk=new_disk)[-1], tmp_path)
    assert told["grow"] == grow


def test_write_initrd_names_a_root_partition(
    home: Home, recipe: Recipe, add_image: Callable[..., Image], tmp_path: Path
) -> None:
    image = add_image("cloud", partition=3)
    told = variables(written(home, replace(recipe, image=image.digest), tmp_path)[-1], tmp_path)
    assert told["root"] == "/dev/vda3"


def test_write_initrd_includes_the_images_filesystem(
    home: Home, recipe: Recipe, add_image: Callable[..., Image], tmp_path: Path
) -> None:
    image = add_image("rocky", filesystem="xfs")
    with pytest.raises(FormatError, match="the kernel has no driver xfs"):
        written(home, replace(recipe, image=image.digest), tmp_path)


def test_write_initrd_has_a_console_login_only_where_asked(
    home: Home, recipe: Recipe, tmp_path: Path
) -> None:
    drop_in = "bootwright/run/systemd/system/serial-getty@ttyS0.service.d/50-bootwright-login.conf"
    assert drop_in not in paths(written(home, recipe, tmp_path)[-1])
    assert drop_in in paths(written(home, recipe, tmp_path, console_login=True)[-1])


def made(home: Home, recipe: Recipe, folder: Path) -> tuple[Drive, ...]:
    """Make a machine's disk, and return its drives."""
    spec = MachineSpec(name="web", recipe=recipe)
    found = prepare.disk_of(home, MachineFolder(folder), spec, parts_of(home, recipe))
    assert found is not None
    kind, place = found
    kind.make(place, ignore)
    return kind.drives(place)


def test_disk_of_lies_over_the_image(home: Home, recipe: Recipe, tmp_path: Path) -> None:
    made(home, recipe, tmp_path)
    argv = ["qemu-img", "info", "--output=json", str(tmp_path / "disk.qcow2")]
    seen = json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)
    assert seen["virtual-size"] == recipe.disk_bytes
    assert seen["backing-filename"] == str(home.images / str(recipe.image) / "disk.raw")


def test_disk_of_refuses_a_disk_smaller_than_the_image(
    home: Home, recipe: Recipe, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"^a disk of 512 bytes is smaller than its image /"):
        made(home, replace(recipe, disk_bytes=512), tmp_path)


def test_disk_of_a_tiny_guest_is_none(home: Home, tiny: Recipe, tmp_path: Path) -> None:
    spec = MachineSpec(name="t", recipe=tiny)
    assert prepare.disk_of(home, MachineFolder(tmp_path), spec, parts_of(home, tiny)) is None


def test_placement_forwards_the_ssh_port_first(home: Home, recipe: Recipe) -> None:
    spec = MachineSpec(name="web", recipe=recipe, publish=(Forward(host_port=80, guest_port=80),))
    folder = MachineFolder(home.machines / "web")
    place = prepare.placement(folder, spec, parts_of(home, recipe), mac="52:54:00:00:00:01")
    assert place.forwards == (Forward(host_port=0, guest_port=22), *spec.publish)
    assert (place.initrd, place.log) == (folder.initrd, folder.vmm_log)
    assert place.kernel == home.kernels / recipe.kernel / "vmlinux"


def test_placement_of_a_tiny_guest_has_no_disk_or_forwards(home: Home, tiny: Recipe) -> None:
    spec = MachineSpec(name="t", recipe=tiny, publish=(Forward(host_port=80, guest_port=80),))
    place = prepare.placement(
        MachineFolder(home.machines / "t"), spec, parts_of(home, tiny), mac=""
    )
    assert (place.drives, place.forwards) == ((), ())


def test_planned_steps_are_the_vmm_and_the_login(home: Home, recipe: Recipe, tiny: Recipe) -> None:
    (vmm, vmm_argv), (log_in, ssh_argv) = prepare.planned(
        home, MachineSpec(name="web", recipe=recipe), ("uname", "-a")
    )
    assert vmm.startswith("the VMM, ")
    assert vmm_argv[vmm_argv.index("-name") + 1] == "web"
    assert log_in.startswith("the log-in; ")
    assert ssh_argv[-3:] == ("root@127.0.0.1", "--", "uname -a")
    tiny_steps = prepare.planned(home, MachineSpec(name="t", recipe=tiny), ("true",))
    assert [comment for comment, _ in tiny_steps] == [vmm]
    assert not home.machines.exists()


@pytest.fixture
def mapped(recipe: Recipe, add_kernel: Callable[..., Kernel]) -> Recipe:
    names = ("virtio_pci", "virtio_pmem", "nd_pmem", "ext4")
    kernel = add_kernel("pmem", modules={f"{name}.ko": name.encode() for name in names})
    return replace(recipe, kernel=kernel.digest, disk="pmem", network="none")


def test_disk_of_pmem_is_the_image_itself(home: Home, mapped: Recipe, tmp_path: Path) -> None:
    modules, initramfs = written(home, mapped, tmp_path)
    assert paths(modules)[1:] == [
        f"modules/{name}.ko" for name in ("virtio_pci", "virtio_pmem", "nd_pmem", "ext4")
    ]
    told = variables(initramfs, tmp_path)
    assert (told["root"], told["options"], told["volatile"]) == ("/dev/pmem0", "dax", "pmem0")
    [drive] = made(home, mapped, tmp_path)
    assert drive.form == "memory"
    assert drive.path.resolve() == (home.images / str(mapped.image) / "disk.raw").resolve()


def test_write_initrd_joins_two_disks_of_an_overlay(
    home: Home, recipe: Recipe, add_kernel: Callable[..., Kernel], tmp_path: Path
) -> None:
    names = ("virtio_pci", "virtio_blk", "virtio_net", "ext4", "overlay")
    kernel = add_kernel("joins", modules={f"{name}.ko": name.encode() for name in names})
    joined = replace(recipe, kernel=kernel.digest, disk="overlay", disk_bytes=1 << 30)
    modules, initramfs = written(home, joined, tmp_path)
    assert "modules/overlay.ko" in paths(modules)
    told = variables(initramfs, tmp_path)
    assert (told["root"], told["options"], told["scratch"]) == ("/dev/vda", "ro", "/dev/vdb")
    assert told["grow"] == "", "its second disk has the size that is wanted"
    image, scratch = made(home, joined, tmp_path)
    assert image.path == home.images / str(recipe.image) / "disk.raw"
    assert (image.is_read_only, scratch.is_read_only) == (True, False)
    assert scratch.path.stat().st_size == scratch.size_bytes == 1 << 30


def test_write_initrd_flushes_a_copied_disk(home: Home, recipe: Recipe, tmp_path: Path) -> None:
    told = variables(written(home, recipe, tmp_path)[-1], tmp_path)
    assert (told["options"], told["volatile"], told["tools"]) == ("", "", "")


def test_write_initrd_puts_busybox_beside_scripts(
    home: Home, recipe: Recipe, tmp_path: Path
) -> None:
    ready = store_guest_files(home, {"/bootwright/run/bootwright/ready": (b"true", 0o644)})
    told = variables(written(home, replace(recipe, guest_files=ready), tmp_path)[-1], tmp_path)
    assert told["tools"] == "1"


def test_machine_spec_refuses_to_keep_a_pmem_disk(mapped: Recipe) -> None:
    with pytest.raises(InputError) as bad:
        MachineSpec(name="web", recipe=mapped, kept=True)
    assert str(bad.value) == (
        "disk is 'pmem', which lives as long as its VM; such a machine cannot be kept"
    )
    assert bad.value.hint == "leave out --keep and --detach, or give another disk"


def test_write_initrd_of_a_nested_guest_has_kvm_and_what_vm_hosts_use(
    home: Home, tiny: Recipe, add_kernel: Callable[..., Kernel], tmp_path: Path
) -> None:
    names = ("kvm", "kvm_amd", "kvm_intel", "loop", "tun")
    kernel = add_kernel(modules={f"{name}.ko": name.encode() for name in names})
    nested = replace(tiny, kernel=kernel.digest, nested=True, accelerator="tcg", cpu="max")
    told = variables(written(home, nested, tmp_path)[-1], tmp_path)
    assert told["nested"] == "1"
    assert told["modules"].split() == [
        "modules/kvm.ko",
        *(f"-modules/{name}.ko" for name in ("kvm_amd", "loop", "tun")),
    ]
    kvm = replace(nested, accelerator="kvm", cpu="host")
    assert variables(written(home, kvm, tmp_path)[-1], tmp_path)["modules"].split() == [
        "modules/kvm.ko",
        *(f"-modules/{name}.ko" for name in ("kvm_amd", "kvm_intel", "loop", "tun")),
    ]


def test_write_initrd_of_a_nested_guest_needs_kvm(home: Home, tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no driver kvm") as caught:
        written(home, replace(tiny, nested=True, accelerator="tcg", cpu="max"), tmp_path)
    assert caught.value.hint == "use a kernel with CONFIG_KVM"
