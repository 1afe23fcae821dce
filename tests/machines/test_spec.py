"""What a machine is made from: its name, and what its guest can do."""

from __future__ import annotations

import pytest

from bootwright.errors import InputError
from bootwright.machines.spec import check_console_login, fresh_name


@pytest.mark.parametrize(
    ("image", "start"),
    [
        (None, "tiny-"),
        ("web", "web-"),
        ("My_Image.2", "my-image-2-"),
        ("sha256-0123", "0123-"),
        ("__", "machine-"),
    ],
)
def test_fresh_name_begins_with_what_boots(image: str | None, start: str) -> None:
    name = fresh_name(image)
    assert name.startswith(start)
    assert len(name) == len(start) + 6
    assert fresh_name(image) != name


@pytest.mark.parametrize("init", ["none", "bare", "tini", "systemd-trimmed"])
def test_check_console_login_refuses_other_inits(init: str) -> None:
    check_console_login("systemd")
    with pytest.raises(InputError, match=r"^--console-login needs init systemd: ") as raised:
        check_console_login(init)
    assert "bootwright " in raised.value.hint
