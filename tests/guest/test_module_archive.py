"""The initramfs of modules: which, in which order, and when none are needed."""

from __future__ import annotations

import lzma
import shutil
import subprocess
from pathlib import Path

import pytest

from bootwright.digest import digest_of_bytes
from bootwright.errors import FormatError
from bootwright.guest import module_archive
from bootwright.kernels.kernel import Kernel, Part

RELEASE = "6.1.0-test"


def kernel(folder: Path, *, config: str | None = None, modules: str | None = None) -> Kernel:
    """Return a kernel with a config and a modules.dep, as far as they are given."""
    parts: list[Part] = ["vmlinux"]
    folder.mkdir(exist_ok=True)
    if config is not None:
        (folder / "config").write_text(config)
        parts.append("config")
    if modules is not None:
        tree = folder / "modules/lib/modules" / RELEASE
        tree.mkdir(parents=True)
        (tree / "modules.dep").write_text(modules)
        parts.append("modules")
    return Kernel(
        digest=digest_of_bytes(str(folder).encode()),
        folder=folder,
        release=RELEASE,
        source="test",
        added_s=0,
        pvh=True,
        parts=tuple(parts),
    )


@pytest.fixture
def modular(tmp_path: Path) -> Kernel:
    """Return a kernel whose virtio_blk needs virtio, and in which ext4 is built in."""
    made = kernel(
        tmp_path / "kernel",
        modules="kernel/virtio_blk.ko.xz: kernel/virtio.ko\nkernel/virtio.ko:\n",
    )
    assert made.modules is not None
    (made.modules / "kernel").mkdir()
    (made.modules / "kernel/virtio.ko").write_bytes(b"ELF of virtio")
    (made.modules / "kernel/virtio_blk.ko.xz").write_bytes(lzma.compress(b"ELF of virtio_blk"))
    (made.modules / "modules.builtin").write_text("kernel/fs/ext4/ext4.ko\n")
    return made


def test_initramfs_make_unpacks_modules_in_load_order(modular: Kernel, tmp_path: Path) -> None:
    made = module_archive.make_module_archive(modular, ["virtio_blk", "ext4"], tmp_path / "cache")
    assert made.modules == ("modules/virtio.ko", "modules/virtio_blk.ko")
    subprocess.run(["busybox", "cpio", "-id"], input=made.archive, cwd=tmp_path, check=True)
    assert (tmp_path / "modules/virtio.ko").read_bytes() == b"ELF of virtio"
    assert (tmp_path / "modules/virtio_blk.ko").read_bytes() == b"ELF of virtio_blk"


def test_initramfs_make_marks_optional_modules_with_a_dash(modular: Kernel, tmp_path: Path) -> None:
    assert modular.modules is not None
    (modular.modules / "modules.softdep").write_text("softdep virtio_blk pre: virtio_fast\n")
    with (modular.modules / "modules.dep").open("a") as listed:
        listed.write("kernel/virtio_fast.ko:\n")
    (modular.modules / "kernel/virtio_fast.ko").write_bytes(b"ELF of virtio_fast")
    made = module_archive.make_module_archive(modular, ["virtio_blk"], tmp_path / "cache")
    assert made.modules == (
        *("-modules/virtio_fast.ko", "modules/virtio.ko", "modules/virtio_blk.ko"),
    )
    assert b"-modules/" not in made.archive


def test_initramfs_make_uses_the_cache(modular: Kernel, tmp_path: Path) -> None:
    first = module_archive.make_module_archive(modular, ["virtio_blk"], tmp_path / "cache")
    assert modular.modules is not None
    shutil.rmtree(modular.modules)
    assert module_archive.make_module_archive(modular, ["virtio_blk"], tmp_path / "cache") == first


def test_initramfs_make_depends_on_the_drivers(modular: Kernel, tmp_path: Path) -> None:
    both = module_archive.make_module_archive(modular, ["virtio_blk"], tmp_path / "cache")
    one = module_archive.make_module_archive(modular, ["virtio"], tmp_path / "cache")
    assert one.modules == ("modules/virtio.ko",)
    assert one.archive != both.archive


def test_initramfs_make_rebuilds_a_lost_cache(modular: Kernel, tmp_path: Path) -> None:
    first = module_archive.make_module_archive(modular, ["virtio_blk"], tmp_path / "cache")
    for path in (tmp_path / "cache").glob("*.modules"):
        path.unlink()
    assert module_archive.make_module_archive(modular, ["virtio_blk"], tmp_path / "cache") == first


def test_initramfs_make_gives_no_archive_when_all_is_built_in(
    modular: Kernel, tmp_path: Path
) -> None:
    made = module_archive.make_module_archive(modular, ["ext4"], tmp_path / "cache")
    assert made == module_archive.ModuleArchive(archive=b"", modules=())


def test_initramfs_make_names_a_missing_driver(modular: Kernel, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="the kernel has no driver xfs, built in or in") as bad:
        module_archive.make_module_archive(modular, ["xfs"], tmp_path / "cache")
    assert bad.value.hint == "use a kernel with CONFIG_XFS_FS"
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("config", [None, "CONFIG_EXT4_FS=y\nCONFIG_VIRTIO_BLK=y\n"])
def test_initramfs_make_of_a_kernel_without_modules(config: str | None, tmp_path: Path) -> None:
    made = module_archive.make_module_archive(
        kernel(tmp_path / "k", config=config), ["virtio_blk", "ext4"], tmp_path
    )
    assert made == module_archive.ModuleArchive(archive=b"", modules=())


@pytest.mark.parametrize(("line", "value"), [("CONFIG_VIRTIO_BLK=m\n", "m"), ("", "n")])
def test_initramfs_make_names_a_driver_missing_without_modules(
    line: str, value: str, tmp_path: Path
) -> None:
    lacking = kernel(tmp_path / "k", config="CONFIG_EXT4_FS=y\n" + line)
    with pytest.raises(FormatError) as bad:
        module_archive.make_module_archive(lacking, ["ext4", "virtio_blk"], tmp_path)
    assert str(bad.value) == (
        f"kernel {RELEASE} has CONFIG_VIRTIO_BLK={value}, and was added without its modules"
    )
    assert "add it again with --modules" in bad.value.hint


@pytest.mark.parametrize("damaged", ["*.cpio", "*.modules"])
@pytest.mark.parametrize("content", [b"", b"\xff rubbish"])
def test_initramfs_make_rebuilds_a_damaged_cache(
    damaged: str, content: bytes, modular: Kernel, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    whole = module_archive.make_module_archive(modular, ["virtio_blk"], cache)
    [file] = cache.glob(damaged)
    file.write_bytes(content)
    assert module_archive.make_module_archive(modular, ["virtio_blk"], cache) == whole
    assert file.read_bytes() != content


def test_initramfs_make_has_optional_drivers_if_the_kernel_has_them(
    modular: Kernel, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    plain = module_archive.make_module_archive(modular, ["virtio"], cache)
    more = module_archive.make_module_archive(
        modular, ["virtio"], cache, optional=["virtio_blk", "floppy"]
    )
    assert plain.modules == ("modules/virtio.ko",)
    assert more.modules == ("modules/virtio.ko", "-modules/virtio_blk.ko")
