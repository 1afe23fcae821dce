"""Kernel configs as people have them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import zstandard

from bootwright.errors import FormatError, InputError
from bootwright.kbuild import configfile

TEXT = """#
# Automatically generated file; DO NOT EDIT.
# Linux/arm64 6.6.3 Kernel Configuration
#
CONFIG_CC_VERSION_TEXT="gcc 13"
CONFIG_ARM64=y
CONFIG_VIRTIO_BLK=m
# CONFIG_SMP is not set
"""
VMLINUX = (
    b"\x7fELF" + bytes(60) + b"Linux version 6.6.3 (me@box) IKCFG_ST constant "
    b"IKCFG_ST" + gzip.compress(TEXT.encode()) + b"IKCFG_ED" + bytes(100)
)


def _bzimage(vmlinux: bytes) -> bytes:
    payload = gzip.compress(vmlinux)
    header = bytearray(1024)
    header[0x1F1] = 1
    header[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", header, 0x206, 0x020F)
    struct.pack_into("<II", header, 0x248, 0, len(payload))
    return bytes(header) + payload


def _image(vmlinux: bytes) -> bytes:
    return b"MZ" + bytes(0x36) + b"ARM\x64" + bytes(64) + vmlinux


KINDS: dict[str, bytes] = {
    "config": TEXT.encode(),
    "config.crlf": TEXT.replace("\n", "\r\n").encode(),
    "config.gz": gzip.compress(TEXT.encode()),
    "config.xz": lzma.compress(TEXT.encode()),
    "config.bz2": bz2.compress(TEXT.encode()),
    "config.zst": zstandard.compress(TEXT.encode()),
    "vmlinux": VMLINUX,
    "vmlinux.xz": lzma.compress(VMLINUX),
    "bzImage": _bzimage(VMLINUX),
    "bzImage.gz": gzip.compress(_bzimage(VMLINUX)),
    "Image": _image(VMLINUX),
    "Image.gz": gzip.compress(_image(VMLINUX)),
    "zImage": bytes(0x24) + b"\x18\x28\x6f\x01" + bytes(64) + lzma.compress(VMLINUX),
    "zboot": b"MZ\0\0zimg" + bytes(64) + zstandard.compress(_image(VMLINUX)) + b"signature",
}


@pytest.mark.parametrize("kind", KINDS)
def test_config_file_of_each_kind(kind: str, tmp_path: Path) -> None:
    path = tmp_path / kind
    path.write_bytes(KINDS[kind])
    found = configfile.parse(configfile.text_of_file(str(path)))
    assert found.options["VIRTIO_BLK"] == "m"
    assert found.named == {"CC_VERSION_TEXT", "ARM64", "VIRTIO_BLK", "SMP"}
    assert (found.fragment, found.architecture, found.version) == (False, "arm64", "6.6.3")


def test_config_file_from_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = SimpleNamespace(buffer=io.BytesIO(KINDS["config.gz"]))
    monkeypatch.setattr("sys.stdin", pipe)
    assert configfile.text_of_file("-") == TEXT


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("config.gz", lambda data: data[:-20], "compressed data is truncated"),
        ("config.zst", lambda data: data[:-5], "compressed data is truncated"),
        ("config.xz", lambda data: data[:-20], "compressed data is truncated"),
        ("config.bz2", lambda data: data[:30] + b"x" * 30, "compressed data is damaged"),
        ("bzImage", lambda data: data[:-200], "it is truncated: its payload ends"),
        ("vmlinux", lambda data: data[:-160], "the config inside is damaged"),
    ],
)
def test_config_file_that_is_damaged(
    name: str, change: Callable[[bytes], bytes], message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(change(KINDS[name]))
    with pytest.raises(FormatError, match=message) as caught:
        configfile.text_of_file(str(path))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"hello\n", "is not a kernel config"),
        (b"#define CONFIG_SMP 1\n", "is not a kernel config"),
        (b"if x:\n    print('CONFIG_SMP=y')\n", "is not a kernel config"),
        (gzip.compress(b"hello\n", mtime=0), "is not a kernel config"),
        (b"\x89PNG" + bytes(2000), "is not a kernel config"),
        (b"\x7fELF" + bytes(2000), "is not a kernel config"),
        (VMLINUX.replace(b"IKCFG_ST", b"--------"), "was built without CONFIG_IKCONFIG"),
        (_bzimage(b"\x7fELF" + bytes(99)), "was built without CONFIG_IKCONFIG"),
    ],
)
def test_config_file_that_has_none(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=message) as caught:
        configfile.text_of_file(str(path))
    assert "give " in caught.value.hint


def test_config_file_that_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / ".config").write_text(TEXT)
    with pytest.raises(InputError, match="is a folder") as caught:
        configfile.text_of_file(str(tmp_path))
    assert caught.value.hint == f"give {tmp_path}/.config"


@pytest.mark.parametrize(
    ("text", "fragment", "architecture", "version"),
    [
        ("CONFIG_NVME_CORE=y\n", True, "", ""),
        ("# Linux/x86 6.1.50 Kernel Configuration\nCONFIG_SMP=y\n", True, "x86", "6.1.50"),
        ("CONFIG_INIT_ENV_ARG_LIMIT=32\nCONFIG_X86_64=y\n", False, "x86_64", ""),
        ("# Linux kernel version: 2.6.32\nCONFIG_ARM=y\n", True, "arm", "2.6.32"),
    ],
)
def test_config_file_facts(text: str, fragment: bool, architecture: str, version: str) -> None:
    found = configfile.parse(text)
    assert (found.fragment, found.architecture, found.version) == (fragment, architecture, version)


def test_config_file_names_an_option_that_it_turns_off() -> None:
    found = configfile.parse("CONFIG_A=n\n# CONFIG_B is not set\nCONFIG_C=y\n")
    assert found.options == {"C": "y"}
    assert found.named == {"A", "B", "C"}
