"""bootwright doctor why: exit status, JSON, and what an ordinary user sees."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootwright.cli.main import run
from bootwright.home import Home

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(
        os.geteuid() != 0 or not os.path.exists("/dev/loop-control"), reason="needs loop devices"
    ),
]

_AS_NOBODY = """
import io, os, sys
from contextlib import redirect_stderr, redirect_stdout
from bootwright.cli.main import run
# Once as root, to import what an ordinary user may have no permission to read.
with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
    run(["doctor", "why", *sys.argv[1:]], 0)
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
sys.exit(run(["doctor", "why", *sys.argv[1:]], 0))
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that everybody may read."""
    made = Path(tempfile.mkdtemp(dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def taken(folder: Path) -> Iterator[Path]:
    """Return a loop device that is attached to a file."""
    (file := folder / "a.img").write_bytes(bytes(1 << 20))
    done = subprocess.run(
        ["losetup", "--find", "--show", file], capture_output=True, text=True, check=True
    )
    node = Path(done.stdout.strip())
    yield node
    subprocess.run(["losetup", "-d", node], check=True)


def _as_nobody(path: Path, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, path],
        capture_output=True,
        text=True,
        env={**os.environ, "BOOTWRIGHT_HOME": str(home)},
    )


def test_why_of_a_taken_device_has_status_1(
    home: Home, taken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["doctor", "why", str(taken)], 0) == 1
    shown = capsys.readouterr().out
    assert f"{taken} (block device) is busy" in shown
    assert "      sudo losetup --find --show FILE\n" in shown


def test_why_says_what_it_checked(
    home: Home, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file := folder / "b.img").write_bytes(bytes(1 << 20))
    assert run(["doctor", "why", str(file)], 0) == 0
    shown = capsys.readouterr().out
    assert f"{file} (file) is not busy: nothing stands in the way" in " ".join(shown.split())
    assert "\nChecked\n" in shown
    assert run(["doctor", "why", str(file), "--json"], 0) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["is_busy"] is False
    assert found["checked"]
    assert found["unseen"] == []


@pytest.mark.parametrize("path", ["/dev/null", "/nosuch", "/dev/mapper/nosuch", "/dev/loop0p99"])
def test_why_refuses_what_is_no_disk(
    home: Home, path: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["doctor", "why", path], 0) == 2
    error = capfd.readouterr().err
    assert path in error
    assert "give a file, a block device such as /dev/loop3, or a mount point" in error


def test_why_of_a_loop_device_that_does_not_exist(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["doctor", "why", "/dev/loop99999"], 0) == 1
    assert "sudo losetup --find --show FILE" in capsys.readouterr().out


def test_why_accepts_a_name_and_a_symbolic_link(
    home: Home, taken: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (link := folder / "link").symlink_to(taken)
    for path in (taken.name, str(link)):
        assert run(["doctor", "why", path], 0) == 1
        assert f"attached to {folder / 'a.img'}" in " ".join(capsys.readouterr().out.split())


def test_why_as_an_ordinary_user_names_what_is_taken(taken: Path, folder: Path) -> None:
    for path in (taken, folder / "a.img"):
        done = _as_nobody(path, folder / "home")
        assert done.returncode == 1, done.stderr
        assert f"uses {folder / 'a.img'}" in done.stdout
        assert f"sudo losetup -d {taken}" in done.stdout


def test_why_as_an_ordinary_user_never_promises_too_much(folder: Path) -> None:
    (file := folder / "b.img").write_bytes(bytes(1 << 20))
    done = _as_nobody(file, folder / "home")
    assert done.returncode == 1, done.stderr
    assert "nothing stands in the way" not in done.stdout
    assert "as far as this user can see" in done.stdout
    assert "processes of other users" in done.stdout
    assert f"sudo bootwright doctor why {file}" in done.stdout


def test_why_as_an_ordinary_user_with_a_home_of_root(taken: Path, folder: Path) -> None:
    (closed := folder / "closed").mkdir(mode=0o700)
    done = _as_nobody(taken, closed / "home")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
