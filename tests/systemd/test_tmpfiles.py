"""Which paths systemd-tmpfiles makes, and who needs them."""

from __future__ import annotations

import pytest

from bootwright.images.files import Files, Link
from bootwright.systemd import tmpfiles
from bootwright.systemd.tmpfiles import TmpfilesPath
from bootwright.systemd.unitfiles import parse

USR = "/usr/lib/tmpfiles.d"


def test_tmpfiles_find_takes_paths_made_at_boot_only() -> None:
    files = Files.of(
        {
            f"{USR}/a.conf": "# no\n\nd /run/a 0755 root root -\nD! /tmp/.a\nL+ /run/b - - - -\n"
            "d /var/lib/a\nd %t/c\nd /run/%b\nd /run/d*\nx /run/x\nr! /run/y\nz /run/z\nd\n"
            'd "/run/with blank"\nf+! /var/run/e 0644 - - - "d /run/no"\nd= /run/f/ -\n',
            f"{USR}/README": "d /run/readme",
        }
    )
    paths = [made.path for made in tmpfiles.find(files)]
    assert paths == [
        *("/run/a", "/tmp/.a", "/run/b", "/run/c", "/run/with blank", "/run/e", "/run/f"),
    ]


def test_tmpfiles_find_prefers_etc() -> None:
    files = Files.of(
        {
            f"{USR}/a.conf": "d /run/a",
            "/etc/tmpfiles.d/a.conf": "d /run/mine",
            f"{USR}/b.conf": "d /run/b",
            "/etc/tmpfiles.d/b.conf": Link("/dev/null"),
            "/usr/local/lib/tmpfiles.d/0.conf": "d /run/local",
        }
    )
    assert tmpfiles.find(files) == (
        TmpfilesPath(path="/run/local", origin="/usr/local/lib/tmpfiles.d/0.conf"),
        TmpfilesPath(path="/run/mine", origin="/etc/tmpfiles.d/a.conf"),
    )


@pytest.mark.parametrize(
    "setting",
    [
        "PIDFile=/run/x/y.pid",
        "PIDFile=/var/run/x/y.pid",
        "ExecStart=/usr/bin/x --pid-file=/run/x/%i.pid",
        "ExecStart=/usr/bin/x -H unix:///run/x/sock -v",
        "Environment=DIR=%t/x",
    ],
)
def test_tmpfiles_needed_by_settings_that_name_a_path(setting: str) -> None:
    made = TmpfilesPath(path="/run/x", origin=f"{USR}/other.conf")
    file = parse(f"[Service]\n{setting}\n")
    assert tmpfiles.needed_by("a.service", file, [made]) == made
    assert tmpfiles.needed_by("a.socket", file, [made]) is None


@pytest.mark.parametrize(
    "text",
    [
        "[Service]\nPIDFile=/run/xy.pid",
        "[Service]\nExecStart=/opt/run/x/y",
        "[Service]\nPIDFile=/run/x/y\nRuntimeDirectory=x:z",
        "[Service]\nInaccessiblePaths=/run/x",
        "[Unit]\nConditionPathExists=/run/x",
    ],
)
def test_tmpfiles_needed_by_ignores_other_settings(text: str) -> None:
    made = TmpfilesPath(path="/run/x", origin=f"{USR}/other.conf")
    assert tmpfiles.needed_by("a.service", parse(text), [made]) is None


@pytest.mark.parametrize(
    ("unit", "conf", "is_its_own"),
    [
        ("postgresql.service", "postgresql-common.conf", True),
        ("postgresql@15-main.service", "10-postgresql.conf", True),
        ("post.service", "postgresql.conf", False),
        ("postgresql-common.service", "postgresql.conf", False),
    ],
)
def test_tmpfiles_needed_by_a_unit_of_the_same_name(unit: str, conf: str, is_its_own: bool) -> None:
    made = TmpfilesPath(path="/run/postgresql", origin=f"{USR}/{conf}")
    found = tmpfiles.needed_by(unit, parse("[Service]\n"), [made])
    assert found == (made if is_its_own else None)
