"""The Debian archive as this host's apt reaches it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bootwright.errors import HostError
from bootwright.host import archive, tools

_MAIN = "http://mirror.example/debian/"
_SECURITY = "http://security.example/debian-security/"

# What apt-get indextargets prints on a Debian 12 with two other vendors' archives.
_BOOKWORM = f"""\
{_MAIN}|bookworm|main|Debian
{_MAIN}|bookworm|contrib|Debian
{_MAIN}|bookworm-updates|main|Debian
{_MAIN}|bookworm-backports|main|Debian Backports
{_SECURITY}|bookworm-security|main|Debian
{_MAIN}|bookworm|main|Debian
http://vendor.example/debian/|bookworm|main|Vendor
http://vendor.example/apt/|cloud-bookworm|main|cloud
"""


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put an apt-get into the PATH that prints what is written to the file returned."""
    listing = tmp_path / "listing"
    listing.write_text(_BOOKWORM)
    program = tmp_path / "bin" / "apt-get"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/arguments\nexec cat {listing}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return listing


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_archive_sources_of_a_release_include_updates_and_security(apt: Path, suite: str) -> None:
    assert archive.sources(suite, None) == [
        f"deb {_MAIN} {suite} main",
        f"deb {_MAIN} {suite}-updates main",
        f"deb {_SECURITY} {suite}-security main",
    ]
    assert "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)" in (apt.parent / "arguments").read_text()


@pytest.mark.parametrize("suite", ["sid", "unstable", "testing", "experimental"])
def test_archive_sources_of_a_rolling_suite_are_one(apt: Path, suite: str) -> None:
    assert archive.sources(suite, None) == [f"deb {_MAIN} {suite} main"]


def test_archive_sources_ignore_other_distributions(apt: Path) -> None:
    apt.write_text("http://mirror.example/ubuntu/|noble|main|Ubuntu\n")
    assert archive.sources("bookworm", None) == []


def test_archive_sources_before_apt_update_go_by_the_address(apt: Path) -> None:
    apt.write_text(
        f"{_MAIN}|bookworm|main|$(ORIGIN)\nhttp://vendor.example/apt/|bookworm|main|$(ORIGIN)\n"
    )
    assert archive.sources("trixie", None) == [f"deb {_MAIN} trixie main"]


def test_archive_sources_with_a_mirror_use_only_it(apt: Path) -> None:
    assert archive.sources("trixie", "http://mirror/debian") == [
        "deb http://mirror/debian trixie main"
    ]
    whole = "deb [trusted=yes] http://mirror/debian trixie main contrib"
    assert archive.sources("trixie", whole) == [whole]
    assert not (apt.parent / "arguments").exists(), "apt was asked in vain"


def test_archive_sources_with_a_mirror_need_no_apt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools, "_SBIN", "")
    assert archive.sources("sid", "http://m") == ["deb http://m sid main"]
    with pytest.raises(HostError, match=r"apt-get \(tells the host's package mirror\)"):
        archive.sources("sid", None)


@pytest.mark.skipif(not shutil.which("apt-get"), reason="this host has no apt")
def test_archive_sources_of_the_real_apt() -> None:
    for line in archive.sources("trixie", None):
        kind, uri, suite, component = line.split(" ")
        assert (kind, component) == ("deb", "main")
        assert "/debian" in uri
        assert suite in ("trixie", "trixie-updates", "trixie-security")
