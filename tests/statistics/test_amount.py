"""Times and shares, as people write them."""

from __future__ import annotations

import pytest

from bootwright.errors import InputError
from bootwright.statistics.amount import Amount, parse, read


@pytest.mark.parametrize(
    ("text", "ns"),
    [("900ms", 900_000_000), ("1.5 s", 1_500_000_000), (" 500us", 500_000), ("500µs", 500_000)],
)
def test_amount_parse_reads_a_time(text: str, ns: int) -> None:
    assert parse(text) == Amount(ns=ns)


@pytest.mark.parametrize(("text", "share"), [("2%", 0.02), ("0 %", 0.0), ("150%", 1.5)])
def test_amount_parse_reads_a_share(text: str, share: float) -> None:
    assert parse(text) == Amount(share=share)


@pytest.mark.parametrize("text", ["", "much", "5", "-5ms", "1e3ms", "5 min", "ms", "٣ms", "5ms 2%"])
def test_amount_parse_refuses_other_text(text: str) -> None:
    assert parse(text) is None
    with pytest.raises(InputError, match=r"--smallest: invalid value "):
        read(text, "--smallest")
