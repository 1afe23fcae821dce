"""Completing a draft: every default, and every refusal with its text."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bootwright.defaults import kvm_trial, speed
from bootwright.defaults.complete import complete, complete_now
from bootwright.defaults.kvm_trial import Choice
from bootwright.digest import Digest
from bootwright.errors import BootwrightError, FormatError, HostError, InputError, NotFoundError
from bootwright.events import Event, Notice, Observer, Progress
from bootwright.home import Home
from bootwright.images.image import Image
from bootwright.kernels.kernel import Kernel, load_kernel
from bootwright.recipes import recipe_file
from bootwright.recipes.draft import Draft
from bootwright.recipes.recipe import Recipe
from bootwright.trims import store
from bootwright.trims.trim import Mask, Trim
from bootwright.vmms.qemu import Qemu

MIB = 1 << 20
USUAL = ("console=ttyS0", "quiet", "panic=-1", "cryptomgr.notests")
TCG = ("mitigations=off", "no_timer_check")
HOST_MIB = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MIB


@pytest.fixture
def kernel(add_kernel: Callable[..., Kernel]) -> Kernel:
    return add_kernel()


@pytest.fixture
def image(add_image: Callable[..., Image]) -> Image:
    return add_image()


def completed(home: Home, draft: Draft) -> tuple[Recipe, Choice]:
    return asyncio.run(complete(home, draft))


def tcg(home: Home, **fields: object) -> Recipe:
    """Complete a draft that asks for TCG, so that nothing is tried."""
    fields = {"tiny": "image" not in fields, "accelerator": "tcg", **fields}
    recipe, choice = completed(home, Draft(**fields))  # type: ignore[arg-type]
    assert (choice.accelerator, choice.reason) == ("tcg", "asked for")
    return recipe


def test_complete_defaults_with_an_image(home: Home, kernel: Kernel, image: Image) -> None:
    recipe = tcg(home, image="web")
    assert recipe == Recipe(
        kernel=kernel.digest,
        image=image.digest,
        init="systemd",
        cmdline=(*USUAL, "net.ifnames=0", *TCG),
        vmm="qemu",
        vmm_build=Qemu().build(),
        accelerator="tcg",
        machine_type="q35",
        cpu="qemu64,+rdrand",
        memory_mib=512,
        vcpus=1,
        disk="qcow2",
        disk_bytes=image.size_bytes,
        network="user",
        guest_files=recipe.guest_files,
    )
    carried = {file.path for file in recipe.guest_files}
    assert {"/init", "/bin/busybox", "/bootwright/run/bootwright/sshd_config"} <= carried


def test_complete_defaults_of_a_tiny_guest(home: Home, kernel: Kernel) -> None:
    recipe = tcg(home)
    assert (recipe.image, recipe.init, recipe.disk, recipe.disk_bytes) == (None, "none", "none", 0)
    assert (recipe.network, recipe.machine_type) == ("none", "microvm")
    assert recipe.cmdline == (*USUAL, *TCG, "noapictimer", "noreplace-smp")
    assert tcg(home, vcpus=2).cmdline == (*USUAL, *TCG)
    assert {file.path for file in recipe.guest_files} == {"/init", "/bin/busybox"}


@pytest.mark.parametrize("init", ["tini", "bare"])
def test_complete_adds_the_files_of_the_init(
    init: str, home: Home, kernel: Kernel, image: Image
) -> None:
    recipe = tcg(home, image="web", init=init)
    assert recipe.init == init
    carried = {file.path for file in recipe.guest_files}
    assert f"/bootwright/run/bootwright/{'start' if init == 'tini' else 'bare'}" in carried
    assert recipe.allows_login is (init == "tini")


def test_complete_with_a_trim_adds_masks_and_init(home: Home, kernel: Kernel, image: Image) -> None:
    mask = Mask(unit="cron.service", reason="a test")
    store.save(home, Trim(name="small", image=image.digest, keep=(), masks=(mask,)))
    recipe = tcg(home, image="web", trim="small")
    assert recipe.init == "systemd-trimmed"
    carried = {file.path for file in recipe.guest_files}
    assert "/bootwright/run/systemd/system.control/cron.service" in carried
    # A recipe that has the files needs the trim no more.
    assert tcg(home, image="web", init=recipe.init, guest_files=recipe.guest_files) == recipe


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"trim": "small", "init": "tini"}, "trim is 'small', which does not go with init 'tini'"),
        ({"init": "systemd-trimmed"}, "init is 'systemd-trimmed', but no trim was named"),
    ],
)
def test_complete_refuses_a_trim_with_another_init(
    fields: dict[str, object], message: str, home: Home, kernel: Kernel, image: Image
) -> None:
    with pytest.raises(InputError) as bad:
        tcg(home, image="web", **fields)
    assert str(bad.value) == message
    assert "--trim" in bad.value.hint or "--init" in bad.value.hint


def test_complete_with_kvm_uses_cpu_host_and_keeps_mitigations(
    home: Home, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bootwright.host.kvm.unusable_because", lambda: "")
    remembered = replace(kvm_trial.circumstances(Qemu(), Qemu().build()), kvm_runs=True)
    home.cache.mkdir(parents=True)
    kvm_trial.trial_file(home).write_bytes(msgspec.json.encode(remembered))
    for draft in (Draft(tiny=True), Draft(tiny=True, accelerator="kvm")):
        recipe, choice = completed(home, draft)
        assert str(choice) == "KVM (a guest ran with it)"
        assert (recipe.accelerator, recipe.cpu) == ("kvm", "host")
        assert recipe.cmdline == USUAL


def test_complete_without_kvm_takes_tcg_or_refuses(
    home: Home, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bootwright.host.kvm.unusable_because", lambda: "no such luck")
    recipe, choice = completed(home, Draft(tiny=True))
    assert recipe.accelerator == "tcg"
    assert str(choice) == "TCG (not KVM: no such luck)"
    with pytest.raises(HostError) as bad:
        completed(home, Draft(tiny=True, accelerator="kvm"))
    assert str(bad.value) == "KVM cannot be used here: no such luck"
    assert bad.value.hint == "--accelerator tcg runs anywhere, slower"


@pytest.mark.parametrize(
    ("config", "fields", "machine"),
    [
        ("", {"image": "web"}, "q35"),
        # It would find its devices, and could not switch itself off.
        ("CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES=y\n", {"image": "web"}, "q35"),
        ("", {"image": "web", "machine_type": "microvm"}, "microvm"),
        ("", {}, "microvm"),
        ("", {"network": "none"}, "microvm"),
        ("", {"network": "user"}, "q35"),
    ],
)
def test_complete_takes_microvm_for_guests_without_devices(
    config: str,
    fields: dict[str, object],
    machine: str,
    home: Home,
    add_kernel: Callable[..., Kernel],
    image: Image,
) -> None:
    add_kernel(config=config)
    assert tcg(home, **fields).machine_type == machine


def test_complete_appends_arguments_after_defaults(home: Home, kernel: Kernel) -> None:
    assert tcg(home, append=("debug",)).cmdline[-2:] == ("noreplace-smp", "debug")
    assert tcg(home, cmdline=("quiet",), append=("debug",)).cmdline == ("quiet", "debug")
    assert tcg(home, cmdline=()).cmdline == ()


def test_complete_takes_given_values_even_zero(home: Home, kernel: Kernel) -> None:
    recipe = tcg(home, vcpus=1, cpu="max", seed=0, memory=64, guest_files=())
    assert (recipe.vcpus, recipe.cpu, recipe.random_seed) == (1, "max", 0)
    assert (recipe.memory_mib, recipe.guest_files) == (64, ())
    with pytest.raises(InputError, match=r"^vcpus is 0, but must be 1 or more$"):
        tcg(home, vcpus=0)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"memory": 15}, "memory_mib is 15, but a guest needs 16 or more"),
        ({"memory": 0}, "memory_mib is 0, but a guest needs 16 or more"),
        (
            {"memory": 73},
            "memory_mib is 73, but with kernel 6.1.0-test (50 MiB) a guest needs 74 or more",
        ),
        (
            {"image": "web", "memory": 109},
            "memory_mib is 109, but with kernel 6.1.0-test (50 MiB) a guest with an image needs "
            "110 or more",
        ),
    ],
)
def test_complete_refuses_too_little_memory(
    fields: dict[str, object], complaint: str, home: Home, kernel: Kernel, image: Image
) -> None:
    os.truncate(kernel.folder / "vmlinux", 50 * MIB)
    with pytest.raises(InputError) as bad:
        tcg(home, **fields)
    assert str(bad.value) == complaint
    assert bad.value.hint == 'write memory = "512M", or --memory 512M'
    enough = int(complaint.split()[-3])
    if enough > 16:
        assert tcg(home, **{**fields, "memory": enough}).memory_mib == enough


@pytest.mark.parametrize("accelerator", ["tcg", "kvm", None])
def test_complete_refuses_more_memory_than_the_host_has_first(
    accelerator: str | None, home: Home, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bootwright.host.kvm.unusable_because", lambda: pytest.fail("tried"))
    with pytest.raises(InputError) as bad:
        completed(home, Draft(tiny=True, accelerator=accelerator, memory=HOST_MIB + 1))  # type: ignore[arg-type]
    assert str(bad.value) == f"memory_mib is {HOST_MIB + 1}, but this host has {HOST_MIB}"
    assert bad.value.hint == f"write --memory {HOST_MIB // 2}M or less"


def test_complete_refuses_a_disk_smaller_than_the_image(
    home: Home, kernel: Kernel, image: Image
) -> None:
    with pytest.raises(InputError) as bad:
        tcg(home, image="web", disk_size=4 * MIB - 512)
    assert str(bad.value) == "disk_bytes is 4193792, but the image is 4194304 bytes"
    assert bad.value.hint == "write --disk-size 4M or more"


def test_complete_refuses_a_larger_disk_for_a_fixed_filesystem(
    home: Home, kernel: Kernel, add_image: Callable[..., Image]
) -> None:
    add_image("plain")
    add_image("cloud", partition=1)
    add_image("rocky", filesystem="xfs")
    assert tcg(home, image="plain", disk_size=8 * MIB).disk_bytes == 8 * MIB
    assert tcg(home, image="cloud", disk_size=4 * MIB).disk_bytes == 4 * MIB
    for name, root in (("cloud", "partition 1"), ("rocky", "xfs")):
        with pytest.raises(InputError) as bad:
            tcg(home, image=name, disk_size=8 * MIB)
        assert str(bad.value) == (
            "a disk of 8388608 bytes is larger than the image, which cannot grow: "
            f"its root is {root}"
        )
        assert "leave out --disk-size" in bad.value.hint


def test_complete_refuses_a_recipe_for_another_vmm_build(home: Home, kernel: Kernel) -> None:
    build = Qemu().build()
    assert tcg(home, vmm_build=build).vmm_build == build
    with pytest.raises(InputError) as bad:
        tcg(home, vmm_build="0.1 (ours)")
    assert str(bad.value) == f"the recipe is for qemu 0.1 (ours), and here is {build}"
    assert "leave vmm_build out to boot anyway" in bad.value.hint


def test_complete_refuses_a_vmlinux_without_pvh(
    home: Home, add_kernel: Callable[..., Kernel]
) -> None:
    add_kernel("own", pvh=False)
    with pytest.raises(FormatError) as bad:
        tcg(home, kernel="own")
    assert str(bad.value) == (
        "QEMU cannot start kernel 6.1.0-test: a vmlinux without PVH entry point"
    )
    assert bad.value.hint == "add its bzImage instead, or build it with CONFIG_PVH=y"
    both = add_kernel("both", pvh=False, files=("vmlinux", "bzImage"))
    assert tcg(home, kernel="both").kernel == both.digest


def test_complete_names_missing_images_and_kernels(home: Home, kernel: Kernel) -> None:
    with pytest.raises(NotFoundError, match=r"^no image is called 'web'$") as bad:
        tcg(home, image="web")
    assert bad.value.hint == "bootwright image build web --debian bookworm"
    with pytest.raises(NotFoundError, match=r"^no kernel is called 'debain'$") as bad:
        tcg(home, kernel="debain")
    assert bad.value.hint == "did you mean 'debian'?"


def test_complete_of_equal_drafts_is_equal(home: Home, kernel: Kernel, image: Image) -> None:
    by_name = tcg(home, image="web", append=("debug",))
    by_digest = tcg(home, image=image.digest, kernel=kernel.digest, append=("debug",))
    assert by_name == by_digest
    assert hash(by_name) == hash(by_digest)
    assert tcg(home, image="web") != by_name


@pytest.mark.parametrize("fields", [{}, {"image": "web", "seed": 7, "append": ('a="b c"',)}])
def test_complete_of_a_recipe_as_toml_is_the_same_recipe(
    fields: dict[str, object], home: Home, kernel: Kernel, image: Image, tmp_path: Path
) -> None:
    recipe = tcg(home, **fields)
    path = tmp_path / "recipe.toml"
    path.write_text(recipe_file.to_toml(recipe))
    again, _ = completed(home, recipe_file.read(path))
    assert again == recipe


@pytest.fixture
def mappable(add_image: Callable[..., Image]) -> Image:
    """An image that claims to be an ext4 with blocks of 4096 bytes."""
    image = add_image("mappable")
    image.disk.chmod(0o600)
    with image.disk.open("r+b") as disk:
        disk.seek(1024 + 24)
        disk.write(b"\2\0\0\0")
    return image


def test_complete_defaults_on_the_virtual_clock(
    home: Home, kernel: Kernel, mappable: Image
) -> None:
    recipe, choice = completed(home, Draft(image="mappable", clock="virtual"))
    assert str(choice) == "TCG (not KVM: it cannot count instructions)"
    assert (recipe.clock, recipe.accelerator, recipe.vcpus) == ("virtual", "tcg", 1)
    assert (recipe.disk, recipe.disk_bytes) == ("pmem", mappable.size_bytes)
    assert (recipe.network, recipe.random_seed, recipe.machine_type) == ("none", 1, "q35")
    assert recipe.cmdline == (
        *(*USUAL, "net.ifnames=0", *TCG),
        *("nokaslr", "norandmaps"),
    )
    other, _ = completed(home, Draft(image="mappable", clock="virtual", seed=0))
    assert other.random_seed == 0


def test_complete_of_a_tiny_guest_on_the_virtual_clock(home: Home, kernel: Kernel) -> None:
    recipe, _ = completed(home, Draft(tiny=True, clock="virtual"))
    assert (recipe.disk, recipe.machine_type, recipe.random_seed) == ("none", "microvm", 1)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"accelerator": "kvm"}, "accelerator is 'kvm', but the virtual clock needs 'tcg'"),
        ({"vcpus": 2}, "vcpus is 2, but the virtual clock needs 1"),
        ({"disk": "qcow2"}, "disk is 'qcow2', but the virtual clock needs 'pmem'"),
        ({"network": "user"}, "network is 'user', but the virtual clock needs 'none'"),
        ({"machine_type": "microvm"}, "disk is 'pmem', which machine type 'microvm' does not have"),
        (
            {"disk_size": 8 * MIB},
            "disk_bytes is 8388608, but disk 'pmem' is the image itself, 4194304 bytes",
        ),
    ],
)
def test_complete_refuses_options_that_conflict_with_the_virtual_clock(
    fields: dict[str, object], message: str, home: Home, kernel: Kernel, mappable: Image
) -> None:
    with pytest.raises(InputError) as bad:
        completed(home, Draft(image="mappable", clock="virtual", **fields))  # type: ignore[arg-type]
    assert str(bad.value) == message
    assert bad.value.hint


def test_complete_needs_more_memory_for_a_large_pmem_disk(
    home: Home, kernel: Kernel, add_image: Callable[..., Image]
) -> None:
    image = add_image("large", size_bytes=4 << 30)
    image.disk.chmod(0o600)
    with image.disk.open("r+b") as disk:
        disk.seek(1024 + 24)
        disk.write(b"\2\0\0\0")
    assert tcg(home, image="large", disk="pmem", memory=124).memory_mib == 124
    with pytest.raises(InputError, match=r"with an image needs 124 or more$"):
        tcg(home, image="large", disk="pmem", memory=123)


async def test_a_running_loop_is_no_obstacle(
    home: Home, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bootwright.host.kvm.unusable_because", lambda: "no such luck")
    recipe, _ = await complete(home, Draft(tiny=True))
    assert recipe.accelerator == "tcg"


async def test_debians_kernel_is_fetched_where_there_is_none(
    home: Home, add_kernel: Callable[..., Kernel], monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(home: Home, *, suite: str, observe: Observer) -> Kernel:
        observe(Progress(step="fetching", share=0.1))
        observe(Progress(step="done", share=1.0))
        return add_kernel()

    monkeypatch.setattr("bootwright.kernels.debian.add", add)
    events: list[Event] = []
    draft = Draft(tiny=True, accelerator="tcg")
    recipe, _ = await complete(home, draft, events.append)
    assert recipe.kernel == load_kernel(home, "debian").digest
    assert events == [
        Notice(text="no kernel debian yet: fetching it (bootwright kernel add debian)"),
        Progress(step="fetching", share=0.1),
        Progress(step="done", share=1.0),
    ]
    assert (await complete(home, draft, lambda event: pytest.fail("fetched again")))[0] == recipe


async def test_fetching_a_kernel_ends_when_it_is_cancelled(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, cancelled, ended = threading.Event(), threading.Event(), threading.Event()

    def add(home: Home, *, suite: str, observe: Observer) -> None:
        begun.set()
        cancelled.wait()
        try:
            observe(Progress(step="fetching", share=0.1))
        finally:
            ended.set()

    monkeypatch.setattr("bootwright.kernels.debian.add", add)
    completing = asyncio.create_task(complete(home, Draft(tiny=True)))
    await asyncio.to_thread(begun.wait)
    completing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await completing
    cancelled.set()
    await asyncio.to_thread(ended.wait)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"memory": "4"}, "memory_mib is 4, but a guest needs"),
        ({"memory": "9000G"}, "but this host has"),
        ({"vcpus": 1000}, "vcpus is 1000"),
        ({"accelerator": "kvm"}, "KVM cannot be used here: no such luck"),
        ({"without": ("nosuch",)}, "nosuch"),
        ({"init": "systemd-trimmed"}, "no trim was named"),
        ({"trim": "nosuch"}, "no trim is called 'nosuch'"),
        ({"disk_size": "512"}, "disk_bytes is 512"),
        ({"vmm_build": "qemu 0.1"}, "the recipe is for qemu"),
    ],
)
async def test_what_is_wrong_is_reported_before_a_kernel_is_fetched(
    fields: dict[str, Any],
    message: str,
    home: Home,
    image: Image,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bootwright.kernels.debian.add", lambda *_, **__: pytest.fail("fetched"))
    monkeypatch.setattr("bootwright.host.kvm.unusable_because", lambda: "no such luck")
    events: list[Event] = []
    with pytest.raises(BootwrightError, match=message):
        await complete(home, Draft(image="web", **fields), events.append)
    assert events == []


def test_a_trim_of_another_image_is_told(home: Home, kernel: Kernel, image: Image) -> None:
    store.save(home, Trim(name="small", image=Digest("sha256-" + "9" * 64), keep=()))
    events: list[Event] = []
    found = complete_now(home, Draft(image="web", trim="small", accelerator="tcg"), events.append)
    assert found is not None
    [told] = events
    assert isinstance(told, Notice)
    assert told.text.startswith("note: trim 'small' was made from an image without a name, not")


def test_a_trim_without_an_ssh_server_is_refused(home: Home, kernel: Kernel, image: Image) -> None:
    masks = (Mask(unit="ssh.service", reason="wanted by multi-user.target"),)
    store.save(home, Trim(name="small", image=image.digest, keep=(), masks=masks))
    with pytest.raises(InputError, match=r"trim 'small' masks ssh\.service, so nobody could"):
        tcg(home, image="web", trim="small")


def test_an_unknown_image_is_reported_before_a_kernel_is_fetched(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bootwright.kernels.debian.add", lambda *_, **__: pytest.fail("fetched"))
    with pytest.raises(NotFoundError, match=r"^no image is called 'web'$"):
        completed(home, Draft(image="web"))


def test_nothing_to_boot(home: Home, kernel: Kernel) -> None:
    with pytest.raises(InputError, match=r"^no image was given$"):
        completed(home, Draft())


def test_stock_is_without_every_fast_default(home: Home, kernel: Kernel) -> None:
    names = tuple(default.name for default in speed.FAST)
    assert tcg(home, stock=True) == tcg(home, without=names)


def test_auto_is_as_if_nothing_was_said(
    home: Home, kernel: Kernel, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bootwright.host.kvm.unusable_because", lambda: "no such luck")
    auto = completed(home, Draft(image="web", accelerator="auto", disk="auto"))
    assert auto == completed(home, Draft(image="web"))


@pytest.fixture
def vm_kernel(add_kernel: Callable[..., Kernel]) -> Kernel:
    """A kernel with KVM for AMD's CPUs."""
    return add_kernel(modules={f"{name}.ko": b"x" for name in ("kvm", "kvm_amd")})


@pytest.mark.usefixtures("vm_kernel")
def test_complete_defaults_of_a_nested_guest(home: Home) -> None:
    recipe = tcg(home, nested=True)
    assert (recipe.nested, recipe.memory_mib, recipe.machine_type) == (True, 2048, "microvm")
    assert recipe.cmdline == (*USUAL, *TCG, "tsc=reliable")
    assert recipe.cpu == "max"
    assert "cpu" not in [
        default.name for default in speed.explain(recipe).defaults if default.is_on
    ]
    assert tcg(home, nested=True, memory="1G").memory_mib == 1024
    assert recipe == tcg(home, nested=True, clock="wall")


def test_complete_refuses_a_nested_guest_without_kvm_in_its_kernel(
    home: Home, add_kernel: Callable[..., Kernel]
) -> None:
    add_kernel(modules={"ext4.ko": b"x"})
    with pytest.raises(
        InputError, match="cannot run virtual machines: it has no kvm, kvm_amd"
    ) as bad:
        tcg(home, nested=True)
    assert "CONFIG_KVM, CONFIG_KVM_AMD, CONFIG_KVM_INTEL" in bad.value.hint


@pytest.mark.usefixtures("vm_kernel")
def test_complete_takes_tcg_where_kvm_is_not_nested(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bootwright.host.kvm.nested_off_because", lambda: ("it is off", "do this"))
    _, choice = completed(home, Draft(tiny=True, nested=True))
    assert choice == Choice(accelerator="tcg", reason="it is off; do this")
    with pytest.raises(HostError, match="with --nested: it is off") as caught:
        completed(home, Draft(tiny=True, nested=True, accelerator="kvm"))
    assert caught.value.hint == "do this; --accelerator tcg emulates it, slower"
