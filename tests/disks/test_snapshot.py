"""Snapshots: stores that cannot overflow, and the words of the kernel's tables."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.disks import devicemapper, dm_ioctl, snapshot
from bootwright.disks.devicemapper import Linear, Snapshot, Zero
from bootwright.disks.dm_ioctl import Target
from bootwright.errors import DeviceError, InputError

CHUNK = snapshot.CHUNK_SECTORS * 512


@given(st.integers(1, 1 << 40))
def test_snapshot_chunks_have_room_for_data_and_metadata(sectors: int) -> None:
    chunks = snapshot._chunks(sectors)
    assert (chunks - 1) * snapshot.CHUNK_SECTORS < sectors <= chunks * snapshot.CHUNK_SECTORS
    # A header, the records, one chunk of records written in advance, and the data.
    records_a_chunk = CHUNK // 16
    assert snapshot._persistent_chunks(sectors) >= 1 + chunks + -(-chunks // records_a_chunk) + 1
    # Sparse as it is, an over-long store costs kernel memory: no more than 1 % more.
    assert snapshot._persistent_chunks(sectors) <= chunks * 1.01 + 3


def test_snapshot_disk_sectors_refuses_a_disk_smaller_than_its_image(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(bytes(8192))
    assert snapshot._disk_sectors(image, 0) == 16
    assert snapshot._disk_sectors(image, 16384) == 32
    with pytest.raises(InputError, match="a disk of 4096 bytes is smaller than its image"):
        snapshot._disk_sectors(image, 4096)


def test_devicemapper_targets_print_the_kernels_parameters() -> None:
    assert Linear(start=0, length=8, device="7:3").target().parameters == "7:3 0"
    assert Zero(start=8, length=8).target() == Target(start=8, length=8, kind="zero", parameters="")
    line = Snapshot(start=0, length=8, origin="7:3", store="7:4", keeping="PO", chunk_sectors=32)
    assert line.target().parameters == "7:3 7:4 PO 32"


TARGETS = st.builds(
    Target,
    start=st.integers(0, 1 << 40),
    length=st.integers(1, 1 << 40),
    kind=st.sampled_from(["linear", "zero", "snapshot"]),
    parameters=st.text("0123456789: POlinear", max_size=60),
)


@given(st.lists(TARGETS, min_size=1, max_size=4))
def test_dm_ioctl_targets_reads_what_packed_writes(table: list[Target]) -> None:
    data = dm_ioctl.packed(table)
    assert len(data) % 8 == 0
    # The kernel counts from the table's begin where it answers, from each line where it is asked.
    at, answered = 0, b""
    for _ in table:
        head = data[at : at + 40]
        length = struct.unpack_from("=QQiI", head)[3]
        line = bytearray(data[at : at + length])
        at += length
        struct.pack_into("=I", line, 20, at)
        answered += line
    answer = dm_ioctl.Answer(
        flags=0,
        open_count=0,
        target_count=len(table),
        major=253,
        minor=0,
        name="",
        uuid="",
        data=answered,
    )
    assert dm_ioctl.targets(answer) == table


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ("16/2048 8", (16, 2048, 8, "")),
        ("Invalid", (0, 0, 0, "Invalid")),
        ("Overflow", (0, 0, 0, "Overflow")),
        ("Merge failed", (0, 0, 0, "Merge failed")),
    ],
)
def test_snapshot_status_reads_how_full_a_snapshot_is(
    told: str, status: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Target(start=0, length=8, kind="snapshot", parameters=told)
    monkeypatch.setattr(devicemapper, "status", lambda name: [line])
    read = devicemapper.snapshot_status("x")
    assert (read.used, read.total, read.metadata, read.failure) == status


@pytest.mark.parametrize(
    "ask", [lambda: devicemapper.create("x", "", []), lambda: devicemapper.find("x")]
)
def test_devicemapper_without_a_control_device(
    ask: Callable[[], object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if not devicemapper.available():
        pytest.skip("this host has one")
    with pytest.raises(DeviceError) as bad:
        ask()
    assert str(bad.value)
