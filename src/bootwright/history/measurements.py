"""Store and load measurements; each sample is stored as soon as its boot ends."""

from __future__ import annotations

import sqlite3

import msgspec
from msgspec import structs

from bootwright.errors import FormatError, NotFoundError
from bootwright.history.history import History, next_id
from bootwright.history.measurement import Measurement, MeasurementPlan, Sample, Side, SideName
from bootwright.host.fingerprint import Fingerprint


def begin(history: History, new: Measurement) -> Measurement:
    """Store a measurement without its samples, and return it with its id.

    Raises:
        HostError, FormatError: as `History.add`.
    """
    with history.writing() as connection:
        measurement_id = next_id(connection)
        facts = (new.began_s, new.command, new.clock, _json(new.plan), _json(new.host))
        connection.execute(
            "INSERT INTO measurements (id, began_s, command, clock, plan, host, bootwright) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (measurement_id, *facts, new.bootwright),
        )
        for name, side in new.sides.items():
            image, kernel = (str(side.recipe.get(key) or "") for key in ("image", "kernel"))
            connection.execute(
                "INSERT INTO sides VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    *(measurement_id, name, side.title, image, kernel),
                    *(_json(side.recipe), _json(side.changes)),
                ),
            )
    return structs.replace(new, id=measurement_id)


def add(history: History, measurement_id: int, sample: Sample) -> None:
    """Store a sample; raises the errors of `begin`."""
    with history.writing() as connection:
        connection.execute(
            "INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(measurement_id, sample.side, sample.number, sample.seed, sample.began_s),
                *(sample.total_ns, _json(sample.phases), sample.failure),
            ),
        )


def load(history: History, measurement_id: int) -> Measurement:
    """Return a measurement with its samples, in the order in which they were taken.

    Raises:
        NotFoundError: there is no measurement with this id.
        HostError, FormatError: as `History.add`.
    """
    for found in find(history, measurement_id):
        return found
    raise NotFoundError(
        f"the history has no measurement {measurement_id}",
        hint=f"{measurement_id} is a boot: bootwright history show {measurement_id}"
        if history.has_boot(measurement_id)
        else "bootwright history trend lists measurements",
    )


def find(history: History, measurement_id: int | None = None) -> list[Measurement]:
    """Return all measurements with their samples, the oldest first, or only the one with the id."""
    with history.reading() as connection:
        if connection is None:
            return []
        where, values = ("", ()) if measurement_id is None else (" WHERE id = ?", (measurement_id,))
        rows = connection.execute(
            "SELECT id, began_s, command, clock, plan, host, bootwright "
            f"FROM measurements{where} ORDER BY id",
            values,
        ).fetchall()
        try:
            return [_measurement(connection, row) for row in rows]
        except (ValueError, TypeError) as error:
            raise FormatError(f"a measurement in it is damaged: {error}") from error


def _measurement(connection: sqlite3.Connection, row: tuple[object, ...]) -> Measurement:
    measurement_id, began_s, command, clock, plan, host, bootwright = row
    sides: dict[SideName, Side] = {}
    for name, title, recipe, changes in connection.execute(
        "SELECT side, title, recipe, changes FROM sides WHERE measurement = ? ORDER BY side",
        (measurement_id,),
    ):
        sides[name] = Side(
            title=title,
            recipe=msgspec.json.decode(recipe),
            changes=msgspec.json.decode(changes, type=tuple[str, ...]),
        )
    samples = [
        Sample(
            side=side,
            number=number,
            seed=seed,
            began_s=sample_began_s,
            phases=msgspec.json.decode(phases, type=dict[str, int]),
            failure=failure,
        )
        for side, number, seed, sample_began_s, phases, failure in connection.execute(
            "SELECT side, number, seed, began_s, phases, failure FROM samples "
            "WHERE measurement = ? ORDER BY rowid",
            (measurement_id,),
        )
    ]
    return Measurement(
        id=int(str(measurement_id)),
        began_s=int(str(began_s)),
        command=command,  # type: ignore[arg-type]
        clock=clock,  # type: ignore[arg-type]
        plan=msgspec.json.decode(str(plan), type=MeasurementPlan),
        sides=sides,
        host=msgspec.json.decode(str(host), type=Fingerprint),
        bootwright=str(bootwright),
        samples=tuple(samples),
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
