"""The memory of this host, and that of hosts and cgroups made of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.errors import HostError
from bootwright.host import memory

MIB = 1 << 20
_MEMINFO = f"""\
MemTotal:       {24000 * 1024} kB
MemFree:        {100 * 1024} kB
MemAvailable:   {20000 * 1024} kB
HugePages_Total:       0
"""


class Host:
    """A host made of files."""

    def __init__(self, folder: Path) -> None:
        self.meminfo = folder / "meminfo"
        self.meminfo.write_text(_MEMINFO)
        self.membership = folder / "membership"
        self.membership.write_text("0::/user.slice/app\n")
        self.cgroups = folder / "cgroup"
        (self.cgroups / "user.slice" / "app").mkdir(parents=True)

    def limit(self, cgroup: str, *, most: int | str, used: int = 0, unused_files: int = 0) -> None:
        folder = self.cgroups / cgroup
        (folder / "memory.max").write_text(f"{most}\n")
        (folder / "memory.current").write_text(f"{used}\n")
        (folder / "memory.stat").write_text(f"anon 1\ninactive_file {unused_files}\n")

    def mib(self) -> tuple[int, int]:
        found = memory.read(
            meminfo=self.meminfo, membership=self.membership, cgroup_root=self.cgroups
        )
        return found.total_bytes // MIB, found.available_bytes // MIB


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_memory_read_without_limits_is_the_hosts(host: Host) -> None:
    assert host.mib() == (24000, 20000)


def test_memory_read_ignores_cgroups_without_a_limit(host: Host) -> None:
    host.limit("user.slice/app", most="max", used=500 * MIB)
    assert host.mib() == (24000, 20000)


def test_memory_read_is_bounded_by_a_cgroup(host: Host) -> None:
    host.limit("user.slice/app", most=2048 * MIB, used=500 * MIB)
    assert host.mib() == (2048, 1548)


def test_memory_read_takes_the_tightest_cgroup(host: Host) -> None:
    host.limit("user.slice/app", most=4096 * MIB, used=100 * MIB)
    host.limit("user.slice", most=5000 * MIB, used=4900 * MIB)
    assert host.mib() == (4096, 100)


def test_memory_read_ignores_a_cgroup_limit_above_the_host(host: Host) -> None:
    host.limit("user.slice", most=90000 * MIB, used=MIB)
    assert host.mib() == (24000, 20000)


def test_memory_read_counts_reclaimable_files_as_available(host: Host) -> None:
    host.limit("user.slice/app", most=2048 * MIB, used=2048 * MIB, unused_files=1000 * MIB)
    assert host.mib() == (2048, 1000)


def test_memory_read_of_a_cgroup_beyond_its_limit_is_zero(host: Host) -> None:
    host.limit("user.slice/app", most=2048 * MIB, used=2050 * MIB)
    assert host.mib() == (2048, 0)


def test_memory_read_without_proc_fails(host: Host) -> None:
    host.meminfo.unlink()
    with pytest.raises(HostError) as caught:
        host.mib()
    assert str(caught.value) == f"cannot read {host.meminfo}: No such file or directory"
    assert caught.value.hint == "mount -t proc proc /proc"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("MemAvailable: 1 kB\n", "MemTotal"),
        ("MemTotal: 1 kB\nMemFree: 1 kB\n", "MemAvailable"),
        ("MemTotal:\nMemAvailable: 1 kB\n", "MemTotal"),
        ("MemTotal: many\nMemAvailable: 1 kB\n", "MemTotal"),
    ],
)
def test_memory_read_names_a_missing_field(host: Host, text: str, field: str) -> None:
    host.meminfo.write_text(text)
    with pytest.raises(HostError) as caught:
        host.mib()
    assert str(caught.value) == f"{host.meminfo} has no {field}"
    assert caught.value.hint == "bootwright needs Linux 3.14 or later, and the kernel's own /proc"


def test_memory_read_of_this_host() -> None:
    found = memory.read()
    assert 0 < found.available_bytes <= found.total_bytes
    # The figures are in bytes: no host that runs this has less than 64 MiB.
    assert found.total_bytes > 64 * MIB
