"""Images and kernels to make recipes from; nothing in them could boot. Machines of these."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bootwright.home import Home
from bootwright.images.image import Filesystem, Image, image_store, store_image
from bootwright.kernels.kernel import Kernel, kernel_store, store_kernel
from bootwright.machines.spec import MachineSpec
from tests.machines.samples import RECIPE
from tests.vmms.fakes import Fake, FakeQemu

MIB = 1 << 20


@pytest.fixture
def add_kernel(home: Home) -> Callable[..., Kernel]:
    """Return what shelves a kernel that says of itself what the test wants it to say."""

    def add(
        name: str = "debian",
        *,
        config: str = "",
        pvh: bool = True,
        files: tuple[str, ...] = ("vmlinux",),
        modules: dict[str, bytes] | None = None,
    ) -> Kernel:
        with kernel_store(home).staged() as staged:
            for file in files:
                (staged / file).write_text(f"{file} of {name}")
            if config:
                (staged / "config").write_text(config)
            if modules is not None:
                tree = staged / "modules/lib/modules/6.1.0-test"
                tree.mkdir(parents=True)
                (tree / "modules.dep").write_text("".join(f"{path}:\n" for path in modules))
                for path, content in modules.items():
                    (tree / path).write_bytes(content)
            return store_kernel(
                home,
                staged,
                name=name,
                release="6.1.0-test",
                source="a test",
                pvh=pvh,
                replace=True,
            )

    return add


@pytest.fixture
def add_image(home: Home) -> Callable[..., Image]:
    """Return what shelves an image with a little on its disk."""

    def add(
        name: str = "web",
        *,
        size_bytes: int = 4 * MIB,
        filesystem: Filesystem = "ext4",
        partition: int = 0,
        suite: str = "",
    ) -> Image:
        with image_store(home).staged() as staged:
            with (staged / "disk.raw").open("wb") as disk:
                disk.write(name.encode())
                disk.truncate(size_bytes)
            return store_image(
                home,
                staged,
                name=name,
                source="a test",
                filesystem=filesystem,
                partition=partition,
                suite=suite,
                replace=True,
            )

    return add


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    return lambda behaviour: FakeQemu(tmp_path, monkeypatch, behaviour)


@pytest.fixture
def quiet_monitors(home: Home, no_process_left: None) -> Iterator[None]:
    """See that no monitor has complained in its log, and that no process outlives the test."""
    yield
    log = home.logs / "monitors.log"
    assert not log.exists() or log.read_text() == ""


@pytest.fixture
def tiny(add_kernel: Callable[..., Kernel]) -> MachineSpec:
    recipe = replace(
        RECIPE,
        kernel=add_kernel().digest,
        image=None,
        init="none",
        disk="none",
        disk_bytes=0,
        network="none",
    )
    return MachineSpec(name="web", recipe=recipe, command=("true",))


@pytest.fixture
def kept(add_kernel: Callable[..., Kernel], add_image: Callable[..., Image]) -> MachineSpec:
    modules = {f"{name}.ko": b"" for name in ("virtio_pci", "virtio_blk", "virtio_net", "ext4")}
    image = add_image()
    recipe = replace(
        RECIPE,
        kernel=add_kernel(modules=modules).digest,
        image=image.digest,
        disk_bytes=image.size_bytes,
    )
    return MachineSpec(name="web", recipe=recipe, kept=True)
