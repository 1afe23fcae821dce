"""The fingerprint of this host, and of hosts made of files."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import msgspec
import pytest

from bootwright.host import clock, fingerprint
from bootwright.host.fingerprint import Fingerprint

_CPUINFO = """\
processor\t: 0
vendor_id\t: AuthenticAMD
model name\t: AMD EPYC 7B13
flags\t\t: fpu vme hypervisor lahf_lm

processor\t: 1
model name\t: Another
flags\t\t: fpu
"""


@pytest.fixture
def host(tmp_path: Path) -> tuple[Path, Path]:
    """Return /proc and /sys of a host that has all of it."""
    proc, sys = tmp_path / "proc", tmp_path / "sys"
    files = {
        proc / "cpuinfo": _CPUINFO,
        proc / "loadavg": "1.25 0.50 0.10 2/345 6789\n",
        proc / "meminfo": "MemTotal: 2048 kB\nMemAvailable: 1024 kB\n",
        proc / "sys/kernel/random/boot_id": "0123-4567\n",
        sys / "devices/system/cpu/vulnerabilities/meltdown": "Mitigation: PTI\n",
        sys / "devices/system/cpu/vulnerabilities/l1tf": "Not affected\n",
    }
    for cpu in os.sched_getaffinity(0):
        files[sys / f"devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor"] = "powersave\n"
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return proc, sys


def test_fingerprint_read_takes_all_facts(host: tuple[Path, Path]) -> None:
    system = platform.uname()
    assert fingerprint.read(*host) == Fingerprint(
        cpu="AMD EPYC 7B13",
        cpus=len(os.sched_getaffinity(0)),
        is_virtual=True,
        kernel=system.release,
        kernel_build=system.version,
        mitigations={"l1tf": "Not affected", "meltdown": "Mitigation: PTI"},
        governor="powersave",
        load=1.25,
        memory_bytes=2048 * 1024,
        available_bytes=1024 * 1024,
        boot_id="0123-4567",
    )


def test_fingerprint_read_tells_a_host_from_a_guest(host: tuple[Path, Path]) -> None:
    (host[0] / "cpuinfo").write_text(_CPUINFO.replace("hypervisor ", ""))
    assert fingerprint.read(*host).is_virtual is False


def test_fingerprint_read_without_files_is_empty(tmp_path: Path) -> None:
    system = platform.uname()
    assert fingerprint.read(tmp_path / "proc", tmp_path / "sys") == Fingerprint(
        cpus=len(os.sched_getaffinity(0)), kernel=system.release, kernel_build=system.version
    )


@pytest.mark.parametrize("name", ["cpuinfo", "loadavg", "meminfo"])
@pytest.mark.parametrize("content", ["", "\n\n", "nonsense", "\xff\x00:"])
def test_fingerprint_read_accepts_unexpected_content(
    name: str, content: str, host: tuple[Path, Path]
) -> None:
    (host[0] / name).write_text(content)
    found = fingerprint.read(*host)
    assert found.boot_id == "0123-4567"


def test_fingerprint_read_takes_the_first_cpu(host: tuple[Path, Path]) -> None:
    (host[0] / "cpuinfo").write_text(_CPUINFO * 5000)
    assert fingerprint.read(*host).cpu == "AMD EPYC 7B13"


def test_fingerprint_read_of_this_host_can_be_stored() -> None:
    found = fingerprint.read()
    assert found.boot_id == clock.boot_id()
    assert found.memory_bytes >= found.available_bytes > 0
    assert msgspec.json.decode(msgspec.json.encode(found), type=Fingerprint) == found
