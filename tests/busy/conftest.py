"""Real loop devices, claims and images."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


def run(*argv: object) -> str:
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def delete_partitions(node: Path) -> None:
    """Wait until mount namespaces that other tests have just created let go of a partition."""
    deadline = time.monotonic() + 60
    while list(Path(f"/sys/block/{node.name}").glob("*/partition")):
        assert time.monotonic() < deadline, node
        subprocess.run(["partx", "--delete", node], capture_output=True, check=False)
        time.sleep(0.01)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.ext4"
    path.touch()
    os.truncate(path, 16 << 20)
    run("mkfs.ext4", "-q", path)
    return path


@pytest.fixture
def attach() -> Iterator[Callable[..., Path]]:
    """Bind files to loop devices; afterwards none of them is left."""
    nodes: dict[Path, str] = {}

    def bind(path: Path, *options: str) -> Path:
        node = Path(run("losetup", "--find", "--show", *options, path))
        nodes[node] = str(path)
        return node

    yield bind
    for node, path in nodes.items():
        if backing(node).startswith(path):
            delete_partitions(node)
            run("losetup", "-d", node)
    deadline = time.monotonic() + 60
    while left := [n for n, path in nodes.items() if backing(n).startswith(path)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


def backing(node: Path) -> str:
    try:
        return Path(f"/sys/block/{node.name}/loop/backing_file").read_text()
    except OSError:
        return ""


# Who explains a busy device claims it for a moment, and may be a test beside this one.
_CLAIM = """
import errno, os, sys, time
while True:
    try:
        os.open(sys.argv[1], os.O_EXCL)
        break
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        time.sleep(0.01)
print(flush=True)
sys.stdin.read()
"""


@pytest.fixture
def claim() -> Iterator[Callable[[Path], int]]:
    """Open devices with O_EXCL in another process."""
    started = []

    def hold(node: Path) -> int:
        holder = subprocess.Popen(
            ["python3", "-c", _CLAIM, node], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        started.append(holder)
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"\n"
        return holder.pid

    yield hold
    for holder in started:
        holder.communicate()


@pytest.fixture
def points(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Yield two empty folders; afterwards nothing is mounted there."""
    both = tmp_path / "first", tmp_path / "second"
    for point in both:
        point.mkdir()
    yield both
    for point in both:
        subprocess.run(["umount", "--quiet", point], check=False)
