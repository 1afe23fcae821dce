"""Lines of kernel logs, in all the forms in which they come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.timelines.kernel.loglines import LogLine, log_lines
from tests.timelines import klogs

PLAIN = """\
[    0.000000] Linux version 6.1.0
[    0.012345] Zone ranges:
[   12.345678] bootwright: initramfs.start
"""
TIMES = [0, 12_345_000, 12_345_678_000]
TEXTS = ["Linux version 6.1.0", "Zone ranges:", "bootwright: initramfs.start"]


def lines(log: str) -> list[LogLine]:
    return list(log_lines(log)[0])


def warnings(log: str) -> tuple[str, ...]:
    return log_lines(log)[1]


FORMS = {
    "dmesg": PLAIN,
    "serial": PLAIN.replace("\n", "\r\n"),
    "serial through a terminal": PLAIN.replace("\n", "\r\r\n"),
    "raw levels": PLAIN.replace("[", "<6>["),
    "decoded levels": PLAIN.replace("[", "kern  :info  : ["),
    "callers": PLAIN.replace("] ", "][    T1] "),
    "deltas": PLAIN.replace("] ", " <    0.000012>] "),
    "journal": PLAIN.replace("] ", "] web-1 kernel: "),
    "stamped by another program": "".join(f"12:00:01.5 {x}\n" for x in PLAIN.splitlines()),
    "colours": "".join(f"\x1b[32m{x[:15]}\x1b[0m{x[15:]}\n" for x in PLAIN.splitlines()),
    "kmsg": "5,0,0,-;Linux version 6.1.0\n"
    "6,1,12345,-;Zone ranges:\n SUBSYSTEM=acpi\n DEVICE=+acpi:1\n"
    "12,2,12345678,-,caller=T1;bootwright: initramfs.start\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_log_lines_of_every_format_are_equal(form: str) -> None:
    timed = [line for line in lines(FORMS[form]) if line.time_ns is not None]
    assert [line.time_ns for line in timed] == TIMES
    assert [line.text for line in timed] == TEXTS
    assert warnings(FORMS[form]) == ()


UNTIMED = {
    "printk.time=0": "{}",
    "printk.time=0, raw levels": "<6>{}",
    "dmesg -T": "[Tue Nov 25 02:40:11 2025] {}",
    "dmesg --time-format=iso": "2025-11-25T02:40:11,123456+00:00 {}",
    "journalctl -k": "Nov 25 02:40:11 web-1 kernel: {}",
}


@pytest.mark.parametrize("form", UNTIMED)
def test_log_lines_without_guest_times_warn(form: str) -> None:
    log = "\n".join(UNTIMED[form].format(text) for text in TEXTS)
    assert [(line.time_ns, line.text) for line in lines(log)] == [(None, t) for t in TEXTS]
    assert warnings(log) == ("no line has a time; boot with printk.time=1",)


def test_log_lines_keep_callers() -> None:
    assert lines("[    1.000000][   T47] a\n[    1.000001][    C0] b")[0].caller == "T47"
    assert lines("6,1,12,-,caller=C1;a")[0].caller == "C1"


def test_log_lines_of_kmsg_undo_escapes_and_split_records() -> None:
    read = lines(r"6,1,12,-;one \x5c two\x0athree")
    assert [(line.text, line.time_ns) for line in read] == [
        ("one \\ two", 12_000),
        ("three", 12_000),
    ]


def test_log_lines_split_a_line_begun_inside_another() -> None:
    read = lines("Starting ud[    1.000001] calling  a+0x0/0x1 @ 1[    1.000002] initcall b\n")
    assert [(line.time_ns, line.text) for line in read] == [
        (None, "Starting ud"),
        (1_000_001_000, "calling  a+0x0/0x1 @ 1"),
        (1_000_002_000, "initcall b"),
    ]
    assert {line.number for line in read} == {1}


def test_log_lines_do_not_take_bracketed_numbers_for_stamps() -> None:
    assert len(lines("[    0.000000] a [1.5] b [0.250000] c [mem 0x0-0x1]")) == 1


@pytest.mark.parametrize(
    "torn", ["[    0.1234", "[    0.", "[    0", "<6>[    0.12", "[   12.345678"]
)
def test_log_lines_warn_of_a_torn_stamp(torn: str) -> None:
    read = lines(f"[    0.000000] Linux version 6.1\n{torn}\n")
    assert read[1].time_ns is None
    assert warnings(f"[    0.000000] Linux version 6.1\n{torn}") == (
        "timestamps cut in two: 1; dmesg has them whole",
    )


def test_log_lines_warn_of_a_lost_beginning() -> None:
    assert warnings("[    2.500000] something\n") == (
        "the log begins 2500000000 ns after the clock's start, without the kernel's first lines: "
        "they were overwritten or not captured; boot with log_buf_len=1M",
    )


def test_log_lines_take_the_last_of_several_boots() -> None:
    again = PLAIN + PLAIN.replace("6.1.0", "6.1.1")
    assert [line.number for line in lines(again)] == [4, 5, 6]
    assert warnings(again) == ("the log holds several boots; only the last, from line 4, is used",)


def test_log_lines_of_an_empty_log() -> None:
    assert log_lines("") == ((), ())
    assert log_lines("\r\n\0\n \n") == ((), ())


def test_log_lines_of_the_journal_drop_the_host_name() -> None:
    texts = {line.text for line in klogs.log("6.1-image-journal").lines}
    assert "Run /init as init process" in texts
    assert not any(text.startswith("web-z3msbg kernel: ") for text in texts)


@given(st.text(alphabet=st.sampled_from("[] 0.123456<>T\r\n\x1b;,-x\\a٣"), max_size=300))
def test_log_lines_accept_any_text_of_log_characters(log: str) -> None:
    for line in lines(log):
        assert line.time_ns is None or line.time_ns >= 0
        assert "\n" not in line.text


@given(st.text())
def test_log_lines_accept_any_text(log: str) -> None:
    assert all(line.text in log.replace("\0", "") for line in lines(log))
