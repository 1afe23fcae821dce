"""Which users systemd-sysusers makes, and who runs as them."""

from __future__ import annotations

import pytest

from bootwright.images.files import Files, Link
from bootwright.systemd import sysusers
from bootwright.systemd.sysusers import SysusersEntry
from bootwright.systemd.unitfiles import parse

USR = "/usr/lib/sysusers.d"


def test_sysusers_find_omits_users_of_the_image() -> None:
    files = Files.of(
        {
            "/etc/passwd": "root:x:0:0::/root:/bin/sh\nthere:x:5:5::/:/bin/false\n",
            "/etc/group": "root:x:0:\nstaff:x:7:\n",
            f"{USR}/a.conf": "# u no\nu there - 'x'\nu! new - 'A new one' /var\ng staff -\n"
            "g wheel -\nm new wheel\nr - 500-900\nu %b\nu\n",
            f"{USR}/b.conf": "u hidden -",
            "/etc/sysusers.d/b.conf": Link("/dev/null"),
        }
    )
    assert sysusers.find(files) == (
        SysusersEntry(name="new", origin=f"{USR}/a.conf"),
        SysusersEntry(name="wheel", origin=f"{USR}/a.conf"),
    )


@pytest.mark.parametrize(
    ("setting", "is_needed"),
    [
        ("User=new", True),
        ("Group=new", True),
        ("SupplementaryGroups=a new", True),
        ("User=new\nDynamicUser=yes", False),
        ("User=newer", False),
        ("", False),
    ],
)
def test_sysusers_needed_by_a_unit_that_runs_as_the_user(setting: str, is_needed: bool) -> None:
    made = SysusersEntry(name="new", origin=f"{USR}/a.conf")
    file = parse(f"[Service]\n{setting}\n")
    assert sysusers.needed_by(file, [made]) == (made if is_needed else None)
