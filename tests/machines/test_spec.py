"""What a machine is made from: its name."""

from __future__ import annotations

import pytest

from bootwright.machines.spec import fresh_name


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
