"""Migrations: an old file is upgraded completely or not at all; a newer one is unchanged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from bootwright import __version__
from bootwright.errors import FormatError
from bootwright.history import measurements
from bootwright.history.history import History
from bootwright.history.measurement import Measurement, MeasurementPlan, Side
from bootwright.history.schema import APPLICATION_ID, STEPS, Step
from bootwright.timelines.evidence import Evidence
from tests.history.samples import HOST, boot, filled

_AS_RELEASED = Path(__file__).parent / "v1.sql"
"""What the first step makes, and a boot in it; see sqlite3.Connection.iterdump."""


def _note(connection: sqlite3.Connection) -> None:
    """Stand for a step of a later version."""
    connection.execute("ALTER TABLE boots ADD COLUMN note TEXT NOT NULL DEFAULT 'none'")


def _fail(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE half_made (x)")
    raise RuntimeError("in the middle of a step")


def _version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        [(version,)] = connection.execute("PRAGMA user_version")
    return int(version)


def _later(path: Path, *steps: Step) -> History:
    later: Sequence[Step] = (*STEPS, *steps)
    return History(path, steps=later)


def test_schema_new_file_has_every_step(tmp_path: Path) -> None:
    history = filled(tmp_path / "h.sqlite3", boot())
    assert _version(history.path) == len(STEPS)
    with closing(sqlite3.connect(history.path)) as connection:
        [(application,)] = connection.execute("PRAGMA application_id")
    assert application == APPLICATION_ID


@pytest.mark.parametrize("use", ["find", "load", "add", "remove"])
def test_schema_old_file_is_upgraded_on_first_use(use: str, tmp_path: Path) -> None:
    path = filled(tmp_path / "h.sqlite3", boot(), boot()).path
    later = _later(path, _note)
    uses: dict[str, Callable[[], object]] = {
        "find": later.find,
        "load": lambda: later.load(1),
        "add": lambda: later.add(boot()),
        "remove": lambda: later.remove([1]),
    }
    uses[use]()
    assert _version(path) == len(STEPS) + 1
    with closing(sqlite3.connect(path)) as connection:
        assert ("none",) in connection.execute("SELECT note FROM boots").fetchall()
    assert later.load(2).evidence == boot().evidence


def test_schema_count_does_not_upgrade(tmp_path: Path) -> None:
    path = filled(tmp_path / "h.sqlite3", boot()).path
    assert _later(path, _note).count() == 1
    assert _version(path) == len(STEPS)


def test_schema_failed_step_leaves_the_file_unchanged(tmp_path: Path) -> None:
    path = filled(tmp_path / "h.sqlite3", boot()).path
    with pytest.raises(RuntimeError):
        _later(path, _note, _fail).find()
    assert _version(path) == len(STEPS)
    assert len(History(path).find()) == 1
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
        columns = [row[1] for row in connection.execute("PRAGMA table_info(boots)")]
    assert ("half_made",) not in tables
    assert "note" not in columns


def test_schema_newer_file_is_refused_with_both_versions(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite3"
    _later(path, _note, _note_nothing).add(boot())
    before = path.read_bytes()
    history = History(path)
    for use in (history.find, history.count, lambda: history.add(boot())):
        with pytest.raises(FormatError) as caught:
            use()
        assert str(caught.value) == (
            f"cannot use the history {path}: it has version {len(STEPS) + 2}, "
            f"but bootwright {__version__} supports up to {len(STEPS)}"
        )
        assert caught.value.hint == (
            "use the bootwright that wrote it, or a later one; "
            f"to start a new one: mv {path} {path}.aside"
        )
    assert path.read_bytes() == before


def _note_nothing(connection: sqlite3.Connection) -> None:
    pass


def test_schema_version_1_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(_AS_RELEASED.read_text())
    history = History(path)
    stored = history.load(1)
    # A recipe of then lacks what recipes have today.
    later = ("vmm_options", "kernel_file", "nested")
    recipe = {k: v for k, v in boot().evidence.recipe.items() if k not in later}
    assert stored.recipe == recipe
    # The evidence is as it was, with the names that marks had then.
    recipe["machine"] = recipe.pop("machine_type")
    text = msgspec.json.encode(structs.replace(boot().evidence, recipe=recipe))
    assert stored.evidence == msgspec.json.decode(
        text.replace(b'"initramfs.', b'"seed.'), type=Evidence
    )
    assert stored.row.image == "web"
    assert history.add(boot()) == 2


def test_the_recipes_of_old_measurements_have_a_machine_type(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite3"
    recipe = dict(boot().evidence.recipe)
    old = {"machine": recipe.pop("machine_type"), **recipe}
    measurement = Measurement(
        began_s=1,
        command="measure",
        clock="wall",
        plan=MeasurementPlan(looks=(3,), timeout_s=9),
        sides={"A": Side(title="web", recipe=old)},
        host=HOST,
        bootwright="0.1.0",
    )
    measurements.begin(History(path, steps=STEPS[:2]), measurement)
    [found] = measurements.find(History(path))
    assert found.sides["A"].recipe == boot().evidence.recipe
