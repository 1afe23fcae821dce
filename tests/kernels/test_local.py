"""A user's own kernel files: what is taken, and what each wrong one is said to be."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootwright.errors import FormatError, InputError
from bootwright.home import Home
from bootwright.kernels import local
from bootwright.kernels.kernel import kernel_store

_RELEASE = "6.1.0-50-cloud-amd64"
_PVH_NOTE = struct.pack("<III4sQ", 4, 8, 18, b"Xen\0", 0x1000000)
_WHERE = "a kernel is vmlinux in a build tree, or arch/x86/boot/bzImage"
_ARCH_HINT = "give a kernel built with ARCH=x86_64"


def _elf(*, machine: int = 62, notes: bytes = b"", release: str = _RELEASE) -> bytes:
    """Build an ELF64 program: a segment of notes, and the banner of kernel *release*."""
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", ident, 2, machine, 1, 0, 64, 0, 0, 64, 56, 1, 64, 0, 0
    )
    segment = struct.pack("<IIQQQQQQ", 4, 4, 120, 0, 0, len(notes), len(notes), 4)
    banner = f"Linux version {release} (debian) #1 SMP\n" if release else "hello, world"
    return header + segment + notes + banner.encode()


def _bzimage(payload: bytes, *, xloadflags: int = 1) -> bytes:
    header = bytearray(2560)
    header[:2], header[0x1F1], header[0x202:0x206] = b"MZ", 4, b"HdrS"
    struct.pack_into("<HxxxxxxH", header, 0x206, 0x020F, 0x100)
    header[0x300:0x340] = f"{_RELEASE} (debian) #1 SMP".encode().ljust(64, b"\0")
    struct.pack_into("<H", header, 0x236, xloadflags)
    struct.pack_into("<II", header, 0x248, 0, len(payload))
    return bytes(header) + payload


@pytest.fixture(autouse=True)
def _nothing_left(home: Home) -> Iterator[None]:
    """See after each test that staging is empty."""
    yield
    staging = home.kernels / "staging"
    assert not staging.exists() or list(staging.iterdir()) == []


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kernel-file"


def _modules(folder: Path, release: str = _RELEASE) -> Path:
    """Make what `make modules_install` leaves in *folder*, but for modules.dep."""
    tree = folder / "lib" / "modules" / release
    tree.mkdir(parents=True)
    for name in ("modules.builtin", "modules.order"):
        (tree / name).write_text("")
    (tree / "build").symlink_to("/usr/src/linux")
    return tree


def test_local_add_extracts_vmlinux_from_a_bzimage(home: Home, file: Path) -> None:
    elf = _elf(notes=_PVH_NOTE)
    file.write_bytes(_bzimage(gzip.compress(elf)))
    kernel = local.add(home, file, name="mine")
    assert (kernel.release, kernel.pvh, kernel.source) == (_RELEASE, True, str(file))
    assert kernel.parts == ("bzImage", "vmlinux")
    assert (kernel.folder / kernel.fastest_file).read_bytes() == elf
    assert (kernel.folder / "bzImage").read_bytes() == file.read_bytes()
    assert kernel_store(home).names() == {"mine": kernel.digest}


@pytest.mark.parametrize(("notes", "pvh"), [(_PVH_NOTE, True), (b"", False)])
def test_local_add_of_a_vmlinux(home: Home, file: Path, notes: bytes, pvh: bool) -> None:
    file.write_bytes(_elf(notes=notes))
    kernel = local.add(home, file, name="mine", source="built by me")
    assert (kernel.pvh, kernel.parts, kernel.source) == (pvh, ("vmlinux",), "built by me")


def test_local_add_keeps_a_bzimage_of_unknown_compression(home: Home, file: Path) -> None:
    file.write_bytes(_bzimage(b"\x89LZO and so on"))
    kernel = local.add(home, file, name="mine")
    assert (kernel.release, kernel.parts, kernel.pvh) == (_RELEASE, ("bzImage",), False)
    assert kernel.fastest_file == "bzImage"


@pytest.mark.parametrize(
    ("content", "problem", "hint"),
    [
        (
            b"#!/bin/sh\n",
            "it is neither a bzImage nor a vmlinux (it starts with 23212f62)",
            "a kernel is arch/x86/boot/bzImage or vmlinux in a build tree, /boot/vmlinuz-* in a "
            "distribution",
        ),
        (
            b"",
            "it is neither a bzImage nor a vmlinux (it starts with nothing)",
            "a kernel is arch/x86/boot/bzImage or vmlinux in a build tree, /boot/vmlinuz-* in a "
            "distribution",
        ),
        (_elf(release=""), "it is an ELF file without a 'Linux version' banner", _WHERE),
        (_elf(machine=183), "it is for AArch64; bootwright boots x86-64 only", _ARCH_HINT),
        (
            b"MZ" + bytes(54) + b"ARM\x64" + bytes(1000),
            "it is an arm64 kernel; bootwright boots x86-64 only",
            _ARCH_HINT,
        ),
        (
            _bzimage(gzip.compress(_elf(machine=3)), xloadflags=0),
            "it is a 32-bit x86 kernel; bootwright boots x86-64 only",
            _ARCH_HINT,
        ),
        (
            _bzimage(gzip.compress(_elf(machine=3))),
            "it is for x86; bootwright boots x86-64 only",
            _ARCH_HINT,
        ),
    ],
    ids=["script", "empty", "program", "arm64 ELF", "arm64 Image", "32-bit", "32-bit payload"],
)
def test_local_add_refuses_other_files(
    home: Home, file: Path, content: bytes, problem: str, hint: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(FormatError) as caught:
        local.add(home, file, name="mine")
    assert str(caught.value) == f"{file} cannot be used: {problem}"
    assert caught.value.hint == hint
    assert kernel_store(home).digests() == []


def test_local_add_refuses_a_damaged_bzimage(home: Home, file: Path) -> None:
    payload = bytearray(gzip.compress(_elf()))
    payload[-8:-4] = b"\0\0\0\0"  # its checksum
    file.write_bytes(_bzimage(bytes(payload)))
    with pytest.raises(FormatError, match="cannot be used: its gzip payload is damaged"):
        local.add(home, file, name="mine")


@pytest.mark.parametrize("missing", ["file", "modules", "config", "system_map"])
def test_local_add_names_missing_files(home: Home, file: Path, missing: str) -> None:
    file.write_bytes(_elf())
    gone = file.with_name("gone")
    with pytest.raises(InputError) as caught:
        local.add(
            home,
            gone if missing == "file" else file,
            name="mine",
            modules=gone if missing == "modules" else None,
            config=gone if missing == "config" else None,
            system_map=gone if missing == "system_map" else None,
        )
    kind = "directory" if missing == "modules" else "file"
    assert str(caught.value) == f"no such {kind}: {gone}"
    assert caught.value.hint == (
        "give the directory that contains lib/modules"
        if missing == "modules"
        else "give the path of an existing file"
    )
    assert kernel_store(home).digests() == []


def test_local_add_refuses_a_folder_as_kernel(home: Home, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        local.add(home, tmp_path, name="mine")
    assert str(caught.value) == f"no such file: {tmp_path}"


def test_local_add_refuses_a_folder_as_config(home: Home, file: Path, tmp_path: Path) -> None:
    file.write_bytes(_elf())
    with pytest.raises(InputError):
        local.add(home, file, name="mine", config=tmp_path)


def test_local_add_with_an_invalid_name_stores_nothing(home: Home, file: Path) -> None:
    file.write_bytes(_elf())
    with pytest.raises(InputError, match=r"^'No!' cannot name a kernel$"):
        local.add(home, file, name="No!")
    assert kernel_store(home).digests() == []


@pytest.mark.parametrize("given", ["above", "parent", "itself"])
def test_local_add_takes_modules_config_and_symbols(
    home: Home, file: Path, tmp_path: Path, given: str
) -> None:
    file.write_bytes(_elf())
    above = tmp_path / "installed"
    tree = _modules(above)
    (tmp_path / "config").write_text("CONFIG_PVH=y\n")
    (tmp_path / "map").write_text("0 T _text\n")
    kernel = local.add(
        home,
        file,
        name="mine",
        modules={"above": above, "parent": tree.parent, "itself": tree}[given],
        config=tmp_path / "config",
        system_map=tmp_path / "map",
    )
    assert kernel.parts == ("vmlinux", "config", "System.map", "modules")
    assert kernel.config() == {"CONFIG_PVH": "y"}
    assert (kernel.folder / "System.map").read_text() == "0 T _text\n"
    assert kernel.modules is not None
    assert (kernel.modules / "modules.dep").exists(), "depmod writes it"
    assert not (kernel.modules / "build").is_symlink()
    assert (tree / "build").is_symlink(), "the user's own stays as it is"
    assert not (tree / "modules.dep").exists()


def test_local_add_keeps_resolved_module_dependencies(
    home: Home, file: Path, tmp_path: Path
) -> None:
    file.write_bytes(_elf())
    (_modules(tmp_path) / "modules.dep").write_text("kernel/a.ko:\n")
    kernel = local.add(home, file, name="mine", modules=tmp_path)
    assert kernel.modules is not None
    assert (kernel.modules / "modules.dep").read_text() == "kernel/a.ko:\n"


@pytest.mark.parametrize("given", ["above", "parent", "empty", "itself"])
def test_local_add_refuses_modules_of_another_kernel(
    home: Home, file: Path, tmp_path: Path, given: str
) -> None:
    file.write_bytes(_elf())
    above, empty = tmp_path / "installed", tmp_path / "empty"
    empty.mkdir()
    tree = _modules(above, "5.10.0-other")
    modules = {"above": above, "parent": tree.parent, "itself": tree, "empty": empty}[given]
    with pytest.raises(InputError) as caught:
        local.add(home, file, name="mine", modules=modules)
    assert str(caught.value) == f"{modules} contains no modules of kernel {_RELEASE}"
    assert caught.value.hint == (f"give the directory that contains lib/modules/{_RELEASE}")
    assert kernel_store(home).digests() == []
