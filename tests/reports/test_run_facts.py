"""Facts on pages."""

from __future__ import annotations

from bootwright.reports.run_facts import of_both


def test_of_both_names_a_fact_once_where_it_is_the_same() -> None:
    found = of_both({"kernel": "6.1", "init": "tini"}, {"kernel": "6.2", "init": "tini", "x": "1"})
    assert found == {"kernel": "6.1 → 6.2", "init": "tini", "x": "not known → 1"}
