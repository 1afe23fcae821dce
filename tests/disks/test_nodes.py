"""Device nodes of our own where /dev has none, as in containers."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bootwright.disks import nodes
from bootwright.errors import DeviceError

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="device nodes need root"),
]


def test_nodes_block_uses_the_node_in_dev(tmp_path: Path) -> None:
    usual = tmp_path / "loop3"
    os.mknod(usual, stat.S_IFBLK | 0o600, os.makedev(7, 3))
    own = tmp_path / "own"
    assert nodes.block("loop3", 7, 3, dev=tmp_path, private_dev=own) == usual
    assert not own.exists()


@pytest.mark.parametrize("there", ["nothing", "a file", "another number", "a character device"])
def test_nodes_block_makes_a_node_when_the_one_in_dev_is_wrong(tmp_path: Path, there: str) -> None:
    usual, own = tmp_path / "loop3", tmp_path / "own"
    match there:
        case "a file":
            usual.touch()
        case "another number":
            os.mknod(usual, stat.S_IFBLK | 0o600, os.makedev(7, 4))
        case "a character device":
            os.mknod(usual, stat.S_IFCHR | 0o600, os.makedev(7, 3))
    made = nodes.block("loop3", 7, 3, dev=tmp_path, private_dev=own)
    status = made.stat()
    assert stat.S_ISBLK(status.st_mode)
    assert (status.st_rdev, stat.S_IMODE(status.st_mode)) == (os.makedev(7, 3), 0o600)
    assert stat.S_IMODE(own.stat().st_mode) == 0o700
    assert nodes.block("loop3", 7, 3, dev=tmp_path, private_dev=own) == made
    assert os.listdir(own) == [made.name]


def test_nodes_character_flattens_names_in_folders_of_dev(tmp_path: Path) -> None:
    made = nodes.character("mapper/control", 10, 236, dev=tmp_path, private_dev=tmp_path / "own")
    assert made == tmp_path / "own/mapper-control"


def test_nodes_block_names_the_node_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DeviceError) as bad:
        nodes.block("loop3", 7, 3, dev=tmp_path, private_dev=tmp_path / "file/own")
    assert str(bad.value).startswith(f"{tmp_path}/loop3 is missing, and ")
    assert "mknod" in bad.value.hint
    assert f"{tmp_path}/loop3 b 7 3" in bad.value.hint
