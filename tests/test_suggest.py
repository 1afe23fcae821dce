"""Hints for names that do not exist."""

from __future__ import annotations

import pytest

from bootwright import suggest

NAMES = ("debian", "debian-trixie", "micro", "web")


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("debain", "debian"),
        ("DEBIAN", "debian"),
        (" web ", "web"),
        ("mic", "micro"),
        ("xyzzy", ""),
        ("", ""),
        ("wéb", "web"),
        ("x" * 3000, ""),
    ],
)
def test_suggest_nearest(word: str, near: str) -> None:
    assert suggest.nearest(word, NAMES) == near


def test_suggest_hint_offers_a_name_or_lists_all() -> None:
    assert suggest.hint("debain", NAMES) == "did you mean 'debian'?"
    assert suggest.hint("xyzzy", NAMES) == "there are: debian, debian-trixie, micro, web"
    assert suggest.hint("xyzzy", NAMES, "make it") == "make it"


def test_suggest_listed_never_grows_long() -> None:
    many = [f"image-number-{number}" for number in range(1000)]
    text = suggest.listed(many)
    assert len(text) <= suggest.LISTED
    assert text.startswith("image-number-0, ")
    assert text.endswith(f" and {1000 - text.count('image')} more")
