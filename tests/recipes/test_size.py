"""Sizes: read from text, and written so that they are read again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.errors import InputError
from bootwright.recipes import size


@given(st.integers(0, 1023), st.sampled_from("kKmMgGtT"), st.sampled_from(["", "b", "iB"]))
def test_a_size_is_its_number_times_its_unit(number: int, letter: str, end: str) -> None:
    factor = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}[letter.lower()]
    for text in (f"{number}{letter}{end}", f" {number} {letter}{end} "):
        assert size.parse(text) == number * factor
    assert size.parse(f"{number}.5{letter}{end}") == number * factor + factor // 2


@given(st.integers(0, 1 << 30))
def test_a_plain_number_is_of_the_unit_that_the_field_has(number: int) -> None:
    assert size.parse(str(number)) == number
    assert size.parse(str(number), unit="m") == number << 20
    assert size.parse(f"{number}K", unit="m") == number << 10


@given(st.integers(0, 1 << 30), st.sampled_from(["", "m"]))
def test_a_size_reads_as_it_is_written(number: int, unit: str) -> None:
    text = size.text(number, unit=unit)
    assert size.parse(text, unit=unit) == number * size.UNIT_BYTES[unit]


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [(512, "m", "512M"), (2048, "m", "2G"), (0, "m", "0"), (513, "", "513"), (1 << 30, "", "1G")],
)
def test_a_size_is_written_with_its_largest_unit(number: int, unit: str, text: str) -> None:
    assert size.text(number, unit=unit) == text


@pytest.mark.parametrize("text", ["1025T", "9007199254740993", "999999999999999999"])
def test_a_size_beyond_all_disks(text: str) -> None:
    with pytest.raises(InputError, match=f"^'{text}' is too large$") as bad:
        size.parse(text)
    assert bad.value.hint == "no disk or memory has more than 1024T"


@pytest.mark.parametrize("text", ["", "M", "-1M", "1,5G", "12X", "1 M M", "0x10", "1e3", "nan"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(InputError) as bad:
        size.parse(text)
    assert str(bad.value) == f"invalid size {text!r}"
    assert bad.value.hint == "use a number and a unit, such as 512M"
