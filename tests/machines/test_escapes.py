"""What passes of a guest's output: as text, with colours, and live."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.machines.escapes import Mode, OutputFilter, plain

ANSWERED = {
    "device attributes": b"\x1b[c",
    "secondary device attributes": b"\x1b[>0c",
    "the cursor": b"\x1b[6n",
    "the status": b"\x1b[5n",
    "the size": b"\x1b[18t",
    "the title": b"\x1b[21t",
    "the icon's title": b"\x1b[020t",
    "the foreground": b"\x1b]10;?\x07",
    "the background": b"\x1b]11;?\x1b\\",
    "the clipboard": b"\x1b]52;c;?\x07",
    "a setting": b"\x1bP$qm\x1b\\",
    "a capability": b"\x1bP+q544e\x1b\\",
    "a mode": b"\x1b[?2026$p",
    "the keyboard": b"\x1b[?u",
    "identify": b"\x1bZ",
    "answerback": b"\x05",
    "a C1 sequence": "\x9b6n".encode(),
    "a C1 string": "\x9d11;?\x9c".encode(),
    "the version": b"\x1b[>q",
}
"""Whatever a terminal answers, by what is asked for."""


@pytest.mark.parametrize("query", ANSWERED.values(), ids=ANSWERED)
@pytest.mark.parametrize("mode", ["plain", "coloured"])
def test_output_printed_before_asks_nothing(mode: Mode, query: bytes) -> None:
    assert OutputFilter(mode).feed(b"a" + query + b"b", final=True) == "ab"


@pytest.mark.parametrize(
    "asked", ["the title", "the icon's title", "the clipboard", "a setting", "a capability"]
)
def test_live_output_may_not_ask_what_the_guest_can_choose(asked: str) -> None:
    assert OutputFilter("live").feed(b"a" + ANSWERED[asked] + b"b") == "ab"


@pytest.mark.parametrize("asked", ["the cursor", "device attributes", "the size", "the background"])
def test_live_output_may_ask_of_the_terminal(asked: str) -> None:
    assert OutputFilter("live").feed(ANSWERED[asked]) == ANSWERED[asked].decode()


def test_live_c1_sequences_are_written_with_escape() -> None:
    assert OutputFilter("live").feed("\x9b2J\x9e secret\x9c\x85".encode()) == "\x1b[2J"


@pytest.mark.parametrize(
    ("printed", "coloured", "text"),
    [
        (b"\x1b[0;32m  OK  \x1b[0m", "\x1b[0;32m  OK  \x1b[0m", "  OK  "),
        (b"\x1b[38:2::1:2:3mred", "\x1b[38:2::1:2:3mred", "red"),
        (b"\x1b[>4;2mkeys", "keys", "keys"),
        (b"\x1b[2J\x1b[1;1Hclear", "clear", "clear"),
        (b"\x1b[?1049h\x1b[?25lscreen", "screen", "screen"),
        (b"\x1b(0\x0elines\x07", "lines", "lines"),
        (b"one\r\ntwo\r\r\nthree", "one\ntwo\nthree", "one\ntwo\nthree"),
        (b"10 %\r20 %\r\n\rnext", "10 %\n20 %\nnext", "10 %\n20 %\nnext"),
        (b"\x1b]0;title\nnot swallowed", "0;title\nnot swallowed", "0;title\nnot swallowed"),
        (b"\x1b[6\nn", "\nn", "\nn"),
        (b"cut \xe2\x9c", "cut \ufffd", "cut \ufffd"),
        (b"cut \x1b[6", "cut ", "cut "),
    ],
)  # fmt: skip
def test_output_as_text(printed: bytes, coloured: str, text: str) -> None:
    assert OutputFilter("coloured").feed(printed, final=True) == coloured
    assert plain(printed) == text


def test_string_without_an_end_is_shown_as_text() -> None:
    shown = OutputFilter("plain")
    text = "".join(shown.feed(piece) for piece in [b"\x1b]", *[b"x" * 1000] * 9, b"\n"])
    assert text == "x" * 9000 + "\n"


def test_live_return_is_not_held_back() -> None:
    assert OutputFilter("live").feed(b"progress\r") == "progress\r"


_PIECES = [
    *ANSWERED.values(),
    *(b"\x1b", b"[", b"]", b"P", b"6n", b"\r", b"\n", b"\x9b", b"\xc2", b"\xe2\x9c\x93"),
    *(b"text", b"\x1b[31m", b"\\", b"\x07"),
]


@given(st.lists(st.sampled_from(_PIECES), max_size=12), st.integers(0, 60))
def test_pieces_do_not_matter_and_no_escape_is_left(parts: list[bytes], cut: int) -> None:
    data = b"".join(parts)
    shown = OutputFilter("plain")
    text = shown.feed(data[:cut]) + shown.feed(data[cut:], final=True)
    assert text.replace("\n", "") == plain(data).replace("\n", "")
    assert all(letter in "\n\t" or letter >= " " for letter in text)
    assert not any("\x7f" <= letter <= "\x9f" for letter in text)


def test_undo_takes_back_what_the_output_has_set() -> None:
    shown = OutputFilter("live")
    shown.feed(b"\x1b[?1049h\x1b[?25l\x1b[?1000;1006h\x1b[?2004h\x1b[?2004l")
    undone = shown.undo()
    for sequence in ("\x1b[?1049l", "\x1b[?25h", "\x1b[?1000l", "\x1b[?1006l", "\x1b[0m"):
        assert sequence in undone
    assert "2004" not in undone
    plainly = OutputFilter("plain")
    plainly.feed(b"\x1b[31m\x1b[?1049h")
    assert plainly.undo() == ""
    coloured = OutputFilter("coloured")
    coloured.feed(b"\x1b[31m\x1b[?1049h")
    assert coloured.undo() == "\x1b[0m"
