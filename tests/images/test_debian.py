"""Debian images: what mmdebstrap's output means, and what is built again and what not."""

from __future__ import annotations

import os
import tarfile
from itertools import pairwise
from pathlib import Path

import pytest

from bootwright.errors import BuildError, HostError, InputError
from bootwright.home import Home
from bootwright.host import tools
from bootwright.images import debian
from bootwright.images.debian import Build, BuildLog
from bootwright.images.image import image_store, load_image, note_include
from tests.observed import Observed

# Recorded from mmdebstrap 1.3.5 --verbose --variant=minbase --include=tini trixie, shortened.
_DOWNLOAD = """\
I: automatically chosen mode: root
I: chroot architecture amd64 is equal to the host's architecture
I: using /tmp/mmdebstrap.6LnkFFFhC9 as tempdir
I: running apt-get update...
Get:1 http://mirror.example/debian trixie InRelease [140 kB]
Get:3 http://mirror.example/debian trixie/main amd64 Packages [9679 kB]
Fetched 10.2 MB in 1s (11.8 MB/s)
Reading package lists...
I: downloading packages with apt...
0 upgraded, 4 newly installed, 0 to remove and 0 not upgraded.
Get:1 http://mirror.example/debian trixie/main amd64 gcc-14-base amd64 14.2.0-19 [49.4 kB]
Get:2 http://mirror.example/debian trixie/main amd64 libc6 amd64 2.41-12+deb13u5 [2850 kB]
Get:3 http://mirror.example/debian trixie/main amd64 mawk amd64 1.3.4.20250131-1 [141 kB]
Get:4 http://mirror.example/debian trixie/main amd64 base-files amd64 13.8+deb13u8 [88.3 kB]
Fetched 25.4 MB in 0s (254 MB/s)
I: extracting archives...
""".splitlines()
_ESSENTIAL = """\
I: installing essential packages...
Selecting previously unselected package gcc-14-base:amd64.
Preparing to unpack .../gcc-14-base_14.2.0-19_amd64.deb ...
Unpacking gcc-14-base:amd64 (14.2.0-19) ...
Unpacking libc6:amd64 (2.41-12+deb13u5) ...
Unpacking mawk (1.3.4.20250131-1) ...
Unpacking base-files (13.8+deb13u8) ...
Setting up gcc-14-base:amd64 (14.2.0-19) ...
Setting up libc6:amd64 (2.41-12+deb13u5) ...
Setting up mawk (1.3.4.20250131-1) ...
Setting up base-files (13.8+deb13u8) ...
Processing triggers for libc-bin (2.41-12+deb13u5) ...
""".splitlines()
_REMAINING = """\
I: installing remaining packages inside the chroot...
Reading package lists...
0 upgraded, 2 newly installed, 0 to remove and 0 not upgraded.
Get:1 http://mirror.example/debian trixie/main amd64 login.defs all 1:4.17.4-2 [186 kB]
Get:2 http://mirror.example/debian trixie/main amd64 tini amd64 0.19.0-3+b8 [280 kB]
Fetched 7675 kB in 0s (150 MB/s)
Unpacking login.defs (1:4.17.4-2) ...
Unpacking tini (0.19.0-3+b8) ...
Setting up login.defs (1:4.17.4-2) ...
Setting up tini (0.19.0-3+b8) ...
I: cleaning package lists and apt cache...
I: creating tarball...
I: done
I: success in 10.9527 seconds
""".splitlines()
_NO_SUITE = """\
I: running apt-get update...
Ign:1 http://mirror.example/debian bookwrm InRelease
Err:2 http://mirror.example/debian bookwrm Release
  404  Not Found [IP: 203.0.113.80 80]
E: The repository 'http://mirror.example/debian bookwrm Release' does not have a Release file.
E: apt-get update --error-on=any failed
E: mmdebstrap failed to run""".splitlines()


def _read(*parts: list[str]) -> tuple[BuildLog, Observed]:
    observed = Observed()
    log = BuildLog(observed)
    for part in parts:
        for line in part:
            log.read(line)
    return log, observed


def test_build_log_progress_never_decreases() -> None:
    _, observed = _read(_DOWNLOAD, _ESSENTIAL, _REMAINING)
    shares = observed.shares
    # Sums of floats may differ in their last digit.
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(shares))
    assert shares[0] == 0.0
    assert 0.8 <= shares[-1] <= 0.85
    assert list(dict.fromkeys(observed.steps)) == [
        "starting",
        "running apt-get update",
        "downloading packages with apt",
        "installing essential packages",
        "installing remaining packages inside the chroot",
        "cleaning package lists and apt cache",
        "creating tarball",
    ]


def test_build_log_progress_counts_each_download() -> None:
    _, told = _read(_DOWNLOAD)
    shares = [
        share or 0 for step, share in told.progress if step == "downloading packages with apt"
    ]
    assert sorted(set(shares)) == pytest.approx([0.05, 0.075, 0.1, 0.125, 0.15])


def test_build_log_progress_within_the_essential_packages() -> None:
    _, told = _read(_DOWNLOAD, _ESSENTIAL[:7])
    assert told.shares[-1] < 0.40


def test_build_log_progress_within_the_remaining_packages() -> None:
    _, told = _read(_DOWNLOAD, _ESSENTIAL, _REMAINING[:8])
    assert told.shares[-1] < 0.75


def test_build_log_names_an_unknown_suite() -> None:
    failure = _read(_NO_SUITE)[0].failure("bookwrm")
    assert isinstance(failure, BuildError)
    assert str(failure) == "the archive has no suite 'bookwrm'"
    assert failure.hint == "did you mean bookworm?"
    assert failure.evidence.startswith("Err:2 http://mirror.example/debian bookwrm Release\nE: ")


def test_build_log_names_unknown_packages() -> None:
    lines = ["E: Unable to locate package nginxx", "E: Unable to locate package vmi"]
    failure = _read(_DOWNLOAD, lines)[0].failure("trixie")
    assert isinstance(failure, BuildError)
    assert str(failure) == "trixie has no package nginxx, vmi"
    assert failure.hint == "look it up with apt-cache search"
    assert failure.evidence == "\n".join(lines)


@pytest.mark.parametrize(
    ("line", "package"),
    [
        ("dpkg: error processing package tini (--configure):", "tini"),
        (
            "dpkg: error processing archive /var/cache/apt/archives/x_1_amd64.deb (--unpack):",
            "/var/cache/apt/archives/x_1_amd64.deb",
        ),
    ],
)
def test_build_log_names_a_package_that_dpkg_refuses(line: str, package: str) -> None:
    log, _ = _read(_DOWNLOAD, [line, "E: Sub-process /usr/bin/dpkg returned an error code (1)"])
    failure = log.failure("trixie")
    assert isinstance(failure, BuildError)
    assert str(failure) == f"package {package} could not be installed"
    assert line in failure.evidence


def test_build_log_names_a_full_disk_first() -> None:
    lines = [
        "tar: ./usr/bin/perl: Cannot write: No space left on device",
        "dpkg: error processing package perl-base (--configure):",
    ]
    failure = _read(_DOWNLOAD, _ESSENTIAL[:1], lines)[0].failure("trixie")
    assert isinstance(failure, HostError)
    assert str(failure) == "the disk ran full while installing essential packages"
    assert failure.hint == "free some space, or put BOOTWRIGHT_HOME and TMPDIR on another disk"


def test_build_log_names_refused_user_namespaces() -> None:
    failure = _read(["E: newuidmap failed: 256"])[0].failure("trixie")
    assert isinstance(failure, HostError)
    assert str(failure) == "this host does not let an ordinary user build images"
    assert "/etc/subuid and /etc/subgid" in failure.hint
    assert failure.evidence == "E: newuidmap failed: 256"


def test_build_log_of_other_failures_names_the_step() -> None:
    failure = _read(_DOWNLOAD, _ESSENTIAL)[0].failure("trixie")
    assert isinstance(failure, BuildError)
    assert str(failure) == "mmdebstrap failed while installing essential packages"
    assert failure.evidence.splitlines()[-1] == _ESSENTIAL[-1]
    assert len(failure.evidence.splitlines()) == 15


@pytest.mark.parametrize("suite", ["", "Bookworm", "book worm", "-o", "bookworm;rm"])
def test_build_refuses_an_invalid_suite(suite: str) -> None:
    with pytest.raises(InputError) as caught:
        Build(suite=suite)
    assert str(caught.value) == f"{suite!r} is not a Debian suite"
    assert "bookworm" in caught.value.hint


@pytest.mark.parametrize("package", ["", "a,b", "Nginx", "-y", "a b", "x/../y"])
def test_build_refuses_an_invalid_package(package: str) -> None:
    with pytest.raises(InputError) as caught:
        Build(suite="trixie", include=("nginx", package))
    assert str(caught.value) == f"{package!r} is no package name"
    assert caught.value.hint == "give one package per --include"


def test_build_packages_are_the_defaults_and_those_asked_for() -> None:
    build = Build(suite="trixie", include=("nginx", "dbus", "g++", "libc6.1-x"))
    assert build.packages == sorted({*debian.SYSTEM_PACKAGES, "nginx", "g++", "libc6.1-x"})
    assert Build(suite="trixie", include=("vim",), minimal=True).packages == ["vim"]


@pytest.fixture
def mmdebstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put an mmdebstrap into the PATH that prints what was recorded and gives a small system.

    It writes its arguments into the file returned; `FAIL` in the environment makes it fail.
    """
    system, calls = tmp_path / "system.tar", tmp_path / "calls"
    with tarfile.open(system, "w") as tar:
        tar.add(Path(__file__), "./etc/hello")
    for name, lines in (("good", _DOWNLOAD + _REMAINING), ("bad", _NO_SUITE)):
        (tmp_path / name).write_text("\n".join(lines))
    program = tmp_path / "bin" / "mmdebstrap"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$@" >>{calls}\n[ -z "$FAIL" ] || {{ cat {tmp_path}/bad >&2; exit 2; }}\n'
        f"cat {tmp_path}/good\n"
        f'for word; do case $word in */root.tar) cp {system} "$word";; esac; done\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return calls


_TRIXIE = Build(suite="trixie", include=("nginx",), mirror="http://mirror/debian")


def test_debian_build_reuses_an_equal_build(home: Home, mmdebstrap: Path) -> None:
    observed = Observed()
    built = debian.build(home, "web", _TRIXIE, observe=observed)
    image = built.image
    again = debian.build(home, "second", _TRIXIE)
    assert (built.built, again.built) == (True, False)
    assert again.image == image
    assert (image.filesystem, image.source) == ("ext4", "Debian trixie + nginx")
    assert image.include == ("nginx",)
    assert image_store(home).names() == {"second": image.digest, "web": image.digest}
    [call] = mmdebstrap.read_text().splitlines()
    assert f"--include={','.join(_TRIXIE.packages)} trixie " in call
    assert call.endswith("/root.tar deb http://mirror/debian trixie main")
    assert list(dict.fromkeys(observed.steps))[-2:] == ["writing ext4", "naming it by its content"]
    assert (observed.shares[0], observed.shares[-1]) == (0.0, 1.0)
    assert observed.shares == sorted(observed.shares)
    assert list((home.images / "staging").iterdir()) == []


def test_debian_build_notes_what_an_older_version_did_not(home: Home, mmdebstrap: Path) -> None:
    note_include(home, debian.build(home, "web", _TRIXIE).image, ())
    assert load_image(home, "web").include == ()
    assert debian.build(home, "web", _TRIXIE).image.include == ("nginx",)


def test_debian_build_builds_another_description_anew(home: Home, mmdebstrap: Path) -> None:
    debian.build(home, "web", _TRIXIE)
    minimal = Build(suite="trixie", minimal=True, mirror="http://mirror/debian")
    with pytest.raises(InputError, match="an image is already called 'web'"):
        debian.build(home, "web", minimal)
    built = debian.build(home, "web", minimal, replace=True)
    assert (built.built, built.image.source) == (True, "Debian trixie minimal")
    assert (built.image.suite, load_image(home, "web")) == ("trixie", built.image)
    assert "--include" not in mmdebstrap.read_text().splitlines()[1]


def test_debian_build_rebuilds_a_removed_image(home: Home, mmdebstrap: Path) -> None:
    image_store(home).remove(debian.build(home, "web", _TRIXIE).image.digest)
    assert debian.build(home, "web", _TRIXIE).built is True


def test_debian_build_failed_leaves_nothing(
    home: Home, mmdebstrap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIL", "1")
    with pytest.raises(BuildError, match=r"^the archive has no suite 'trixie'$"):
        debian.build(home, "web", _TRIXIE)
    assert (image_store(home).digests(), image_store(home).names()) == ([], {})
    assert list((home.images / "staging").iterdir()) == []
    assert os.listdir(home.images) == ["staging"]


def test_debian_build_names_missing_programs_first(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools, "_SBIN", "")
    with pytest.raises(HostError, match=r"^not installed here: mmdebstrap .+, mke2fs .+, tar "):
        debian.build(home, "web", _TRIXIE)
    assert not home.images.exists()
