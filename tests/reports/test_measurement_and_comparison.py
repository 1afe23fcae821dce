"""Measurements and comparisons as text."""

from __future__ import annotations

from bootwright.experiments import compare, figures
from bootwright.experiments.results import CompareResult
from bootwright.reports import comparison, measurement
from tests.experiments import measured


def measured_text(*lengths: float | None) -> str:
    return measurement.text(figures.result(measured.measurement(lengths), ("the host is busy",)))


def compared(a: list[float | None], b: list[float | None]) -> CompareResult:
    return compare.result(measured.measurement(a, b))


def test_measurement_text_word_by_word() -> None:
    assert (
        measured_text(100, 101, 100, 102, 101, 300, None)
        == """\
phase, ms                 median  spread       min       max  95 % interval of the median
kernel                    100.00   1.000    99.000    299.00  99.000 to 200.00
initramfs                  1.000   0.000     1.000     1.000  1.000 to 1.000
whole                     101.00   1.000    100.00    300.00  100.00 to 201.00
outliers in kernel, kept: boot 6
outliers in whole, kept: boot 6
failed: boot 7 of A: its kernel panicked
warning: the host is busy
web: n = 6, seeds 1 to 6
from when the kernel's clock starts until the guest's command starts
virtual clock: 1 ns per instruction on any host; one seed per boot"""
    )


def test_measurement_text_without_boots_has_no_table() -> None:
    assert measured_text(None).startswith("no boot succeeded\nfailed: boot 1 of A")


def test_comparison_text_word_by_word() -> None:
    text = comparison.text(compared([1000.0] * 10, [900.0] * 10))
    assert (
        text
        == """\
B is faster by 100.0 ms (10%), 95 % interval 100.0 ms to 100.0 ms, p 0.002, 10 pairs
  A: web
  B: web with cmdline+=notests

phase, ms                      A         B     B - A  interval                    p  verdict
kernel                    999.00    899.00   -100.00  -100.00 to -100.00      0.004  faster
initramfs                  1.000     1.000    +0.000  +0.000 to +0.000        1.000  no difference
whole                    1000.00    900.00   -100.00  -100.00 to -100.00      0.002  faster

10 pairs of boots, of one seed; number fixed in advance: 10
A and B: medians; B - A: paired; p: signed-rank test, adjusted over phases (Holm)
from when the kernel's clock starts until the guest's command starts
virtual clock: 1 ns per instruction on any host; one seed per boot"""
    )


def test_comparison_verdict_in_words() -> None:
    assert comparison.verdict(compared([1000] * 8, [1000] * 8)) == (
        "no difference larger than 10.0 ms (B - A: 96 % interval +0.000 to +0.000 ms, 8 pairs)"
    )
    assert comparison.verdict(compared([1000] * 3, [900] * 3)) == (
        "cannot tell yet whether B differs by more than 10.0 ms; "
        "about 6 boots of each may tell (-n 6)"
    )
    assert comparison.verdict(compared([1000], [None])) == (
        "no verdict: 1 of 1 boots of B failed: its kernel panicked"
    )


def test_comparison_text_fits_into_an_issue() -> None:
    long: list[float | None] = [60_000 + n for n in range(10)]
    longer: list[float | None] = [100_000 + 2 * n for n in range(10)]
    text = comparison.text(compared(long, longer))
    assert text.startswith("B is slower by 40.005 s (67%)")
    assert max(map(len, text.splitlines())) <= 100


def test_comparison_text_names_phases_of_one_side_only() -> None:
    found = compared([1000.0] * 8, [900.0] * 8)
    for sample in found.sides["B"].samples:
        sample.phases["PID 1 to sshd"] = 1
    assert "only B has these phases: PID 1 to sshd\n" in comparison.text(found)


def test_measurement_and_comparison_leave_columns_out_where_it_is_narrow() -> None:
    result = figures.result(measured.measurement([100, 101, 102]), ())
    narrow = measurement.text(result, columns=60).splitlines()
    assert narrow[0] == "phase, ms                 median  75 % interval"
    assert narrow[3] == "whole                     101.00  100.00 to 102.00"
    assert measurement.text(result, columns=100) == measurement.text(result)
    pair = compared([1000.0] * 10, [900.0] * 10)
    [*_, whole] = [
        line
        for line in comparison.text(pair, columns=60).splitlines()
        if line.startswith(("phase,", "whole"))
    ]
    assert whole == "whole                     900.00   -100.00  faster"
    [*_, whole] = [
        line for line in comparison.text(pair, columns=80).splitlines() if line.startswith("whole")
    ]
    assert whole == "whole                    1000.00    900.00   -100.00  faster"


def test_comparison_text_says_how_many_pairs_tell_of_a_phase() -> None:
    rows = comparison.text(compared([1000.0] * 6, [900.0] * 6)).splitlines()
    [kernel] = [row for row in rows if row.startswith("kernel")]
    assert kernel.endswith("  cannot tell: 7 pairs may")
