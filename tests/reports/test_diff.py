"""What is said of two boots, as text and as JSON."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from hypothesis import given, settings

from bootwright.reports.diff import ONE_EACH, signed, text, values
from bootwright.reports.diff_page import page
from bootwright.timelines.diff import Ran, diff
from bootwright.timelines.span import Timeline
from tests.reports.boots import MS, boot, boots, small


def faster() -> Timeline:
    """Return the small boot without host and unit.a, and 200 ms shorter."""
    spans = [s for s in small().spans if s.id not in ("host", "unit.a")]
    cut = [replace(s, end_ns=800 * MS) if s.id in ("boot", "pid1") else s for s in spans]
    return boot(*(s for s in cut if s.id != "ssh"))


def test_diff_text_word_by_word() -> None:
    told = text(diff(small(), faster()), names=("before", "after"))
    assert max(map(len, told.splitlines())) <= 80
    assert told == "\n".join(
        (
            "part of the boot, ms                               before      after     change",
            " boot                                              1000.0      800.0     -200.0",
            "*  host                                             100.0          -     -100.0",
            "*  ssh                                              100.0          -     -100.0",
            "*  pid1                                             500.0      400.0     -100.0",
            "*    a                                              300.0          -     -300.0",
            "     b                                                  -      130.0     +130.0",
            "       inner                                            -       80.0      +80.0",
            "       itself                                           -       50.0      +50.0",
            "     c                                               20.0      140.0     +120.0",
            "     itself                                         180.0      130.0      -50.0",
            "*  kernel                                           300.0      300.0       +0.0",
            "   itself                                               -      100.0     +100.0",
            "",
            "largest changes, each moment counted once:",
            "     -300.0 * vanished  userspace: a",
            "     +120.0   more      userspace: c",
            "     +100.0 * more      host: boot",
            "     -100.0 * vanished  host: host",
            "     -100.0 * vanished  ssh: ssh",
            "      +80.0   more      userspace: inner",
            "      -50.0 * less      userspace: pid1",
            "      +50.0   more      userspace: b",
            "",
            "before: 1.000 s; after: 800.0 ms; change: -200.0 ms",
            "spans, by 0.1 ms or more: 0 appeared, 3 vanished, 0 grew, 2 shrank",
            "a moment counts for the innermost span, preferably on the critical path",
            "* on the critical path of either boot",
            ONE_EACH,
        )
    )


@settings(max_examples=50)
@given(boots(), boots())
def test_diff_text_fits_80_columns(a: Timeline, b: Timeline) -> None:
    names = ("a boot with a long name", "x")
    assert all(len(line) <= 80 for line in text(diff(a, b), names=names).splitlines())


def test_diff_text_fits_60_columns() -> None:
    narrow = text(diff(small(), faster()), columns=60).splitlines()
    assert max(map(len, narrow)) <= 60
    assert "+" in "".join(narrow)


def test_diff_warnings_are_in_text_and_values() -> None:
    found = diff(small(), faster(), ran_a=Ran(accelerator="kvm"), ran_b=Ran(accelerator="tcg"))
    (warning,) = found.warnings
    assert f"warning: {warning}" in " ".join(text(found).split())
    assert values(found).warnings == (warning,)


def test_differences_of_microseconds_are_no_changes() -> None:
    shifted = [
        replace(s, end_ns=s.end_ns + 40_000) if s.id == "kernel.early.a" else s
        for s in small().spans
    ]
    found = diff(small(), boot(*shifted))
    assert "0 appeared, 0 vanished, 0 grew, 0 shrank" in text(found)
    assert "no span changed its part of the boot" in text(found)
    assert "<td title=" not in page(found, small(), boot(*shifted))


def test_on_the_virtual_clock_nothing_is_by_chance() -> None:
    a, b = replace(small(), clock="virtual"), replace(faster(), clock="virtual")
    assert ONE_EACH not in text(diff(a, b))


def test_diff_values() -> None:
    told = msgspec.json.decode(msgspec.json.encode(values(diff(small(), faster()))))
    assert {name: told[name] for name in ("clock", "boots_each", "before_ns", "change_ns")} == {
        "clock": "wall",
        "boots_each": 1,
        "before_ns": 1000 * MS,
        "change_ns": -200 * MS,
    }
    assert sum(change["own_change_ns"] for change in told["changes"]) == told["change_ns"]
    assert next(change for change in told["changes"] if change["id"] == "unit.a") == {
        "id": "unit.a",
        "parent": "pid1",
        "layer": "userspace",
        "name": "a",
        "what": "vanished",
        "length_change_ns": -300 * MS,
        "part_change_ns": -300 * MS,
        "own_change_ns": -300 * MS,
        "before": {
            **dict.fromkeys(("length_ns", "part_ns", "own_ns"), 300 * MS),
            "critical": True,
        },
        "after": {"length_ns": 0, "part_ns": 0, "own_ns": 0, "critical": False},
    }


def test_signed_prints_changes_with_their_sign() -> None:
    assert [signed(n) for n in (-1_250_000_000, 8_200_000, 0)] == ["-1.250 s", "+8.2 ms", "0 µs"]
