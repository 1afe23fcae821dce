"""Why a file is busy, with real loop devices, swap and processes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bootwright.busy.why import explain_busy
from bootwright.home import Home
from tests.busy.conftest import run

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(
        os.geteuid() != 0 or not os.path.exists("/dev/loop-control"), reason="needs loop devices"
    ),
]


def test_of_file_explains_an_attached_file(
    home: Home, image: Path, attach: Callable[..., Path]
) -> None:
    node = attach(image)
    found = explain_busy(image, home)
    assert found.is_busy
    assert found.fixes == (f"detach it when nothing needs it: $ sudo losetup -d {node}",)


def test_of_file_explains_swap(home: Home, tmp_path: Path) -> None:
    (file := tmp_path / "swap file").write_bytes(bytes(4 << 20))
    file.chmod(0o600)
    run("mkswap", file)
    if subprocess.run(["swapon", file], capture_output=True).returncode:
        pytest.skip("this filesystem holds no swap files")
    try:
        found = explain_busy(file, home)
    finally:
        run("swapoff", file)
    assert "swap space" in found.reasons[0]
    assert f"stop swapping on it: $ sudo swapoff '{file}'" in found.fixes
    assert explain_busy(file, home).is_free


def test_of_file_names_a_process_that_writes(home: Home, image: Path) -> None:
    with subprocess.Popen(
        ["sh", "-c", 'exec 3>>"$0"; echo; read _', image],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"\n"
        found = explain_busy(image, home)
        writer.communicate()
    assert f"process {writer.pid} (sh) has it open for writing" in found.reasons[0]


def test_of_file_looks_at_its_size(home: Home, image: Path) -> None:
    os.truncate(image, 0)
    empty = explain_busy(image, home)
    assert empty.is_busy
    assert "at least one sector" in empty.reasons[0]
    os.truncate(image, 1000)
    odd = explain_busy(image, home)
    assert odd.is_free
    assert "leaves out its last 488 bytes" in odd.notes[0]


def test_of_file_without_the_loop_driver(
    home: Home, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bootwright.disks.loop_ioctl.CONTROL", "/dev/no-loop-control")
    found = explain_busy(image, home)
    assert found.is_busy
    assert "load the driver: $ sudo modprobe loop" in found.fixes
