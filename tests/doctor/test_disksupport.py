"""What kernels and filesystems mean for disks."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from bootwright.doctor import disksupport
from bootwright.home import Home


@pytest.mark.parametrize(
    ("release", "phrases"),
    [
        ("6.1.0-13-amd64", []),
        ("5.8.0", []),
        ("5.7.19", ["LOOP_CONFIGURE"]),
        ("5.3.1", ["LOOP_CONFIGURE", "for a moment"]),
    ],
)
def test_disksupport_loops_reports_old_kernels(
    release: str, phrases: list[str], tmp_path: Path
) -> None:
    found = list(disksupport.loops(release, sys_block=tmp_path))
    assert len(found) == bool(phrases)
    assert all(words in found[0].text for words in phrases)


def test_disksupport_loops_reports_a_dev_without_loop_nodes(tmp_path: Path) -> None:
    (tmp_path / "sys/loop0").mkdir(parents=True)
    (tmp_path / "sys/loop37").mkdir()
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/loop0").touch()
    [check] = disksupport.loops("6.1", sys_block=tmp_path / "sys", dev=tmp_path / "dev")
    assert "loop37" in check.text
    assert "loop0" not in check.text


@pytest.mark.parametrize(
    ("cmdline", "config", "forbids"),
    [
        ("quiet", "CONFIG_BLK_DEV_WRITE_MOUNTED=y\n", False),
        ("quiet", "# CONFIG_BLK_DEV_WRITE_MOUNTED is not set\n", True),
        ("bdev_allow_write_mounted=1", "# CONFIG_BLK_DEV_WRITE_MOUNTED is not set\n", False),
        ("bdev_allow_write_mounted=0", "CONFIG_BLK_DEV_WRITE_MOUNTED=y\n", True),
    ],
)
def test_disksupport_mounted_writes_reports_the_kernels_setting(
    cmdline: str, config: str, forbids: bool, tmp_path: Path
) -> None:
    (tmp_path / "cmdline").write_text(cmdline)
    (tmp_path / "config.gz").write_bytes(gzip.compress(config.encode()))
    found = disksupport.mounted_writes(cmdline=tmp_path / "cmdline", config=tmp_path / "config.gz")
    assert bool(list(found)) is forbids


def test_disksupport_reflink_depends_on_the_filesystem(home: Home) -> None:
    [check] = disksupport.reflink(home)
    assert "at /" in check.text
    assert os.path.exists(check.text.split(" at ")[1].partition(" ")[0].rstrip(":"))
