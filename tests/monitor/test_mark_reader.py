"""Marks and output on one port, however their bytes arrive."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bootwright.monitor.mark_reader import MarkReader
from bootwright.timelines.recorder import Mark

TOKEN = "feedface00000001"


def fed(*chunks: bytes, token: str = TOKEN) -> tuple[bytes, list[tuple[str, str]]]:
    """Return all output and all marks, each with its detail."""
    reader = MarkReader(token)
    output, marks = b"", []
    for chunk in chunks:
        for found in reader.feed(chunk, 0):
            if isinstance(found, bytes):
                output += found
            else:
                marks.append((found[0].name, found[1]))
    return output, marks


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(stream) + 1) for place in places} | {0, len(stream)})
    return [stream[a:b] for a, b in pairwise(ends)]


def test_mark_reader_returns_name_detail_and_arrival_time() -> None:
    reader = MarkReader(TOKEN)
    assert reader.feed(f"{TOKEN} initramfs.failed cannot mount /dev\r\n".encode(), 42) == [
        (Mark(name="initramfs.failed", time_ns=42), "cannot mount /dev")
    ]


def test_mark_reader_keeps_the_order_of_marks_and_output() -> None:
    stream = f"a\n{TOKEN} log.start x\nb\nc\n{TOKEN} log.end x\n{TOKEN} boot.end\nd.".encode()
    assert MarkReader(TOKEN).feed(stream, 1) == [
        b"a",
        (Mark(name="log.start", time_ns=1), "x"),
        b"b\nc",
        (Mark(name="log.end", time_ns=1), "x"),
        (Mark(name="boot.end", time_ns=1), ""),
        b"d.",
    ]


def test_mark_reader_dates_a_split_mark_by_its_end() -> None:
    reader = MarkReader(TOKEN)
    assert reader.feed(f"{TOKEN} initramfs.st".encode(), 1) == []
    assert reader.feed(b"art\n", 2) == [(Mark(name="initramfs.start", time_ns=2), "")]


def test_mark_reader_passes_output_around_marks_unchanged() -> None:
    stream = f"{TOKEN} command.start\nline\r\n\0\xff\n{TOKEN} command.end 3\n".encode("latin-1")
    assert fed(stream) == (b"line\r\n\x00\xff", [("command.start", ""), ("command.end", "3")])


def test_mark_reader_removes_only_the_newline_of_a_mark() -> None:
    assert fed(f"line\n\n{TOKEN} command.end 0\n".encode()) == (b"line\n", [("command.end", "0")])
    assert fed(f"no newline\n{TOKEN} command.end 0\n".encode())[0] == b"no newline"


def test_mark_reader_does_not_hold_output_back() -> None:
    reader = MarkReader(TOKEN)
    assert reader.feed(b"prompt> ", 0) == [b"prompt> "]
    assert reader.feed(b"half a token: " + TOKEN[:8].encode(), 0) == [b"half a token: "]
    assert reader.feed(b", but no more\n.", 0) == [TOKEN[:8].encode() + b", but no more\n."]


def test_mark_reader_takes_another_token_as_output() -> None:
    stream = b"0123456789abcdef initramfs.start\n."
    assert fed(stream) == (stream, [])


def test_mark_reader_reads_a_binary_detail() -> None:
    assert fed(TOKEN.encode() + b" initramfs.failed \xff\n")[1] == [("initramfs.failed", "\ufffd")]


_OUTPUT = st.binary(max_size=40).filter(lambda data: TOKEN.encode() not in data)
_PARTS = st.lists(
    st.one_of(
        _OUTPUT,
        st.just(b"\n"),
        st.integers(1, len(TOKEN) - 1).map(lambda length: TOKEN[:length].encode()),
        st.sampled_from(["initramfs.start", "command.end 3", "initramfs.failed no such file"]),
    ),
    max_size=8,
)
_PLACES = st.lists(st.integers(0, 10_000), max_size=12)


@given(_PARTS, _PLACES)
def test_mark_reader_result_does_not_depend_on_chunks(
    parts: list[bytes | str], places: list[int]
) -> None:
    stream, output, marks = b"", b"", []
    for part in [*parts, "command.end 0"]:
        if isinstance(part, str):
            stream += f"\n{TOKEN} {part}\n".encode()
            name, _, detail = part.partition(" ")
            marks.append((name, detail))
        else:
            stream += part
            output += part
    if stream.count(TOKEN.encode()) != len(marks):
        return  # two parts together made a token by themselves
    assert fed(*cut(stream, places)) == fed(stream) == (output, marks)


@given(st.text("ab\n ", max_size=60), _PLACES)
def test_mark_reader_result_does_not_depend_on_chunks_like_tokens(
    text: str, places: list[int]
) -> None:
    stream = text.encode()
    assert fed(*cut(stream, places), token="aab") == fed(stream, token="aab")
