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


def test_a_cgroup_comes_with_all_above_it(root: Path, tmp_path: Path) -> None:
    membership = member_of(tmp_path, "0::/user.slice/app\n")
    assert cgroup.own_folders(membership, root) == [
        root / "user.slice" / "app",
        root / "user.slice",
        root,
    ]


def test_the_root_is_a_cgroup_too(root: Path, tmp_path: Path) -> None:
    assert cgroup.own_folders(member_of(tmp_path, "0::/\n"), root) == [root]


def test_controllers_of_version_1_are_passed_over(root: Path, tmp_path: Path) -> None:
    membership = member_of(tmp_path, "4:memory:/user.slice/app\n0::/user.slice\n")
    assert cgroup.own_folders(membership, root) == [root / "user.slice", root]
    membership.write_text("4:memory:/user.slice/app\n")
    assert cgroup.own_folders(membership, root) == []


def test_of_a_path_on_the_host_a_container_sees_the_root_only(root: Path, tmp_path: Path) -> None:
    membership = member_of(tmp_path, "0::/docker/0123abcd\n")
    assert cgroup.own_folders(membership, root) == [root]


def test_a_cgroup_outside_of_what_is_seen_says_nothing(root: Path, tmp_path: Path) -> None:
    assert cgroup.own_folders(member_of(tmp_path, "0::/../user.slice\n"), root) == []


def test_without_cgroups_there_are_none(root: Path, tmp_path: Path) -> None:
    assert cgroup.own_folders(tmp_path / "missing", root) == []
    assert cgroup.own_folders(member_of(tmp_path, "0::/\n"), tmp_path / "unmounted") == []


@pytest.mark.parametrize(
    ("text", "value"), [("max\n", None), ("2147483648\n", 1 << 31), ("0\n", 0)]
)
def test_a_limit_is_a_number_or_none(root: Path, text: str, value: int | None) -> None:
    (root / "memory.max").write_text(text)
    assert cgroup.value(root, "memory.max") == value


def test_what_is_not_there_limits_nothing(root: Path) -> None:
    assert cgroup.value(root, "memory.max") is None
    assert cgroup.cpus(root) is None
    assert cgroup.reclaimable_bytes(root) == 0


@pytest.mark.parametrize(
    ("text", "cpus"), [("max 100000\n", None), ("150000 100000\n", 1.5), ("20000 50000\n", 0.4)]
)
def test_a_quota_is_a_number_of_cpus(root: Path, text: str, cpus: float | None) -> None:
    (root / "cpu.max").write_text(text)
    assert cgroup.cpus(root) == cpus


def test_unused_file_content_can_be_reclaimed(root: Path) -> None:
    (root / "memory.stat").write_text("anon 7\nfile 900\nactive_file 300\ninactive_file 600\n")
    assert cgroup.reclaimable_bytes(root) == 600


def test_our_own_cgroups_are_folders() -> None:
    folders = cgroup.own_folders()
    assert all(folder.is_dir() for folder in folders)
    assert folders == sorted(folders, reverse=True), "inner ones first"
