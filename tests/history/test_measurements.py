"""Measurements in the history."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.errors import NotFoundError
from bootwright.history import measurements
from bootwright.history.history import History
from tests.experiments import measured
from tests.history.samples import boot


def test_measurements_and_boots_have_one_series_of_ids(tmp_path: Path) -> None:
    history = History(tmp_path / "history.sqlite3")
    one = measured.measurement([100])
    ids = [
        history.add(boot()),
        measurements.begin(history, one).id,
        measurements.begin(history, one).id,
        history.add(boot()),
    ]
    assert ids == [1, 2, 3, 4]
    history.remove([4])
    assert measurements.begin(history, one).id == 5


def test_measurements_and_boots_are_named_where_they_are_mixed_up(tmp_path: Path) -> None:
    history = History(tmp_path / "history.sqlite3")
    history.add(boot())
    measurements.begin(history, measured.measurement([100]))
    with pytest.raises(NotFoundError) as caught:
        history.load(2)
    assert str(caught.value) == "2 is a measurement, not a boot"
    with pytest.raises(NotFoundError) as caught:
        measurements.load(history, 1)
    assert caught.value.hint == "1 is a boot: bootwright history show 1"
    with pytest.raises(NotFoundError) as caught:
        measurements.load(history, 9)
    assert caught.value.hint == "bootwright history trend lists measurements"
