"""blame, critical-chain and plot: real ones say what systemctl show says, others are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.errors import FormatError
from bootwright.timelines.looks import TAKE_UNITS
from bootwright.timelines.userspace.analyze import length_ns, length_spans, read_units
from bootwright.timelines.userspace.spans import unit_path
from bootwright.timelines.userspace.units import parse_show
from tests.timelines.recorded import SYSTEMD, recorded

MS = 1_000_000


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("30.001s", 30_001 * MS),
        ("1min 2.5s", 62_500 * MS),
        ("120ms", 120 * MS),
        ("999us", 999_000),
        ("2h 1min 1s", 7_261_000 * MS),
        ("1d 2h", 93_600_000 * MS),
        ("", None),
        ("12", None),
        ("1 s", None),
        ("soon", None),
    ],
)
def test_length_ns(text: str, ns: int | None) -> None:
    assert length_ns(text) == ns


@pytest.mark.parametrize("release", SYSTEMD)
def test_blame_tells_the_lengths_that_show_tells(release: str) -> None:
    texts = recorded(release)
    told = read_units(texts["blame"], init_ns=0)
    units = parse_show(texts["show"]).units
    assert len(told.lengths_ns) > 20
    for name, took in told.lengths_ns:
        known = units[name].activation_ns
        assert known is not None
        assert abs(known - took) <= MS
    (warning,) = told.warnings
    assert warning.startswith(
        "systemd-analyze blame says how long units took, not when they started"
    )
    made = length_spans(told, parent="pid1", start_ns=7)
    assert {span.kind for span in made} == {"frame"}
    assert {span.start_ns for span in made} == {7}


@pytest.mark.parametrize("release", SYSTEMD)
def test_critical_chain_tells_the_times_that_show_tells(release: str) -> None:
    texts = recorded(release)
    manager = parse_show(texts["show"], texts["manager"]).manager
    begun_ns = manager.system.begin_ns
    assert begun_ns is not None
    told = read_units(texts["chain"], init_ns=begun_ns)
    assert told.goal == "graphical.target"
    units = parse_show(texts["show"]).units
    for name, unit in told.systemd.units.items():
        starts = (units[name].inactive_exit_ns, units[name].active_enter_ns)
        assert any(
            at is not None and abs(at - (unit.inactive_exit_ns or 0)) <= MS for at in starts
        ), name
    path = unit_path(told.systemd, told.goal)
    assert len(path.chain) == len(told.systemd.units)


def test_critical_chain_with_branches() -> None:
    text = (
        "multi-user.target @9s\n├─a.service @5s +4s\n│ └─b.service @2s +3s\n└─c.service @1s +2s\n"
    )
    told = read_units(text, init_ns=10)
    units = told.systemd.units
    assert units["multi-user.target"].after == ("a.service", "c.service")
    assert units["a.service"].after == ("b.service",)
    assert units["a.service"].inactive_exit_ns == 5_000 * MS + 10
    assert units["c.service"].activation_ns == 2_000 * MS


def test_texts_as_they_are_posted() -> None:
    """Blanks at the ends, quoted, with prompts, and several in one."""
    text = (
        "> $ systemd-analyze\r\n> Startup finished in 2s (kernel) + 9s (userspace) = 11s\r\n"
        "> $ systemd-analyze blame\r\n>   4.000s other.service     \r\n>  3.000s a.service \r\n"
        "> $ systemd-analyze critical-chain\r\n> x.target @1min 9s\r\n"
        "> └─a.service @1min 2s +3.000s\r\n"
    )
    told = read_units(text, init_ns=0)
    assert told.lengths_ns == (("other.service", 4_000 * MS),)
    assert told.systemd.units["a.service"].inactive_exit_ns == 62_000 * MS
    assert len(told.warnings) == 2


@pytest.mark.parametrize("scale", [100.0, 250.0])
@pytest.mark.parametrize("axis", [True, False])
def test_plot_is_read_by_its_own_scale(scale: float, axis: bool) -> None:
    ticks = f'<text class="sec" x="{5 * scale:.3f}" y="-5.000" >5.0s</text>\n' if axis else ""
    text = f"""<svg>
<!-- This file is a systemd-analyze SVG file. -->
{ticks}<g>
  <rect class="activating" x="{1.5 * scale:.3f}" y="0.000" width="{4 * scale:.3f}" height="19" />
  <rect class="active" x="{5.5 * scale:.3f}" y="0.000" width="9.000" height="19.000" />
  <text class="left" x="5.000" y="14.000">a&amp;b.service (4.000s)</text>
</g><g>
  <rect class="activating" x="{2 * scale:.3f}" y="20.000" width="0.000" height="19.000" />
  <text class="right" x="5.000" y="34.000">x.mount</text>
</g>
  <rect class="activating" x="0.000" y="20.000" width="300.000" height="19.000" />
  <text class="left" x="5.000" y="14.000">Activating</text>
</svg>
"""
    text = text.replace("a&amp;b", "a-b")
    units = read_units(text, init_ns=0).systemd.units
    assert {name: (u.inactive_exit_ns, u.active_enter_ns) for name, u in units.items()} == {
        "a-b.service": (1_500 * MS, 5_500 * MS),
        "x.mount": (2_000 * MS, 2_000 * MS),
    }


def test_plot_json_is_read() -> None:
    text = (
        '[{"name":"a.service","activated":7000,"activating":2000,"time":5000},'
        '{"name":"b.service","activated":0,"activating":0},{"name":4},5]\n'
    )
    units = read_units(text, init_ns=0).systemd.units
    assert list(units) == ["a.service"]
    assert units["a.service"].activation_ns == 5 * MS


def test_show_may_hold_the_managers_own_block() -> None:
    texts = recorded("debian-12")
    told = read_units(f"{texts['manager']}\n{texts['show']}", init_ns=0)
    apart = parse_show(texts["show"], texts["manager"])
    assert told.systemd == apart
    alone = read_units(texts["manager"], init_ns=0)
    assert alone.systemd.manager == apart.manager


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "Startup finished in 2s (kernel) + 3s (userspace) = 5s\n",
            "the text about units is systemd-analyze time, which has the length of the boot, "
            "but no unit's start",
        ),
        (
            "[Unit]\nDescription=x\n",
            "the text about units is a unit file, which says what a unit does, not when it did",
        ),
        (
            "UNIT LOAD ACTIVE SUB DESCRIPTION\na.service loaded active running A\n",
            "the text about units is systemctl list-units, which does not say when or how long a "
            "unit started",
        ),
        ("", "the text about units is empty"),
        ("what?\n", "the text about units does not hold systemd's output about its units"),
        (
            "Id=a.service\nActiveState=inactive\nAfter=\n",
            "the units file (systemctl show) has no times",
        ),
        (
            "-> Unit a.service:\n\tDescription: A\n",
            "the units file (systemd-analyze dump) has no times",
        ),
        (
            "[    0.000000] Linux version 6\n",
            "the text about units is dmesg, which is a kernel log and has no units",
        ),
    ],
)
def test_what_has_no_times_is_refused(text: str, message: str) -> None:
    with pytest.raises(FormatError) as bad:
        read_units(text, init_ns=0)
    assert str(bad.value) == message
    assert TAKE_UNITS in bad.value.hint


@given(st.sampled_from(["blame", "chain", "show", "dump", "time"]), st.data())
def test_texts_cut_anywhere_are_read_or_refused(key: str, data: st.DataObject) -> None:
    text = recorded("debian-12")[key][:20_000]
    start = data.draw(st.integers(0, len(text)))
    try:
        read_units(text[start : data.draw(st.integers(start, len(text)))], init_ns=5)
    except FormatError as error:
        assert error.hint  # noqa: PT017
