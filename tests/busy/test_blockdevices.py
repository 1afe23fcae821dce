"""Why a loop device or a partition is busy, with real ones."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bootwright.busy.explanation import Explanation
from bootwright.busy.why import explain_busy
from bootwright.home import Home
from tests.busy.conftest import delete_partitions, run

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(
        os.geteuid() != 0 or not os.path.exists("/dev/loop-control"), reason="needs loop devices"
    ),
]


def partitioned(image: Path) -> Path:
    """Write an MBR with one Linux partition from 1 MiB on."""
    with image.open("wb") as disk:
        disk.truncate(16 << 20)
        disk.seek(446)
        disk.write(struct.pack("<4xB3xII", 0x83, 2048, 16384))
        disk.seek(510)
        disk.write(b"\x55\xaa")
    return image


def _commands(found: Explanation) -> list[str]:
    return [fix.partition("$ ")[2] for fix in found.fixes]


def test_of_device_explains_that_losetup_is_refused(
    home: Home, image: Path, tmp_path: Path, attach: Callable[..., Path]
) -> None:
    node = attach(image)
    (other := tmp_path / "other.img").write_bytes(bytes(1 << 20))
    done = subprocess.run(["losetup", node, other], capture_output=True, text=True)
    found = explain_busy(node, home)
    assert found.is_busy
    assert f"attached to {image}: losetup {node} FILE is refused" in found.reasons[0]
    assert "failed to set up loop device: Device or resource busy" in found.reasons[0]
    assert "failed to set up loop device: Device or resource busy" in done.stderr
    assert "sudo losetup --find --show FILE" in _commands(found)
    assert f"sudo losetup -d {node}" in _commands(found)
    assert explain_busy(other, home).is_free
    run("losetup", "-d", node)
    assert explain_busy(node, home).checked


def test_of_device_tells_each_mount_of_a_filesystem(
    home: Home, image: Path, attach: Callable[..., Path], points: tuple[Path, Path]
) -> None:
    node = attach(image)
    for point in points:
        run("mount", node, point)
    found = explain_busy(node, home)
    assert any("mounted 2 times" in reason for reason in found.reasons)
    assert {f"sudo umount {point}" for point in points} <= set(_commands(found))


def test_of_device_finds_the_mount_of_another_namespace(
    home: Home, image: Path, attach: Callable[..., Path], points: tuple[Path, Path]
) -> None:
    node = attach(image)
    script = 'mount "$0" "$1" && echo && read _'
    with subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", script, node, points[0]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"\n"
        try:
            found = explain_busy(node, home)
        finally:
            other.communicate()
    assert "in the mount namespace of process" in found.devices[0].holders[0].text
    assert any(
        command.startswith("sudo nsenter -t ") and command.endswith(f" -m umount {points[0]}")
        for command in _commands(found)
    )


def test_of_device_explains_a_deleted_file(
    home: Home, image: Path, attach: Callable[..., Path]
) -> None:
    node = attach(image)
    image.unlink()
    for path in (node, image):
        found = explain_busy(path, home)
        assert found.is_busy
        assert any(f"its file {image} is deleted" in reason for reason in found.reasons)
        assert f"sudo dd if={node} of=copy.img bs=1M conv=sparse" in _commands(found)
    image.write_bytes(bytes(1 << 20))
    assert any("another one" in reason for reason in explain_busy(node, home).reasons)
    again = explain_busy(image, home)
    assert again.is_busy
    assert "not the file that is there now" in again.reasons[0]


def test_of_deleted_names_each_loop_device(
    home: Home, image: Path, attach: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = {attach(image), attach(image, "--read-only")}
    image.unlink()
    monkeypatch.chdir(image.parent)
    found = explain_busy(Path(image.name), home)
    assert {f"/dev/{device.name}" for device in found.devices} == {str(node) for node in nodes}
    assert {f"sudo losetup -d {node}" for node in nodes} <= set(_commands(found))


def test_of_device_explains_a_disk_with_partitions(
    home: Home, image: Path, attach: Callable[..., Path], points: tuple[Path, Path]
) -> None:
    partitioned(image)
    before = explain_busy(image, home)
    assert before.is_busy
    assert f"sudo losetup --find --show --partscan {image}" in _commands(before)
    assert f"sudo mount -o offset=1048576 {image} /mnt" in _commands(before)
    node = attach(image)
    assert subprocess.run(["mount", node, points[0]], capture_output=True).returncode != 0
    found = explain_busy(node, home)
    assert any("attached without --partscan" in reason for reason in found.reasons)
    run(*_command(found, "partx --add"))
    partition = Path(f"{node}p1")
    assert explain_busy(partition, home).is_free
    run("mkfs.ext4", "-q", partition)
    run("mount", partition, points[0])
    whole = explain_busy(node, home)
    assert whole.mounting is not None
    assert whole.mounting.verdict == "busy"
    assert [h.device for h in whole.devices[0].holders] == [partition.name]
    part = explain_busy(partition, home)
    assert part.devices[0].text == f"is a partition of {node.name}, which uses {image}"
    assert f"sudo umount {points[0]}" in _commands(part)
    run("umount", points[0])
    assert _command(explain_busy(node, home), "partx --delete") == ["partx", "--delete", str(node)]
    delete_partitions(node)


def _command(found: Explanation, words: str) -> list[str]:
    [command] = [c for c in _commands(found) if words in c]
    return command.removeprefix("sudo ").split()


def test_of_device_explains_a_file_that_shrank(
    home: Home, image: Path, attach: Callable[..., Path]
) -> None:
    node = attach(image)
    os.truncate(image, 8 << 20)
    found = explain_busy(node, home)
    assert any("its file shrank" in reason for reason in found.reasons)
    run(*_command(found, "truncate"))
    assert not any("shrank" in reason for reason in explain_busy(node, home).reasons)


def test_of_device_tells_that_it_is_read_only(
    home: Home, image: Path, attach: Callable[..., Path]
) -> None:
    found = explain_busy(attach(image, "--read-only"), home)
    assert any("it is read-only" in reason for reason in found.reasons)


def test_of_device_names_the_other_loop_device_of_the_file(
    home: Home, image: Path, attach: Callable[..., Path]
) -> None:
    first, second = attach(image), attach(image)
    found = explain_busy(first, home)
    assert any(f"attached to {second.name} too" in reason for reason in found.reasons)
    assert f"sudo losetup -d {second}" in _commands(found)
