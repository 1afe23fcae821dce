"""Kernel logs in other forms say what dmesg says of the same boot."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.timelines.forms import FORMS, form_of
from bootwright.timelines.kernel.kernellog import parse_kernel_log
from bootwright.timelines.kernel.logforms import AsDmesg, as_dmesg
from tests.timelines import klogs

Lines = list[tuple[int, str]]
"""Microseconds and text."""
_BEGAN = datetime(2025, 2, 3, 9, 1, 2, 250_000, tzinfo=UTC)


def converted(text: str) -> AsDmesg:
    form = form_of(text)
    assert form is not None
    return as_dmesg(text, form)


def _dmesg_json(lines: Lines) -> str:
    rows = [{"pri": 6, "time": f"{us / 1e6:12.6f}", "msg": text} for us, text in lines]
    return json.dumps({"dmesg": rows}, indent=3)


def _entry(us: int, text: str) -> dict[str, str]:
    return {
        "_BOOT_ID": "aa",
        "_TRANSPORT": "kernel",
        "SYSLOG_IDENTIFIER": "kernel",
        "_SOURCE_MONOTONIC_TIMESTAMP": str(us),
        "__MONOTONIC_TIMESTAMP": str(us + 4_000_000),
        "__REALTIME_TIMESTAMP": str(1_700_000_000_000_000 + us),
        "MESSAGE": text,
    }


def _journal_json(lines: Lines) -> str:
    return "".join(json.dumps(_entry(*line)) + "\n" for line in lines)


def _journal_pretty(lines: Lines) -> str:
    return "".join(json.dumps(_entry(*line), indent=8) + "\n" for line in lines)


def _export(lines: Lines) -> str:
    return "".join(
        "__CURSOR=s=1;i=2\n" + "".join(f"{k}={v}\n" for k, v in _entry(*line).items()) + "\n"
        for line in lines
    )


def _verbose(lines: Lines) -> str:
    return "".join(
        "Mon 2025-02-03 09:01:02.250000 UTC [s=0a1b;i=2;b=3;m=4;t=5;x=6]\n"
        + "".join(f"    {k}={v}\n" for k, v in _entry(*line).items())
        for line in lines
    )


def _at(us: int) -> datetime:
    return _BEGAN + timedelta(microseconds=us)


def _dmesg_iso(lines: Lines) -> str:
    east = timezone(timedelta(hours=2))
    return "".join(
        f"{_at(us).astimezone(east).isoformat(timespec='microseconds').replace('.', ',')} {text}\n"
        for us, text in lines
    )


def _short_iso(lines: Lines) -> str:
    return "".join(
        f"{_at(us).strftime('%Y-%m-%dT%H:%M:%S.%f+0000')} box kernel: {text}\n"
        for us, text in lines
    )


def _short_unix(lines: Lines) -> str:
    return "".join(f"{1738573262 + us / 1e6:.6f} box kernel: {text}\n" for us, text in lines)


def _short_precise(lines: Lines) -> str:
    return "".join(
        f"{_at(us).strftime('%b %d %H:%M:%S.%f')} box kernel: {text}\n" for us, text in lines
    )


def _human(lines: Lines) -> str:
    rows, before = [], None
    for us, text in lines:
        head = (
            "[Feb 3 09:01]"
            if before is None
            else f"[{'+' + format((us - before) / 1e6, '.6f'):>11}]"
        )
        rows.append(f"{head} {text}\n")
        before = us
    return "".join(rows)


def _only_deltas(lines: Lines) -> str:
    before = 0
    rows = []
    for us, text in lines:
        rows.append(f"[<{(us - before) / 1e6:12.6f}>] {text}\n")
        before = us
    return "".join(rows)


WRITERS: dict[str, Callable[[Lines], str]] = {
    writer.__name__: writer
    for writer in (
        *(_dmesg_json, _journal_json, _journal_pretty, _export, _verbose, _dmesg_iso, _short_iso),
        *(_short_unix, _short_precise, _human, _only_deltas),
    )
}


@pytest.mark.parametrize("writer", WRITERS)
def test_as_dmesg_reads_a_real_log_in_every_form(writer: str) -> None:
    real = klogs.log("6.1-initcall_debug")
    lines = [
        (line.time_ns // 1000, line.text)
        for line in real.lines
        if line.time_ns is not None and not line.text.startswith(" ")
    ]
    lines.sort(key=lambda line: line[0])
    given_ = converted(WRITERS[writer](lines))
    assert given_.has_times
    read = parse_kernel_log(given_.text)
    assert [(line.time_ns, line.text) for line in read.lines] == [
        (us * 1000, text) for us, text in lines
    ]
    assert len(read.initcalls) == len(real.initcalls)
    assert read.release == real.release
    assert read.init is not None


def test_as_dmesg_keeps_the_numbers_of_lines() -> None:
    read = parse_kernel_log(converted(_journal_pretty([(0, "Linux version 6"), (5, "a\nb")])).text)
    text = _journal_pretty([(0, "Linux version 6"), (5, "a\nb")]).split("\n")
    for line in read.lines:
        assert '"MESSAGE"' in text[line.number - 1]
    assert [line.text for line in read.lines] == ["Linux version 6", "a", "b"]


def test_journal_json_names_who_spoke_and_holds_one_boot() -> None:
    said = {
        **_entry(9, "Starting A..."),
        "_TRANSPORT": "stdout",
        "SYSLOG_IDENTIFIER": "systemd",
        "_PID": "1",
    }
    del said["_SOURCE_MONOTONIC_TIMESTAMP"]
    older = _entry(1, "of another boot") | {"_BOOT_ID": "99"}
    rows: list[dict[str, object]] = [
        {**older},
        {**_entry(0, "Linux version 6")},
        {**said},
        {**_entry(3, ""), "MESSAGE": [104, 105, 255]},
        {**_entry(4, ""), "MESSAGE": None},
    ]
    given_ = converted("".join(json.dumps(row) + "\n" for row in rows))
    assert given_.warnings == ("the journal holds 2 boots; only the last is used",)
    read = parse_kernel_log(given_.text)
    assert [(line.time_ns, line.text) for line in read.lines] == [
        (0, "Linux version 6"),
        (4_000_009_000, "systemd[1]: Starting A..."),
        (3_000, "hi\ufffd"),
    ]


def test_braces_and_keys_in_texts_do_no_harm() -> None:
    rows = [
        {"CODE": "{x", **_entry(n, text)}
        for n, text in enumerate(['Linux version 6 "MESSAGE" }', "{", '{"MESSAGE": "no"}'])
    ]
    read = parse_kernel_log(converted("".join(json.dumps(row) + "\n" for row in rows)).text)
    assert [line.text for line in read.lines] == [row["MESSAGE"] for row in rows]


def test_a_journal_without_the_kernels_own_times_says_so() -> None:
    entry = _entry(0, "Linux version 6")
    del entry["_SOURCE_MONOTONIC_TIMESTAMP"]
    assert converted(json.dumps(entry)).warnings == (
        "1 of the kernel's lines have the time when journald read them; use "
        "journalctl -k -o short-monotonic",
    )


def test_wall_clock_forms_say_so_and_notice_a_step() -> None:
    steady = converted(_short_precise([(0, "Linux version 6"), (7, "b")]))
    assert len(steady.warnings) == 1
    back = _short_precise([(9_000_000, "Linux version 6"), (0, "b"), (1_000_000, "c")])
    given_ = converted(back)
    assert given_.warnings[1] == "the wall clock was set back by 9.0 s during the log"
    read = parse_kernel_log(given_.text)
    assert [line.time_ns for line in read.lines] == [0, 0, 0]


def test_times_at_which_journald_read_the_lines_are_told() -> None:
    lines = [(n * 20, f"line {n}") for n in range(200)]
    given_ = converted(_short_precise([(0, "Linux version 6"), *lines]))
    assert "use journalctl -k -o short-monotonic" in given_.warnings[-1]


def test_human_times_are_read_until_a_minute_hides_a_distance() -> None:
    text = "[Feb 3 09:01] Linux version 6\n[  +1,500000] a\n[Feb 3 09:02] b\n[  +0,1] c\n"
    given_ = converted(text)
    read = parse_kernel_log(given_.text)
    assert [(line.time_ns, line.text) for line in read.lines] == [
        (0, "Linux version 6"),
        (1_500_000_000, "a"),
    ]
    assert given_.warnings == (
        "lines from 3 on are ignored: dmesg -H prints the minute there instead of an offset; "
        "use plain dmesg",
    )


@pytest.mark.parametrize(
    "head",
    [
        "[Mon Feb  3 09:01:02 2025] ",
        "kern  :info  : [Mon Feb  3 09:01:02 2025] ",
        "Feb 03 09:01:02 box kernel: ",
        "2025-02-03T09:01:02+0100 box kernel: ",
        "Mon 2025-02-03 09:01:02 CET box kernel: ",
        "",
    ],
)
def test_without_fine_times_the_text_remains(head: str) -> None:
    given_ = converted(
        f"{head}Linux version 6.9 x\n{head}initcall a+0x0/0x1 returned 0 after 7 usecs\n"
    )
    returned = "initcall a+0x0/0x1 returned 0 after 7 usecs"
    assert not given_.has_times
    read = parse_kernel_log(given_.text)
    assert [line.text for line in read.lines] == [
        "Linux version 6.9 x",
        returned,
    ]
    assert [call.told_ns for call in read.initcalls] == [7_000]


@given(st.sampled_from(FORMS), st.sampled_from(list(WRITERS)), st.data())
def test_as_dmesg_never_raises(form: object, writer: str, data: st.DataObject) -> None:
    text = WRITERS[writer]([(0, "Linux version 6"), (5, "calling  a+0x0/0x1 @ 1"), (9, "{x}")])
    cut = text[data.draw(st.integers(0, len(text))) :] + data.draw(st.text(max_size=20))
    assert isinstance(form, type(FORMS[0]))
    parse_kernel_log(as_dmesg(cut, form).text)


def _lines_at(*times: str) -> str:
    return "".join(f"{at} box kernel: line\n" for at in times)


@pytest.mark.parametrize(
    ("times", "stamps", "is_set_back"),
    [
        (("Dec 31 23:59:59.500000", "Jan 01 00:00:01.000000"), [0, 1_500_000], False),
        (
            ("Dec 31 23:59:59.500000", "Jan 01 00:00:01.000000", "Dec 31 23:59:59.800000"),
            [0, 1_500_000, 1_500_000],
            True,
        ),
        (("Feb 28 23:59:59.000000", "Mar 01 00:00:00.000000"), [0, 86_401_000_000], False),
        # No New Year, but a clock that was set.
        (("Jan 01 00:00:00.000000", "Nov 28 00:00:00.000000"), [0, 332 * 86_400_000_000], False),
    ],
)
def test_short_precise_across_new_year(
    times: tuple[str, ...], stamps: list[int], is_set_back: bool
) -> None:
    found = converted(_lines_at(*times))
    read = [
        int(float(line.partition("]")[0].strip("[ ")) * 1e6) for line in found.text.splitlines()
    ]
    assert read == stamps
    assert any("set back" in warning for warning in found.warnings) is is_set_back
