"""Kernel modules: what a driver needs, in the order in which it must be loaded."""

from __future__ import annotations

import gzip
import lzma
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from bootwright.errors import FormatError
from bootwright.host import tools
from bootwright.kernels.modules import ModuleFile, ModuleTree, read_module

# As in Debian's linux-image-cloud-amd64, shortened.
_DEP = """\
kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko kernel/fs/mbcache.ko kernel/fs/jbd2/jbd2.ko
kernel/fs/jbd2/jbd2.ko:
kernel/fs/mbcache.ko:
kernel/lib/crc16.ko:
kernel/crypto/crc32c_generic.ko.xz:
kernel/arch/x86/crypto/crc32c-intel.ko.xz:
kernel/drivers/block/virtio_blk.ko.zst: kernel/drivers/virtio/virtio-ring.ko
kernel/drivers/virtio/virtio-ring.ko:
"""
_ALIAS = """\
# Aliases extracted from modules themselves.
alias fs-ext4 ext4
alias crypto-crc32c crc32c_generic
alias crypto-crc32c crc32c_intel
"""
_SOFTDEP = "# Soft dependencies.\nsoftdep ext4 pre: crypto-crc32c\nsoftdep jbd2 post: mbcache\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "modules.dep").write_text(_DEP)
    (tmp_path / "modules.builtin").write_text("kernel/drivers/virtio/virtio-pci.ko\n")
    (tmp_path / "modules.alias").write_text(_ALIAS)
    (tmp_path / "modules.softdep").write_text(_SOFTDEP)
    return tmp_path


def _names(order: list[ModuleFile]) -> list[str]:
    """Return the modules' names; those that may fail to load have a dash in front."""
    return [("-" if m.optional else "") + m.path.name.split(".")[0] for m in order]


def test_load_order_puts_dependencies_first(folder: Path) -> None:
    order = ModuleTree(folder).load_order(["ext4"])
    assert _names(order) == [
        "-crc32c_generic",
        "-crc32c-intel",
        "crc16",
        "mbcache",
        "jbd2",
        "ext4",
    ]
    assert order[-1].path == folder / "kernel/fs/ext4/ext4.ko"
    assert order[0].path == folder / "kernel/crypto/crc32c_generic.ko.xz"


def test_load_order_lists_each_module_once(folder: Path) -> None:
    order = ModuleTree(folder).load_order(["jbd2", "ext4", "virtio_blk", "ext4"])
    assert _names(order)[0] == "jbd2"
    assert len(order) == len(set(order)) == 8


def test_load_order_post_dependencies_come_after(folder: Path) -> None:
    assert _names(ModuleTree(folder).load_order(["jbd2"])) == ["jbd2"]


def test_load_order_treats_dashes_as_underscores(folder: Path) -> None:
    tree = ModuleTree(folder)
    assert _names(tree.load_order(["virtio-blk"])) == ["virtio-ring", "virtio_blk"]
    assert tree.load_order(["virtio-pci"]) == tree.load_order(["virtio_pci"]) == []


def test_load_order_omits_built_in_drivers(folder: Path) -> None:
    assert ModuleTree(folder).load_order(["virtio_pci"]) == []
    assert ModuleTree(folder).load_order([]) == []


@pytest.mark.parametrize(
    ("driver", "option"), [("xfs", "CONFIG_XFS_FS"), ("virtio-mmio", "CONFIG_VIRTIO_MMIO")]
)
def test_load_order_names_a_missing_driver(folder: Path, driver: str, option: str) -> None:
    with pytest.raises(FormatError) as caught:
        ModuleTree(folder).load_order([driver])
    name = driver.replace("-", "_")
    assert str(caught.value) == (f"the kernel has no driver {name}, built in or in {folder}")
    assert caught.value.hint == f"use a kernel with {option}"


def test_load_order_names_an_unknown_driver(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no driver floppy") as caught:
        ModuleTree(tmp_path).load_order(["floppy"])
    assert caught.value.hint == "use a kernel with floppy"


def test_load_order_ends_for_a_cycle_of_soft_dependencies(folder: Path) -> None:
    (folder / "modules.softdep").write_text("softdep jbd2 pre: crc16\nsoftdep crc16 pre: jbd2\n")
    assert set(_names(ModuleTree(folder).load_order(["jbd2"]))) == {"jbd2", "-crc16"}


@pytest.mark.parametrize(
    "line",
    [
        "pre: crc16 post: mbcache",
        "post: mbcache pre: crc16",
    ],
)
def test_load_order_of_soft_dependencies(folder: Path, line: str) -> None:
    (folder / "modules.softdep").write_text(f"softdep jbd2 {line}\n")
    assert _names(ModuleTree(folder).load_order(["jbd2"])) == ["-crc16", "jbd2"]


def test_load_order_hard_dependencies_are_not_optional(folder: Path) -> None:
    (folder / "modules.softdep").write_text("softdep ext4 pre: crc16\n")
    assert _names(ModuleTree(folder).load_order(["ext4"]))[0] == "crc16"


_COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "m.ko": lambda content: content,
    "m.ko.gz": gzip.compress,
    "m.ko.xz": lzma.compress,
    "m.ko.zst": zstandard.compress,
}


@pytest.mark.parametrize("name", _COMPRESS)
def test_read_module_decompresses(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(_COMPRESS[name](b"\x7fELF content"))
    assert read_module(tmp_path / name) == b"\x7fELF content"


@pytest.mark.parametrize("name", [name for name in _COMPRESS if name != "m.ko"])
@pytest.mark.parametrize("damage", ["other", "short"])
def test_read_module_names_a_damaged_module(tmp_path: Path, name: str, damage: str) -> None:
    content = _COMPRESS[name](bytes(range(256)) * 99)
    (tmp_path / name).write_bytes(b"not it" if damage == "other" else content[:-9])
    with pytest.raises(FormatError) as caught:
        read_module(tmp_path / name)
    assert str(caught.value).startswith(f"module {tmp_path / name} is damaged: ")


def _module(exports: str = "", needs: str = "", info: str = "") -> bytes:
    """Build an ELF64 object as far as depmod reads one."""
    strings = b"\0" + needs.encode() + b"\0"
    symbols = bytes(24) + (struct.pack("<IBBHQQ", 1, 0x10, 0, 0, 0, 0) if needs else b"")
    bodies = {
        b"": (0, b""),
        b".modinfo": (1, info.encode() + b"\0"),
        b"__ksymtab_strings": (1, exports.encode() + b"\0"),
        b".symtab": (2, symbols),
        b".strtab": (3, strings),
        b".shstrtab": (3, b""),
    }
    names = b"\0".join(bodies) + b"\0"
    bodies[b".shstrtab"] = (3, names)
    table, data = b"", b""
    for name, (kind, body) in bodies.items():
        place = names.index(b"\0" + name + b"\0") + 1 if name else 0
        link, entry_bytes = (4, 24) if kind == 2 else (0, 0)
        table += struct.pack(
            "<IIQQQQIIQQ", place, kind, 0, 0, 64 + len(data), len(body), link, 1, 8, entry_bytes
        )
        data += body + bytes(-len(body) % 8)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", ident, 1, 62, 1, 0, 0, 64 + len(data), 0, 64, 0, 0, 64, len(bodies), 5
    )
    return header + data + table


def test_module_tree_reads_what_depmod_writes(tmp_path: Path) -> None:
    folder = tmp_path / "lib" / "modules" / "6.1.0"
    folder.mkdir(parents=True)
    (folder / "base.ko").write_bytes(_module(exports="base_symbol"))
    (folder / "helper.ko").write_bytes(_module(info="alias=crypto-helper"))
    (folder / "my-disk.ko").write_bytes(
        _module(needs="base_symbol", info="softdep=pre: crypto-helper")
    )
    for name in ("modules.order", "modules.builtin"):
        (folder / name).write_text("")
    [depmod] = tools.require("depmod")
    subprocess.run([depmod, "--basedir", tmp_path, "6.1.0"], check=True, capture_output=True)
    order = ModuleTree(folder).load_order(["my_disk"])
    assert _names(order) == ["-helper", "base", "my-disk"]
    assert all(module.path.is_file() for module in order)


def test_load_order_leaves_out_optional_drivers_that_a_kernel_lacks(folder: Path) -> None:
    order = ModuleTree(folder).load_order(["jbd2"], optional=["floppy", "virtio-blk", "virtio_pci"])
    assert _names(order) == ["jbd2", "-virtio-ring", "-virtio_blk"]
