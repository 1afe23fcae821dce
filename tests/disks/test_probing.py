"""What probing tells of drives and of memory."""

from pathlib import Path

from bootwright.disks import probing


def test_mapped_writes_leaves_the_file_unchanged(tmp_path: Path) -> None:
    file = tmp_path / "image"
    file.write_bytes(b"\0" * (1 << 20))
    first, second = probing.mapped_writes(file, [0, 8192])
    assert len(first) == len(second) == 2
    assert file.read_bytes() == b"\0" * (1 << 20)


def test_resident_bytes_counts_what_was_just_written(tmp_path: Path) -> None:
    file = tmp_path / "image"
    file.write_bytes(b"\1" * (1 << 20))
    assert probing.resident_bytes(file, 1 << 19) == 1 << 19
