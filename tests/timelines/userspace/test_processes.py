"""Processes, of a real boot with tini and of any text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bootwright.timelines.userspace.processes import TICK_NS, Processes, lineage, parse, spans
from tests.timelines.recorded import recorded

# initramfs.done of that boot lies within the tick before the script; sshd listened 534.6 ms on.
_EXEC_NS, _LISTENING_NS = 2_050_000_000, 2_584_600_000


def _stat(pid: int, name: str, parent: int, start: int) -> str:
    return f"{pid} ({name}) S {parent} " + "0 " * 17 + f"{start} 7 8\n"


def test_processes_parse_of_a_tini_boot() -> None:
    text = recorded("tini")["stat"]
    found = parse(text)
    assert found.warnings == ()
    assert len(found.processes) == len(text.splitlines())
    own = [process for process in found.processes if not process.of_kernel]
    assert [(p.name, p.parent, p.start_ns // TICK_NS) for p in own] == [
        ("tini", 0, 54),
        ("start", 1, 206),
        ("start", 107, 229),
        ("sshd", 121, 230),
        ("sshd", 122, 260),
        ("bash", 124, 356),
    ]
    assert [process.pid for process in lineage(found, "sshd")] == [1, 107, 121, 122]


def test_process_spans_of_a_tini_boot_follow_the_lineage() -> None:
    found = spans(
        parse(recorded("tini")["stat"]), parent="x", start_ns=_EXEC_NS, end_ns=_LISTENING_NS
    )
    assert [(span.id, span.kind, span.start_ns, span.end_ns) for span in found] == [
        ("process.tini", "work", _EXEC_NS, 2_060_000_000),
        ("process.start", "work", 2_060_000_000, 2_290_000_000),
        ("process.start.2", "work", 2_290_000_000, 2_300_000_000),
        ("process.sshd", "work", 2_300_000_000, _LISTENING_NS),
    ]
    assert all(span.critical and span.parent == "x" for span in found)


def test_processes_parse_accepts_any_name() -> None:
    text = _stat(7, "a) S 1 (b", 3, 4) + _stat(8, "x\ny", 1, 5) + _stat(9, "", 1, 6)
    found = parse(text)
    assert [(p.pid, p.name, p.parent) for p in found.processes] == [
        (7, "a) S 1 (b", 3),
        (8, "x\ny", 1),
        (9, "", 1),
    ]
    assert found.warnings == ()


def test_processes_parse_tells_kernel_threads_apart() -> None:
    found = parse(_stat(2, "kthreadd", 0, 0) + _stat(3, "rcu_gp", 2, 0) + _stat(4, "sh", 1, 0))
    assert [process.of_kernel for process in found.processes] == [True, True, False]


def test_processes_parse_warns_of_other_lines() -> None:
    found = parse("torn (sh\n" + _stat(4, "sh", 1, 9) + "12 (sh) S 1 0 0")
    assert [process.pid for process in found.processes] == [4]
    assert found.warnings == (
        "not a line of /proc/PID/stat: 'torn (sh'",
        "not a line of /proc/PID/stat: '12 (sh) S 1 0 0'",
    )


def test_process_spans_without_the_goal_explain_nothing() -> None:
    found = spans(
        parse(_stat(1, "init", 0, 0) + _stat(9, "sh", 1, 3)),
        parent="x",
        start_ns=0,
        end_ns=10**9,
    )
    assert [(span.kind, span.duration_ns, span.critical) for span in found] == [
        ("frame", 0, False),
        ("frame", 0, False),
    ]


def test_lineage_ends_for_a_cycle_of_parents() -> None:
    found = parse(_stat(5, "sshd", 6, 3) + _stat(6, "a", 5, 2))
    assert [process.pid for process in lineage(found, "sshd")] == [6, 5]


_LINES = st.one_of(
    st.text(),
    st.builds(
        _stat, st.integers(0, 9), st.text(max_size=15), st.integers(0, 9), st.integers(0, 10**6)
    ),
)


@given(st.lists(_LINES).map("".join), st.integers(0, 10**12), st.integers(0, 10**12))
def test_processes_parse_and_spans_accept_any_text(text: str, start: int, length: int) -> None:
    found = parse(text)
    assert isinstance(found, Processes)
    made = spans(found, parent="x", start_ns=start, end_ns=start + length)
    assert all(start <= span.start_ns <= span.end_ns <= start + length for span in made)
    assert len({span.id for span in made}) == len(made)


@given(st.integers(min_value=0))
def test_processes_parse_of_text_cut_anywhere(at: int) -> None:
    text = recorded("tini")["stat"]
    cut = parse(text[: at % len(text)])
    whole = set(parse(text).processes)
    assert len(set(cut.processes) - whole) <= 1
    assert len(cut.warnings) <= 1
