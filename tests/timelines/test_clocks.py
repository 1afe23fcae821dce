"""The guest's clock against the host's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bootwright.timelines.clocks import Bound, align, between, heard


def test_align_takes_the_tightest_bounds() -> None:
    bounds = [
        heard(100, 1_200),  # offset at most 1100
        heard(200, 1_250),  # at most 1050
        between(300, 1_290, 1_400),  # 990 to 1100
        between(400, 1_410, 1_500),  # 1010 to 1100
    ]
    found = align(bounds)
    assert found is not None
    assert (found.offset_ns, found.error_ns, found.warning) == (1_030, 20, "")


def test_align_needs_bounds_of_both_sides() -> None:
    assert align([]) is None
    assert align([heard(5, 10)]) is None
    assert align([Bound(least_ns=5)]) is None


def test_align_reports_contradicting_bounds() -> None:
    found = align([between(0, 1_000_000, 1_100_000), between(50, 3_000_050, 3_100_050)])
    assert found is not None
    assert found.warning == "two clocks differ by 1.900 ms within one boot"
    assert (found.offset_ns, found.error_ns) == (2_050_000, 950_000)


@given(
    st.integers(-(10**12), 10**12),
    st.lists(
        st.tuples(st.integers(0, 10**11), st.integers(0, 10**7), st.integers(0, 10**7)),
        min_size=1,
    ),
)
def test_align_error_holds_the_truth(offset: int, looks: list[tuple[int, int, int]]) -> None:
    found = align(
        between(own, own + offset - before, own + offset + after) for own, before, after in looks
    )
    assert found is not None
    assert found.warning == ""
    assert abs(found.offset_ns - offset) <= found.error_ns
