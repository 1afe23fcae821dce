"""Several processes write at once, or are killed while they do."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from bootwright.history.history import History
from tests.history.samples import boot

SEED = int(os.environ.get("BOOTWRIGHT_TEST_SEED", "20260101"))
_ROOT = Path(__file__).parents[2]


def _writer(path: Path, count: int) -> subprocess.Popen[str]:
    """Start a process that will add *count* boots, and wait until it is about to."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.history.writer", str(path), str(count)],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def _go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def _told(process: subprocess.Popen[str]) -> list[int]:
    """Return the ids that were told, whole lines only."""
    out, _ = process.communicate()
    return [int(line) for line in out.splitlines(keepends=True) if line.endswith("\n")]


def _integrity(path: Path) -> list[tuple[str]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall()


def test_history_add_by_concurrent_processes_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"  # not there yet: they make it at once, too
    writers = [_writer(path, 15) for _ in range(3)]
    for writer in writers:
        _go(writer)
    told = [_told(writer) for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    ids = sorted(boot_id for some in told for boot_id in some)
    assert ids == list(range(1, 46))
    assert [row.id for row in History(path).find()] == ids[::-1]
    assert _integrity(path) == [("ok",)]


def test_history_add_killed_at_any_moment_loses_at_most_one_boot(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    chance = random.Random(SEED)
    known: set[int] = set()
    for _ in range(8):
        writer = _writer(path, 1000)
        _go(writer)
        time.sleep(chance.uniform(0, 0.06))
        writer.kill()
        known |= set(_told(writer))
        found = {row.id for row in History(path).find()}
        assert known <= found, f"seed {SEED}"
        assert len(found - known) <= 1, "committed, and killed before it was told"
        assert _integrity(path) == [("ok",)]
        for boot_id in found:
            History(path).load(boot_id)
        known = found
    assert History(path).add(boot()) > max(known, default=0)
