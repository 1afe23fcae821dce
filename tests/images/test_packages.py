"""The units of packages that an image was built to include, from dpkg's database."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bootwright.home import Home
from bootwright.images.image import Image, load_image, note_include
from bootwright.images.packages import ShippedUnit, units_of_included
from tests.cli.test_trim import _image

_STATUS = """\
Package: dpkg
Essential: yes
Status: install ok installed
Priority: required
Architecture: amd64
Depends: tar (>= 1.28)

Package: tar
Status: install ok installed
Architecture: amd64

Package: openssh-server
Status: install ok installed
Architecture: amd64
Depends: libssh

Package: libssh
Status: install ok installed
Architecture: amd64
Multi-Arch: same

Package: web-light
Status: install ok installed
Architecture: all
Depends: dpkg, web-common (= 1.2) | web-other, mail-agent, libssh:any
Description: a server
 with more words: in its text

Package: web-common
Status: install ok installed
Architecture: all
Pre-Depends: libweb

Package: libweb
Status: install ok installed
Architecture: amd64
Multi-Arch: same

Package: mta
Status: install ok installed
Architecture: amd64
Provides: mail-agent (= 3)

Package: gone
Status: deinstall ok config-files
Architecture: amd64
"""
_FILES = {
    "dpkg": "/lib/systemd/system/dpkg-db-backup.timer",
    "openssh-server": "/lib/systemd/system/ssh.service",
    "libssh:amd64": "/lib/systemd/system/agent.service",
    "web-common": "/.\n/lib/systemd/system/web.service\n/lib/systemd/system/web.service.d/a.conf\n"
    "/usr/lib/systemd/system/web@.service\n/usr/lib/systemd/user/u.service\n"
    "/lib/systemd/system/web.target",
    "libweb:amd64": "/usr/lib/systemd/system/lib.socket",
    "mta": "/etc/init.d/mta\n/etc/init.d",
    "gone": "/lib/systemd/system/gone.service",
}


@pytest.fixture
def web(home: Home, tmp_path: Path) -> Image:
    info = tmp_path / "tree/var/lib/dpkg/info"
    info.mkdir(parents=True)
    (tmp_path / "tree/etc").mkdir()
    (info.parent / "status").write_text(_STATUS)
    for name, files in _FILES.items():
        (info / f"{name}.list").write_text(f"{files}\n")
    return _image(home, "web", tmp_path / "tree")


def units(image: Image, *include: str) -> list[tuple[str, str, str]]:
    found = units_of_included(replace(image, include=include), ["openssh-server", "udev"])
    assert all(isinstance(unit, ShippedUnit) for unit in found)
    return sorted((unit.unit, unit.package, unit.include) for unit in found)


def test_units_of_included_packages_and_of_what_they_need(web: Image) -> None:
    assert units(web, "web-light") == [
        ("lib.socket", "libweb", "web-light"),
        ("mta.service", "mta", "web-light"),
        ("web.service", "web-common", "web-light"),
        ("web@.service", "web-common", "web-light"),
    ]


def test_units_of_what_is_in_every_image_count_only_if_included(web: Image) -> None:
    assert units(web, "openssh-server") == []
    assert units(web, "dpkg") == [("dpkg-db-backup.timer", "dpkg", "dpkg")]
    assert units(web, "gone") == []
    assert units(web) == []


def test_units_of_an_image_without_dpkg_are_none(home: Home, tmp_path: Path) -> None:
    (tmp_path / "plain/etc").mkdir(parents=True)
    assert units(_image(home, "plain", tmp_path / "plain"), "nginx") == []


def test_image_include_is_noted_in_the_description(home: Home, web: Image) -> None:
    assert web.include == ()
    note_include(home, web, ("nginx", "htop"))
    assert load_image(home, "web") == replace(web, include=("nginx", "htop"))
