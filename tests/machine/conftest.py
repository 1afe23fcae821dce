"""Images and kernels to make recipes from; nothing in them could boot."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bootwright.home import Home
from bootwright.images import image as images
from bootwright.images.image import Filesystem, Image
from bootwright.kernels import kernel as kernels
from bootwright.kernels.kernel import Kernel

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
        with kernels.shelf(home).staged() as staged:
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
            return kernels.shelve(
                home, staged, name=name, release="6.1.0-test", source="a test", pvh=pvh
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
    ) -> Image:
        with images.shelf(home).staged() as staged:
            with (staged / "disk.raw").open("wb") as disk:
                disk.write(name.encode())
                disk.truncate(size_bytes)
            return images.shelve(
                home,
                staged,
                name=name,
                source="a test",
                filesystem=filesystem,
                partition=partition,
            )

    return add
