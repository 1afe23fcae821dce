"""bootwright cp: which side is the machine's; ssh is a fake whose commands run here."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bootwright.home import Home
from tests.machines.fakes import FakeMonitor, ssh_that_logs_in
from tests.machines.samples import at_rest

Cli = Callable[..., Any]


@pytest.mark.parametrize(
    ("paths", "why"),
    [
        (("a", "b"), "no path names a machine"),
        (("./a:b", "/c:d"), "no path names a machine"),
        (("a", ":b"), "no path names a machine"),
        (("web:/a", "web:/b"), "both sides are machines"),
        (("a", "web:/b", "db:/c"), "both sides are machines"),
        (("web:/a", "db:/b", "here"), "the sources are in several machines"),
        (("web:/a", "b", "here"), "some sources are here, others in a machine"),
    ],
)
def test_cp_needs_one_machine_on_one_side(
    paths: tuple[str, ...], why: str, bootwright: Cli
) -> None:
    done = bootwright("cp", *paths)
    said = f"cannot copy {' '.join(paths[:-1])} to {paths[-1]}: {why}"
    assert done.err.startswith(f"bootwright: error: {said}\n  hint: ")
    assert (done.status, done.out) == (2, "")


def test_cp_needs_a_target(bootwright: Cli) -> None:
    done = bootwright("cp", "web:/a")
    assert done.err == (
        "bootwright: error: cp needs a source and a target\n  hint: bootwright cp FILE NAME:/PATH\n"
    )
    assert done.status == 2


def test_cp_refuses_an_unknown_machine(bootwright: Cli) -> None:
    done = bootwright("cp", "file", "web:/file")
    assert done.err.startswith("bootwright: error: no machine is called 'web'\n  hint: ")
    assert done.status == 2


def test_cp_refuses_a_stopped_machine(bootwright: Cli, home: Home) -> None:
    at_rest(home)
    done = bootwright("cp", "file", "web:/file")
    assert done.err == (
        "bootwright: error: machine 'web' is not running\n  hint: bootwright start web\n"
    )
    assert done.status == 2


@pytest.fixture
def guest(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of a machine called web, which is this host."""
    ssh_that_logs_in(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    (tmp_path / "here").mkdir()
    (tmp_path / "guest").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "guest"


def test_cp_copies_into_and_out_of_a_machine(bootwright: Cli, home: Home, guest: Path) -> None:
    Path("a:b").write_text("one")
    os.symlink("a:b", "link")
    with FakeMonitor(at_rest(home)).running():
        done = bootwright("cp", "./a:b", "link", f"web:{guest}")
        assert (done.status, done.err) == (
            *(0, "link is a link to a:b; --follow copies what it leads to\n"),
        )
        assert bootwright("cp", "-L", "link", f"web:{guest}/followed").status == 0
        done = bootwright("cp", f"web:{guest}/link", f"web:{guest}/followed", ".")
    assert (done.status, done.out) == (0, "")
    assert done.err == f"web:{guest}/link is a link to a:b; --follow copies what it leads to\n"
    assert (guest / "a:b").read_text() == "one"
    assert os.readlink(guest / "link") == "a:b"
    assert not (guest / "followed").is_symlink()
    assert Path("followed").read_text() == "one"


def test_cp_says_what_is_missing(bootwright: Cli, home: Home, guest: Path) -> None:
    Path("a").write_text("one")
    with FakeMonitor(at_rest(home)).running():
        said = [
            bootwright("cp", *paths).err.partition("\n")[0].removeprefix("bootwright: error: ")
            for paths in (
                ("nosuch", f"web:{guest}"),
                ("a", f"web:{guest}/no/a"),
                (f"web:{guest}/nosuch", "."),
                (f"web:{guest}", "no/a"),
            )
        ]
    assert said == [
        "there is no nosuch",
        f"machine 'web' has no folder {guest}/no",
        f"machine 'web' has no {guest}/nosuch",
        "there is no folder no",
    ]
