"""Two kernels as a page."""

from __future__ import annotations

from tests.reports.html import assert_is_whole
from tests.reports.pages import KERNEL, two_kernels, two_kernels_unwatched


def test_page_answers_first_then_says_why() -> None:
    whole = two_kernels()
    seen = assert_is_whole(whole)
    assert "<strong>\N{MINUS SIGN}100.0 ms</strong> <span>B is faster by 100.0 ms" in whole
    assert whole.index("B against A") < whole.index("<h2>Why") < whole.index("Both on one scale")
    assert "a_very_slow_initcall\n\N{MINUS SIGN}40.0 ms\nonly A has it" in seen.labels
    assert seen.facts["kernel"] == KERNEL
    assert seen.facts["files of B"] == "vmlinux 20.0 MiB"
    assert {"date", "host", "n", "clock"} <= seen.facts.keys()


def test_page_without_watched_boots_has_each_guest() -> None:
    whole = two_kernels_unwatched()
    seen = assert_is_whole(whole)
    assert whole.index("The tiny guest: B against A") < whole.index("The image: B against A")
    assert "Both on one scale" not in whole
    assert seen.facts["kernel"] == KERNEL
