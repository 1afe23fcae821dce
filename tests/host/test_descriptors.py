"""File descriptors: this process's real limits, and a system-wide table made of a file."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootwright.errors import HostError
from bootwright.host import descriptors


@pytest.fixture(autouse=True)
def _soft_limit() -> Iterator[None]:
    """Put this process's soft limit back after the test."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def _soft() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _set_soft(soft: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "file-nr"


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def test_descriptors_opened_counts_open_files() -> None:
    assert descriptors.opened() == sum(map(_is_open, range(2048)))
    before = descriptors.opened()
    read, write = os.pipe()
    assert descriptors.opened() == before + 2
    os.close(read)
    os.close(write)
    assert descriptors.opened() == before


def test_descriptors_require_changes_nothing_when_enough() -> None:
    _set_soft(descriptors.opened() + 50)
    descriptors.require(50)
    assert _soft() == descriptors.opened() + 50


def test_descriptors_require_raises_the_soft_limit() -> None:
    _set_soft(descriptors.opened() + 3)
    descriptors.require(20)
    assert _soft() == descriptors.opened() + 20
    opened = [os.open("/dev/null", os.O_RDONLY) for _ in range(20)]
    for fd in opened:
        os.close(fd)


_SCRIPT = """
import resource, sys
from bootwright.errors import HostError
from bootwright.host import descriptors
now = descriptors.opened()
resource.setrlimit(resource.RLIMIT_NOFILE, (now + 5, now + 10))
descriptors.require(10)
print("ten")
try:
    descriptors.require(11)
except HostError as error:
    print(str(error).replace(f"{now} open", "N open").replace(str(now + 10), "N+10"))
    print(error.hint.replace(str(now + 11), "N+11"))
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0] - now)
"""


def test_descriptors_require_refuses_beyond_the_hard_limit() -> None:
    # In a process of its own: only root could raise a hard limit again.
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "ten",
        "cannot open 11 more files: this process has N open and its hard limit is N+10",
        "raise it: ulimit -n N+11 (as root), or LimitNOFILE=N+11 in its systemd unit",
        "10",
    ], done.stderr


def test_descriptors_require_names_a_full_file_table(table: Path) -> None:
    table.write_text("9700\t0\t10000\n")
    descriptors.require(44, file_nr=table)
    with pytest.raises(HostError) as caught:
        descriptors.require(45, file_nr=table)
    assert str(caught.value) == ("cannot open 45 more files: 9700 of the host's 10000 are open")
    assert (
        caught.value.hint
        == "end processes that hold files open, or as root: sysctl fs.file-max=20000"
    )


def test_descriptors_require_with_a_full_table_keeps_the_limit(table: Path) -> None:
    table.write_text("10000\t0\t10000\n")
    _set_soft(descriptors.opened() + 3)
    with pytest.raises(HostError, match="of the host's"):
        descriptors.require(20, file_nr=table)
    assert _soft() == descriptors.opened() + 3


def test_descriptors_require_without_a_table_uses_the_process_limit(table: Path) -> None:
    assert not table.exists()
    before = _soft()
    descriptors.require(1, file_nr=table)
    assert _soft() == before


def test_descriptors_system_wide_omits_unused_files(table: Path) -> None:
    table.write_text("500\t200\t9223372036854775807\n")
    assert descriptors.system_wide(table) == (300, 9223372036854775807)


def test_descriptors_system_wide_of_this_host() -> None:
    now, most = descriptors.system_wide()
    assert 0 < now < most
