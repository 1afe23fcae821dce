"""The tables of the history, and the migrations of older files.

A released step is never edited: another is appended. The file stores how many steps it has had
(``PRAGMA user_version``).

Source: sqlite.org/pragma.html, user_version, application_id; sqlite.org/autoinc.html: with
AUTOINCREMENT no id is reused.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from bootwright import __version__
from bootwright.errors import FormatError

Step = Callable[[sqlite3.Connection], None]

APPLICATION_ID = 0x62577274
"""``bWrt``: identifies bootwright's files."""


def _first(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    # Listed values have their own table, so that listing reads no evidence.
    connection.execute("""
        CREATE TABLE boots (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            began_s INTEGER NOT NULL,
            command TEXT NOT NULL,
            image TEXT NOT NULL,
            kernel TEXT NOT NULL,
            image_digest TEXT NOT NULL,
            kernel_digest TEXT NOT NULL,
            recipe_digest TEXT NOT NULL,
            init TEXT NOT NULL,
            clock TEXT NOT NULL,
            accelerator TEXT NOT NULL,
            seed INTEGER,
            vmm_build TEXT NOT NULL,
            bootwright TEXT NOT NULL,
            total_ns INTEGER,
            start_up_ns INTEGER,
            unaccounted_ns INTEGER,
            stretches TEXT NOT NULL -- JSON
        )""")
    connection.execute("""
        CREATE TABLE details (
            boot INTEGER PRIMARY KEY REFERENCES boots (id) ON DELETE CASCADE,
            recipe TEXT NOT NULL, -- JSON
            host TEXT NOT NULL, -- JSON
            evidence BLOB NOT NULL -- JSON, compressed by zlib
        )""")


def _measurements(connection: sqlite3.Connection) -> None:
    # A comparison has two sides, A and B; a measurement one, A.
    connection.execute("""
        CREATE TABLE measurements (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            began_s INTEGER NOT NULL,
            command TEXT NOT NULL,
            clock TEXT NOT NULL,
            plan TEXT NOT NULL, -- JSON
            host TEXT NOT NULL, -- JSON
            bootwright TEXT NOT NULL
        )""")
    connection.execute("""
        CREATE TABLE sides (
            measurement INTEGER NOT NULL REFERENCES measurements (id) ON DELETE CASCADE,
            side TEXT NOT NULL,
            title TEXT NOT NULL, -- an image or a recipe file, as the user gave it
            image_digest TEXT NOT NULL,
            kernel_digest TEXT NOT NULL,
            recipe TEXT NOT NULL, -- JSON
            changes TEXT NOT NULL, -- JSON
            PRIMARY KEY (measurement, side)
        )""")
    connection.execute("""
        CREATE TABLE samples (
            measurement INTEGER NOT NULL REFERENCES measurements (id) ON DELETE CASCADE,
            side TEXT NOT NULL,
            number INTEGER NOT NULL, -- from 0; those of two sides with one number are a pair
            seed INTEGER,
            began_s REAL NOT NULL,
            total_ns INTEGER, -- NULL: the boot failed
            phases TEXT NOT NULL, -- JSON
            failure TEXT NOT NULL,
            PRIMARY KEY (measurement, side, number)
        )""")


def _machine_types(connection: sqlite3.Connection) -> None:
    # The machine type was called `machine` in recipes, which elsewhere is a VM.
    for table in ("details", "sides"):
        connection.execute(f"""
            UPDATE {table} SET recipe = json_remove(
                json_set(recipe, '$.machine_type', json_extract(recipe, '$.machine')), '$.machine'
            ) WHERE json_valid(recipe) AND json_type(recipe, '$.machine') IS NOT NULL""")


STEPS: tuple[Step, ...] = (_first, _measurements, _machine_types)


def bring_up(connection: sqlite3.Connection, steps: Sequence[Step] = STEPS) -> None:
    """Run the missing steps in one transaction: a crash leaves the file unchanged.

    Args:
        connection: In autocommit mode.

    Raises:
        FormatError: the file is of a newer bootwright or of another program.
    """
    version = check(connection, steps)
    if version == len(steps):
        return
    if not version:
        # Removed boots free their space. It must be set before there are tables, and not at
        # every opening: it writes. Source: sqlite.org/pragma.html, auto_vacuum.
        connection.execute("PRAGMA auto_vacuum = FULL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have run them.
        for step in steps[check(connection, steps) :]:
            step(connection)
        connection.execute(f"PRAGMA user_version = {len(steps)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def check(connection: sqlite3.Connection, steps: Sequence[Step] = STEPS) -> int:
    """Return how many steps the file has had; 0 if it is empty.

    Raises:
        FormatError: the file is of a newer bootwright or of another program.
    """
    [(version,)] = connection.execute("PRAGMA user_version")
    [(application,)] = connection.execute("PRAGMA application_id")
    [(objects,)] = connection.execute("SELECT count(*) FROM sqlite_master")
    if application != APPLICATION_ID and (objects or version):
        raise FormatError("it is a database of another program")
    if version > len(steps):
        raise FormatError(
            f"it has version {version}, but bootwright {__version__} supports up to {len(steps)}",
            hint="use the bootwright that wrote it, or a later one",
        )
    return int(version)
