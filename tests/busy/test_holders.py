"""What holds a device, over values."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.busy import holders
from bootwright.host import mounts
from bootwright.host.mounts import Mount


def _mounts(folder: Path, group: str, pid: int = 0) -> list[Mount]:
    (table := folder / "mountinfo").write_text(
        f"40 28 7:3 / /srv rw,relatime {group} - ext4 /dev/loop3 rw\n"
    )
    return mounts.table(table, pid=pid)


@pytest.mark.parametrize(
    ("theirs", "stays"),
    [("master:7", False), ("shared:7", False), ("master:8", True), ("", True)],
)
def test_mounts_of_other_namespaces_count_where_unmounting_does_not_reach_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, theirs: str, stays: bool
) -> None:
    here = _mounts(tmp_path, "shared:7")
    there = _mounts(tmp_path, theirs, pid=99)
    monkeypatch.setattr(mounts, "table", lambda: here)
    monkeypatch.setattr(mounts, "elsewhere", lambda: iter(there))
    found = [m.pid for m in holders.read_block_devices().mounted]
    assert found == ([0, 99] if stays else [0])
