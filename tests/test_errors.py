"""The tree of errors."""

from __future__ import annotations

import re

import pytest

from bootwright import errors
from bootwright.errors import BootwrightError


def _descendants(of: type[BootwrightError]) -> dict[str, str]:
    """Return each class below *of* with its parent, as far as errors.py defines them."""
    found: dict[str, str] = {}
    for child in of.__subclasses__():
        if child.__module__ == errors.__name__:
            found |= {child.__name__: of.__name__} | _descendants(child)
    return found


def test_errors_docstring_draws_the_class_tree() -> None:
    drawn: dict[str, str] = {}
    ancestors: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"^    ([│├└─ ]*)(\w*Error)\b", line):
            depth = len(found.group(1)) // 4
            ancestors = [*ancestors[:depth], found.group(2)]
            if depth:
                drawn[ancestors[-1]] = ancestors[-2]
    assert drawn == _descendants(BootwrightError)
    assert drawn["LostGuestError"] == "GuestError"


def test_bootwright_error_carries_hint_and_evidence() -> None:
    error = errors.BuildError("it failed", hint="try again", evidence="E: no")
    assert (str(error), error.hint, error.evidence) == ("it failed", "try again", "E: no")


def test_bootwright_error_without_hint_and_evidence() -> None:
    error = BootwrightError("it failed")
    assert (str(error), error.hint, error.evidence) == ("it failed", "", "")


@pytest.mark.parametrize("name", ["BootwrightError", *_descendants(BootwrightError)])
def test_by_name_finds_every_error_class(name: str) -> None:
    assert errors.by_name(name) is getattr(errors, name)


@pytest.mark.parametrize("name", ["OSError", "", "by_name", "boot"])
def test_by_name_gives_the_base_class_for_unknown_names(name: str) -> None:
    assert errors.by_name(name) is BootwrightError


def _even(number: int) -> str:
    if number % 2:
        raise errors.NotFoundError(f"no {number}", hint=f"not {number}")
    return str(number)


def test_find_all_returns_what_was_found_once_each() -> None:
    assert errors.find_all([4, 2, 4], _even) == {4: "4", 2: "2"}


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([1], "no 1"),
        ([1, 1], "no 1"),
        ([1, 3], "no 1; no 3; nothing was done"),
        ([2, 1, 3], "no 1; no 3; nothing was done"),
    ],
)
def test_find_all_says_everything_that_was_refused(names: list[int], said: str) -> None:
    with pytest.raises(errors.NotFoundError) as bad:
        errors.find_all(names, _even)
    assert (str(bad.value), bad.value.hint) == (said, "not 1")
