"""Which cgroups we are in and what they allow, read from trees as the kernel shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.host import cgroup


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a tree with the cgroups user.slice/app."""
    folder = tmp_path / "cgroup"
    (folder / "user.slice" / "app").mkdir(parents=True)
    return folder


def member_of(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "membership"
    path.write_text(text)
    return path


def test_cgroup_own_folders_include_all_parents(root: Path, tmp_path: Path) -> None:
    membership = member_of(tmp_path, "0::/user.slice/app\n")
    assert cgroup.own_folders(membership, root) == [
        root / "user.slice" / "app",
        root / "user.slice",
        root,
    ]


def test_cgroup_own_folders_of_the_root(root: Path, tmp_path: Path) -> None:
    assert cgroup.own_folders(member_of(tmp_path, "0::/\n"), root) == [root]


def test_cgroup_own_folders_skip_version_1(root: Path, tmp_path: Path) -> None:
    membership = member_of(tmp_path, "4:memory:/user.slice/app\n0::/user.slice\n")
    assert cgroup.own_folders(membership, root) == [root / "user.slice", root]
    membership.write_text("4:memory:/user.slice/app\n")
    assert cgroup.own_folders(membership, root) == []


def test_cgroup_own_folders_in_a_container_are_the_root(root: Path, tmp_path: Path) -> None:
    membership = member_of(tmp_path, "0::/docker/0123abcd\n")
    assert cgroup.own_folders(membership, root) == [root]


def test_cgroup_own_folders_outside_the_namespace_are_none(root: Path, tmp_path: Path) -> None:
    assert cgroup.own_folders(member_of(tmp_path, "0::/../user.slice\n"), root) == []


def test_cgroup_own_folders_without_cgroups_are_none(root: Path, tmp_path: Path) -> None:
    assert cgroup.own_folders(tmp_path / "missing", root) == []
    assert cgroup.own_folders(member_of(tmp_path, "0::/\n"), tmp_path / "unmounted") == []


@pytest.mark.parametrize(
    ("text", "value"), [("max\n", None), ("2147483648\n", 1 << 31), ("0\n", 0)]
)
def test_cgroup_value_is_a_number_or_none(root: Path, text: str, value: int | None) -> None:
    (root / "memory.max").write_text(text)
    assert cgroup.value(root, "memory.max") == value


def test_cgroup_missing_files_limit_nothing(root: Path) -> None:
    assert cgroup.value(root, "memory.max") is None
    assert cgroup.cpus(root) is None
    assert cgroup.reclaimable_bytes(root) == 0


@pytest.mark.parametrize(
    ("text", "cpus"), [("max 100000\n", None), ("150000 100000\n", 1.5), ("20000 50000\n", 0.4)]
)
def test_cgroup_cpus_reads_a_quota(root: Path, text: str, cpus: float | None) -> None:
    (root / "cpu.max").write_text(text)
    assert cgroup.cpus(root) == cpus


def test_cgroup_reclaimable_bytes_counts_inactive_files(root: Path) -> None:
    (root / "memory.stat").write_text("anon 7\nfile 900\nactive_file 300\ninactive_file 600\n")
    assert cgroup.reclaimable_bytes(root) == 600


def test_cgroup_own_folders_of_this_process_exist() -> None:
    folders = cgroup.own_folders()
    assert all(folder.is_dir() for folder in folders)
    assert folders == sorted(folders, reverse=True), "inner ones first"
