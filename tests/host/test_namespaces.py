"""Programs that leave nothing behind when they are ended."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from bootwright.host.namespaces import end_sealed, sealed


def _started(line: str) -> subprocess.Popen[str]:
    """Start a shell in a seal; return when it has said that it is ready."""
    process = subprocess.Popen(
        [*sealed(), "sh", "-c", line], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_sealed_ends_all_processes_with_the_first(tmp_path: Path) -> None:
    # A child that ignores the signal: only the end of its namespace, or of its own work, ends it.
    child = "(trap '' TERM; sleep 2; touch survived)&" if os.geteuid() == 0 else ""
    with _started(f"cd {tmp_path}; {child} echo ready; sleep 600") as process:
        end_sealed(process)
        assert process.stdout is not None
        # The pipe ends with its last holder.
        assert process.stdout.read() == ""
    assert process.returncode < 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts something, which needs root")
def test_sealed_hides_its_mounts_from_the_host(tmp_path: Path) -> None:
    mounting = f"mount -t tmpfs tmpfs {tmp_path}; touch {tmp_path}/inside"
    line = f"set -e; {mounting}; echo ready; sleep 600"
    with _started(line) as process:
        assert list(tmp_path.iterdir()) == []
        assert str(tmp_path) not in Path("/proc/self/mounts").read_text()
        end_sealed(process)


def test_sealed_returns_the_programs_status() -> None:
    assert subprocess.run([*sealed(), "sh", "-c", "exit 7"]).returncode == 7
