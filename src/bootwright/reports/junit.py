"""Budgets as a JUnit file, which every CI system shows: a suite for each boot, a case for a limit.

Source: github.com/testmoapp/junitxml, which describes what CI systems read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from bootwright.experiments.results import BootCheck, CheckResult, LimitCheck
from bootwright.reports.budget import difference_ns, limit, reasons, verdict
from bootwright.reports.measurement import host_line, ms


def junit(result: CheckResult) -> bytes:
    """Return the file."""
    root = Element("testsuites", name="bootwright check")
    for boot in result.boots:
        root.append(_suite(boot))
    for key in ("tests", "failures"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    indent(root)
    body: bytes = tostring(root, encoding="utf-8")
    return b"<?xml version='1.0' encoding='utf-8'?>\n" + body + b"\n"


def _suite(boot: BootCheck) -> Element:
    suite = Element("testsuite", name=_plain(boot.name))
    suite.append(_all_boots(boot))
    for row in boot.rows:
        suite.append(_case(boot, row))
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(sum(case.find("failure") is not None for case in suite)))
    SubElement(suite, "system-out").text = _plain("\n".join((*reasons(boot), host_line(boot))))
    return suite


def _all_boots(boot: BootCheck) -> Element:
    """Return the case that fails where a boot failed."""
    case = Element("testcase", classname=_plain(boot.name), name="every boot succeeds")
    if boot.boots < boot.wanted:
        lines = [f"boot {one.boot}: {one.reason}" for one in boot.failed]
        message = f"{boot.boots} of {boot.wanted} boots succeeded"
        _failure(case, message, lines)
    return case


def _case(boot: BootCheck, row: LimitCheck) -> Element:
    name = f"{row.phase}: {row.kind}"
    case = Element("testcase", classname=_plain(boot.name), name=_plain(name))
    off_ns, median = difference_ns(row), ""
    if row.median_ns is not None and off_ns is not None:
        case.set("time", f"{row.median_ns / 1e9:.9f}")
        median = f": {ms(row.median_ns)} ms, by {ms(off_ns)} ms"
    if row.is_over:
        message = f"{row.phase} {verdict(row)} {ms(row.limit_ns)} ms{median}"
        _failure(case, message, [f"limit from {limit(row)}", *_changes(boot)])
    return case


def _changes(boot: BootCheck) -> Iterator[str]:
    yield from (f"since the baseline: {line}" for line in boot.changed)


def _failure(case: Element, message: str, lines: Iterable[str]) -> None:
    SubElement(case, "failure", message=_plain(message)).text = _plain("\n".join(lines))


def _plain(text: str) -> str:
    """Return a text without what XML 1.0 cannot hold."""
    return "".join(c if c == "\n" or c.isprintable() else "\ufffd" for c in text)
