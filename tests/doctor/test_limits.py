"""Resource limits: open files, processes, cgroups."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from bootwright.doctor import limits
from bootwright.doctor.check import Check

_ANY = resource.RLIM_INFINITY


def open_files(soft: int, hard: int) -> Check:
    [check] = limits.open_files((soft, hard))
    assert (check.area, check.name) == ("host", "open files")
    return check


@pytest.mark.parametrize(
    ("soft", "hard", "text"),
    [
        (1024, 524288, "1024 per process, can be raised to 524288"),
        (1024, _ANY, "1024 per process, can be raised to unlimited"),
        (20000, 20000, "20000 per process"),
        (_ANY, _ANY, "unlimited per process"),
        (64, 256, "64 per process, can be raised to 256"),
    ],
)
def test_limits_open_files_enough(soft: int, hard: int, text: str) -> None:
    check = open_files(soft, hard)
    assert (check.state, check.text, check.hint) == ("ok", text, "")


def test_limits_open_files_warns_of_few() -> None:
    check = open_files(64, 255)
    assert check.state == "warning"
    assert check.hint == "raise it: ulimit -n 1024 (as root), or LimitNOFILE= in the systemd unit"


def test_limits_open_files_reads_this_process() -> None:
    [check] = limits.open_files()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert check == open_files(soft, hard)


def test_limits_processes_warns_of_few() -> None:
    [check] = limits.processes((499, 10000))
    assert (check.area, check.name, check.state) == ("host", "processes", "warning")
    assert check.text == "limited to 499 processes and threads; each machine needs about ten"
    assert check.hint == "raise it: ulimit -u 4096"


@pytest.mark.parametrize("soft", [500, _ANY])
def test_limits_processes_says_nothing_when_enough(soft: int) -> None:
    assert list(limits.processes((soft, _ANY))) == []


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "file-nr"


def test_limits_files_of_the_system_with_room(table: Path) -> None:
    table.write_text("9000\t0\t10000\n")
    [check] = limits.files_of_the_system(table)
    assert (check.state, check.text) == ("ok", "9000 of 10000 in use on the whole host")


def test_limits_files_of_the_system_warns_when_nearly_full(table: Path) -> None:
    table.write_text("9001\t0\t10000\n")
    [check] = limits.files_of_the_system(table)
    assert (check.state, check.text) == ("warning", "9001 of 10000 in use on the whole host")
    assert check.hint == "raise the limit: sudo sysctl fs.file-max=20000"


def test_limits_files_of_the_system_without_a_limit(table: Path) -> None:
    table.write_text("377\t0\t9223372036854775807\n")
    [check] = limits.files_of_the_system(table)
    assert (check.state, check.text) == ("ok", "377 in use on the whole host; no limit")


class Cgroups:
    """Cgroups made of files: user.slice and app below it, which this process is in."""

    def __init__(self, folder: Path) -> None:
        self.membership = folder / "membership"
        self.membership.write_text("0::/user.slice/app\n")
        self.root = folder / "cgroup"
        (self.root / "user.slice" / "app").mkdir(parents=True)

    def set(self, name: str, value: str) -> None:
        (self.root / "user.slice" / name).write_text(f"{value}\n")

    def says(self, cpus: int = 4) -> list[str]:
        checks = list(limits.cgroups(cpus, self.membership, self.root))
        assert all((check.name, check.state) == ("cgroup", "note") for check in checks)
        return [check.text for check in checks]


@pytest.fixture
def cgroups(tmp_path: Path) -> Cgroups:
    return Cgroups(tmp_path)


def test_limits_cgroups_without_limits_give_no_check(cgroups: Cgroups) -> None:
    assert cgroups.says() == []
    cgroups.set("memory.max", "max")
    cgroups.set("cpu.max", "max 100000")
    assert cgroups.says() == []
    cgroups.membership.unlink()
    assert cgroups.says() == []


def test_limits_cgroups_report_bounded_memory(cgroups: Cgroups) -> None:
    cgroups.set("memory.max", str(4 << 30))
    cgroups.set("app/memory.max", str(2 << 30))
    assert cgroups.says() == [
        "memory limited to 2.0 GiB (memory.max): machines that exceed it are killed"
    ]


def test_limits_cgroups_report_bounded_cpus(cgroups: Cgroups) -> None:
    cgroups.set("cpu.max", "150000 100000")
    assert cgroups.says() == ["CPU time limited to 1.5 of 4 CPUs (cpu.max): boots take longer"]


def test_limits_cgroups_ignore_a_quota_of_all_cpus(cgroups: Cgroups) -> None:
    cgroups.set("cpu.max", "400000 100000")
    assert cgroups.says(cpus=4) == []
    assert len(cgroups.says(cpus=5)) == 1
