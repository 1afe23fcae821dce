"""What doctor found, as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from bootwright.reports import checks


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """As much of a check as the text needs."""

    area: str = "host"
    name: str = "KVM"
    state: Literal["ok", "note", "warning", "problem"] = "ok"
    text: str = "a guest ran with it"
    hint: str = ""


def test_checks_text_word_by_word() -> None:
    found = [
        Seen(),
        Seen(area="bootwright", name="keys", text="yours alone"),
        Seen(name="disk space", state="warning", text="900 MiB free on /", hint="free some space"),
        Seen(area="store", name="image web", state="problem", text="it has changed"),
        Seen(name="tap", state="note", text="there is no /dev/net/tun: no tap networks"),
        Seen(name="vsock", state="note", text="missing"),
    ]
    assert checks.text(found).splitlines() == [
        "This host",
        "  ✓ ok       KVM         a guest ran with it",
        "  ! warning  disk space  900 MiB free on /",
        "                         → free some space",
        "  · note     tap         there is no /dev/net/tun: no tap networks",
        "  · note     vsock       missing",
        "",
        "Created by bootwright",
        "  ✓ ok       keys        yours alone",
        "",
        "Images and kernels",
        "  ✗ problem  image web   it has changed",
        "",
        "6 checks: 1 problem, 1 warning, 2 notes",
    ]


def test_checks_text_wraps_long_values_below_themselves() -> None:
    found = [Seen(text="one two three four five", hint="six seven eight nine")]
    assert checks.text(found, width=34).splitlines()[:5] == [
        "This host",
        "  ✓ ok       KVM  one two three",
        "                  four five",
        "                  → six seven",
        "                    eight nine",
    ]


def test_checks_text_does_not_break_paths_and_options() -> None:
    path = "/home/somebody/" + "deep/" * 20 + "end"
    shown = checks.text(
        [Seen(text=f"not in {path}", hint="run it with --no-such-option")], width=40
    )
    assert f" {path}\n" in shown
    assert " --no-such-option\n" in shown


def test_checks_summary_says_that_all_is_well() -> None:
    assert checks.text([Seen()]).splitlines()[-1] == "1 check: no problems"
    assert checks.summary([Seen(), Seen()]) == "2 checks: no problems"


def test_checks_text_of_no_checks() -> None:
    assert checks.text([]) == "0 checks: no problems"


def test_checks_summary_uses_plurals() -> None:
    found = [Seen(state="problem"), Seen(state="problem"), Seen(state="warning")]
    assert checks.summary(found) == "3 checks: 2 problems, 1 warning"


def test_checks_text_of_an_unknown_area_uses_its_name() -> None:
    assert checks.text([Seen(area="network")]).startswith("network\n  ✓ ok       KVM  a guest")


def test_checks_text_of_a_check_without_text() -> None:
    assert checks.text([Seen(text="")]).splitlines()[1] == "  ✓ ok       KVM"


def test_checks_text_drops_control_characters() -> None:
    shown = checks.text([Seen(name="a\tb", text="red\x1b[0m\nnext", hint="a\rb")])
    assert shown.splitlines()[1:3] == [
        "  ✓ ok       a b  red [0m next",
        "                  → a b",
    ]


@given(
    st.lists(
        st.builds(
            Seen,
            area=st.sampled_from(["host", "bootwright", "store"]),
            name=st.text(st.sampled_from("xyz"), min_size=1, max_size=18),
            state=st.sampled_from(["ok", "note", "warning", "problem"]),
            text=st.lists(st.text(st.sampled_from("abc"), max_size=9)).map(" ".join),
            hint=st.lists(st.text(st.sampled_from("def"), max_size=9)).map(" ".join),
        )
    )
)
def test_checks_text_fits_the_width_and_loses_no_word(found: list[Seen]) -> None:
    shown = checks.text(found)
    assert max(map(len, shown.splitlines())) <= 100
    assert all(line == line.rstrip() for line in shown.splitlines())
    words = sorted(word for seen in found for word in f"{seen.text} {seen.hint}".split())
    assert sorted(w for w in shown.split() if set(w) <= set("abc") or set(w) <= set("def")) == words
