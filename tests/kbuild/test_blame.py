"""Which option brought a file, as Makefiles written like the kernel's say."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.kbuild import blame

_MAKEFILES = {
    "fs/Makefile": (
        "obj-y := open.o \\\n\tread_write.o\n"
        "obj-$(CONFIG_EXT4_FS) += ext4/\nobj-$(CONFIG_FAT_FS)\t+= fat/\n"
    ),
    "fs/ext4/Makefile": (
        "obj-$(CONFIG_EXT4_FS) += ext4.o\n"
        "ext4-y := balloc.o \\\n\t\tinode.o\n"
        "ext4-$(CONFIG_EXT4_FS_SECURITY) += xattr_security.o\n"
    ),
    "fs/fat/Makefile": "obj-y += fat.o\nfat-objs := cache.o\n",
    "fs/isofs/Makefile": (
        "obj-$(CONFIG_ISO9660_FS) += isofs.o\nisofs-objs-y := inode.o\n"
        "isofs-objs-$(CONFIG_JOLIET) += joliet.o\nisofs-objs := $(isofs-objs-y)\n"
    ),
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in _MAKEFILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("target", "option"),
    [
        ("fs/ext4/ext4.o", "CONFIG_EXT4_FS"),
        ("fs/ext4/inode.o", "CONFIG_EXT4_FS"),
        ("fs/ext4/xattr_security.o", "CONFIG_EXT4_FS_SECURITY"),
        ("fs/fat/cache.o", "CONFIG_FAT_FS"),
        ("fs/isofs/inode.o", "CONFIG_ISO9660_FS"),
        ("fs/isofs/joliet.o", "CONFIG_JOLIET"),
        ("fs/read_write.o", ""),
        ("fs/ext4/unheard_of.o", "CONFIG_EXT4_FS"),
        ("nowhere/at/all.o", ""),
    ],
)
def test_blame_option_of_takes_the_nearest_option(tree: Path, target: str, option: str) -> None:
    assert blame.option_of(tree, target) == option


def test_blame_files_of_an_option_include_parts(tree: Path) -> None:
    found = list(blame.files_of(tree / "fs" / "ext4"))
    assert sorted(found) == [
        ("EXT4_FS", "balloc.o"),
        ("EXT4_FS", "ext4.o"),
        ("EXT4_FS", "inode.o"),
        ("EXT4_FS_SECURITY", "xattr_security.o"),
    ]
