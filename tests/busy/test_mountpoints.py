"""Why a mount point is busy, with real mounts."""

from __future__ import annotations

import os
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


def test_of_folder_tells_where_the_filesystem_is_mounted_too(
    home: Home, image: Path, attach: Callable[..., Path], points: tuple[Path, Path]
) -> None:
    node = attach(image)
    first, second = points
    assert explain_busy(first, home).is_free
    run("mount", node, first)
    assert not any(str(second) in reason for reason in explain_busy(first, home).reasons)
    run("mount", node, second)
    found = explain_busy(first, home)
    assert found.is_busy
    assert any(f"mounted at {second} (ext4) too" in reason for reason in found.reasons)
    assert f"unmount {second}: $ sudo umount {second}" in found.fixes
