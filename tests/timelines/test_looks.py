"""Which further look is proposed."""

from __future__ import annotations

from bootwright.timelines.evidence import ResolvedSample
from bootwright.timelines.looks import further_looks
from bootwright.timelines.span import AFTER_INIT, Kind, Span, Timeline


def boot(clock: str, *parts: tuple[str, int, int, Kind], **other: object) -> Timeline:
    rows: tuple[tuple[str, int, int, Kind], ...] = (("boot", 0, 100, "frame"), *parts)
    spans = tuple(
        Span(
            id=id_,
            parent="" if id_ == "boot" else "boot",
            layer="kernel",
            name=id_,
            kind=kind,
            start_ns=start,
            end_ns=end,
            source="a test",
        )
        for id_, start, end, kind in rows
    )
    return Timeline(spans=spans, clock=clock, clock_error_ns=0, **other)  # type: ignore[arg-type]


def test_what_is_explained_needs_no_look() -> None:
    assert further_looks(boot("guest", ("kernel", 0, 97, "work"))) == ()
    assert further_looks(boot("wall", ("kernel", 0, 97, "frame"))) == ()


def test_samples_are_proposed_on_the_virtual_clock() -> None:
    open_ = boot("virtual", ("kernel", 0, 50, "work"))
    assert [look.split()[0] for look in further_looks(open_)] == ["--sample"]
    seen = boot("virtual", ("kernel", 0, 50, "work"), samples=(ResolvedSample(1, "memcpy"),))
    assert further_looks(seen) == ()


def test_a_log_lacks_initcalls_or_units() -> None:
    log = boot("guest", ("kernel", 0, 50, "frame"), (AFTER_INIT, 50, 100, "frame"))
    first, second = further_looks(log)
    assert first.startswith("the log has no initcalls: boot with initcall_debug log_buf_len=8M")
    assert second.startswith("if PID 1 is systemd, add its units with --units")
    told = boot("guest", ("kernel.initcall.a", 0, 50, "work"), ("kernel", 50, 100, "frame"))
    assert further_looks(told) == ()
