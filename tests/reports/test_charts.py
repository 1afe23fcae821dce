"""Parts of pictures: dots, bars, shares, colours, tables."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from bootwright.reports import charts
from bootwright.reports.axis import Axis

AXIS = Axis(low_ns=0, high_ns=100, pad=0)


def _drawn(picture: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<svg>{picture}</svg>")


def _dots(times: list[int]) -> ElementTree.Element:
    samples = [(time, f"boot {time}") for time in times]
    return _drawn(charts.dots(AXIS, samples, middle=20, room=15, radius=2))


def test_signed_has_a_true_minus_and_no_sign_at_nothing() -> None:
    shown = [charts.signed(ns) for ns in (-1_250_000_000, 8_200_000, 0, 3, -3)]
    assert shown == ["\N{MINUS SIGN}1.250 s", "+8.2 ms", "0 µs", "0 µs", "0 µs"]


def test_colours_are_those_of_the_layers_and_differ_as_far_as_they_suffice() -> None:
    names = ["host preparation", "VMM start", "firmware and kernel", "initramfs", "PID 1 to sshd"]
    found = charts.colours([*names, "SSH log-in"])
    assert found["firmware and kernel"] == "kernel"
    assert found["PID 1 to sshd"] == "userspace"
    assert len(set(found.values())) == 6
    assert len(charts.colours(map(str, range(20)))) == 20


def test_dots_of_equal_times_do_not_hide_each_other() -> None:
    circles = list(_dots([50] * 4).iter("circle"))
    assert {circle.get("cx") for circle in circles} == {"50.00%"}
    assert len({circle.get("cy") for circle in circles}) == 4


def test_dots_stay_in_their_room() -> None:
    heights = [float(circle.get("cy", "")) for circle in _dots([50] * 200).iter("circle")]
    assert min(heights) >= 5
    assert max(heights) <= 35


def test_dots_beyond_the_axis_are_rings_at_its_edge() -> None:
    (inside, beyond) = _dots([50, 5000]).iter("circle")
    assert (beyond.get("cx"), beyond.get("class")) == ("100.00%", "dot beyond mark")
    assert inside.get("class") == "dot mark"
    assert beyond.get("aria-label") == "boot 5000"


def test_many_dots_have_no_cards_and_very_many_are_a_histogram() -> None:
    assert "aria-label" not in ElementTree.tostring(_dots(list(range(100))), encoding="unicode")
    found = _dots([n % 100 for n in range(5000)])
    assert not list(found.iter("circle"))
    assert 10 < len(list(found.iter("rect"))) <= 100


def test_shares_stand_next_to_each_other_and_fill_their_sum() -> None:
    phases = {"kernel": 60, "initramfs": 0, "PID 1 to sshd": 40}
    found = _drawn(charts.shares(AXIS, phases, charts.colours(phases)))
    places = [(one.get("x"), one.get("width")) for one in found.iter("svg") if one.get("x")]
    assert places == [("0.00%", "60.000%"), ("60.00%", "0.000%"), ("60.00%", "40.000%")]
    labels = [one.get("aria-label") for one in found.iter("g")]
    assert labels[0] == "kernel\n0 µs, 60.0 %"
    assert [text.text for text in found.iter("text")] == ["kernel", "PID 1 to sshd"]


def test_shares_write_no_name_where_a_phone_has_no_room() -> None:
    phases = {"a phase with a long name": 10, "x": 90}
    found = _drawn(charts.shares(AXIS, phases, charts.colours(phases)))
    assert [text.text for text in found.iter("text")] == ["x"]


def test_sides_are_written_where_there_is_room() -> None:
    middle = charts.scale_row(Axis(low_ns=-50, high_ns=50), sides=("faster", "slower"))
    left = charts.scale_row(Axis(low_ns=0, high_ns=50), sides=("faster", "slower"))
    assert re.findall("faster|slower", middle) == ["faster", "slower"]
    assert re.findall("faster|slower", left) == ["slower"]


def test_figure_with_a_long_legend_has_it_below() -> None:
    for count, is_above in ((3, True), (9, False)):
        legend = charts.legend(charts.colours(map(str, range(count))))
        shown = charts.figure("title", "the chart", "a note", legend=legend)
        assert (shown.index("<li>") < shown.index("the chart")) is is_above


def test_names_are_escaped() -> None:
    hostile = "<script>\x00"
    shown = "".join(
        (
            charts.row(hostile, "", height=10),
            charts.mark(hostile, ""),
            charts.figure(hostile, ""),
            charts.legend({hostile: "kernel"}, {hostile: (1, None)}),
            charts.shares(AXIS, {hostile: 100}, {hostile: "kernel"}),
        )
    )
    assert "<script" not in shown
    assert "\x00" not in shown
