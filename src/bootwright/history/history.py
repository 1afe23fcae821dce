"""The file of the history. Every call opens it, runs one transaction, and closes it.

Any number of processes can use it at once: one writes while the others wait. If a process is
killed, only its uncommitted changes are lost.

Source: sqlite.org/wal.html; sqlite.org/atomiccommit.html.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from bootwright.errors import BootwrightError, FormatError, HostError, NotFoundError
from bootwright.history import schema
from bootwright.history.boot import EVERY, Boot, BootFilter, BootSummary, ListedBoot, StoredBoot
from bootwright.history.schema import STEPS, Step
from bootwright.host import mounts
from bootwright.host.fingerprint import Fingerprint
from bootwright.timelines.evidence import VERSION, Evidence

_BUSY_TIMEOUT_MS = 5000
"""How long to wait for another process to release the file."""
_ZLIB_LEVEL = 6
_MIN_DIGITS = 8
"""The shortest accepted prefix of a digest."""
_SUMMARY = BootSummary.__struct_fields__
_ROW = ListedBoot.__struct_fields__
_TABLES = ("boots", "measurements")
_IDS_PER_STATEMENT = 500
"""SQLite's limit is 32766, and was 999."""


class History:
    """All stored boots.

    Args:
        path: The file. It is created when the first boot is added.
        steps: The migrations that create its tables; tests pass others.
    """

    def __init__(self, path: Path, *, steps: Sequence[Step] = STEPS) -> None:
        self.path = path
        self._steps = steps

    def add(self, boot: Boot) -> int:
        """Store a boot atomically, and return its id.

        Raises:
            HostError: the file cannot be written, or another process holds it for too long.
            FormatError: the file is damaged, or of another program or a newer bootwright.
        """
        values = {name: getattr(boot.summary, name) for name in _SUMMARY}
        values["stretches"] = msgspec.json.encode(boot.summary.stretches).decode()
        details = (
            msgspec.json.encode(boot.evidence.recipe).decode(),
            msgspec.json.encode(boot.host).decode(),
            zlib.compress(msgspec.json.encode(boot.evidence), _ZLIB_LEVEL),
        )
        names = ", ".join(_SUMMARY)
        placeholders = ", ".join(f":{name}" for name in _SUMMARY)
        with self.writing() as connection:
            boot_id = next_id(connection)
            connection.execute(
                f"INSERT INTO boots (id, {names}) VALUES (:id, {placeholders})",
                {"id": boot_id, **values},
            )
            connection.execute(
                "INSERT INTO details (boot, recipe, host, evidence) VALUES (?, ?, ?, ?)",
                (boot_id, *details),
            )
        return boot_id

    def find(self, wanted: BootFilter = EVERY) -> list[ListedBoot]:
        """Return the matching boots, the newest first; raises the errors of `add`."""
        where, values = _conditions(wanted)
        limit = -1 if wanted.limit is None else wanted.limit
        with self.reading() as connection:
            if connection is None:
                return []
            rows = connection.execute(
                f"SELECT {', '.join(_ROW)} FROM boots WHERE {where} "
                "ORDER BY id DESC LIMIT ? OFFSET ?",
                (*values, limit, wanted.skip),
            ).fetchall()
        return [self._row(row) for row in rows]

    def has_boot(self, boot_id: int) -> bool:
        """Say whether there is a boot with this id; raises the errors of `add`."""
        with self.reading() as connection:
            return connection is not None and _is_in(connection, _TABLES[0], boot_id)

    def count(self) -> int:
        """Return the number of boots; changes nothing. Raises the errors of `add`."""
        with self.reading(bring_up=False) as connection:
            if connection is None or schema.check(connection, self._steps) == 0:
                return 0
            [(count,)] = connection.execute("SELECT count(*) FROM boots")
        return int(count)

    def load(self, boot_id: int) -> StoredBoot:
        """Return one boot with its evidence.

        Raises:
            NotFoundError: there is no boot with this id.
            FormatError: the stored boot is damaged, or of a newer bootwright; see also `add`.
        """
        with self.reading() as connection:
            if connection is None:
                raise _not_found([boot_id])
            found = connection.execute(
                f"SELECT {', '.join(_ROW)}, recipe, host, evidence FROM boots "
                "JOIN details ON details.boot = boots.id WHERE id = ?",
                (boot_id,),
            ).fetchone()
            if found is None:
                raise _not_found([boot_id], is_measurement=_is_in(connection, _TABLES[1], boot_id))
        *row, recipe, host, evidence = found
        try:
            stored = StoredBoot(
                row=self._row(tuple(row)),
                recipe=msgspec.json.decode(recipe, type=dict[str, object]),
                host=msgspec.json.decode(host, type=Fingerprint),
                evidence=msgspec.json.decode(zlib.decompress(evidence), type=Evidence),
            )
        except (zlib.error, ValueError, TypeError) as error:
            raise FormatError(
                f"boot {boot_id} in {self.path} is damaged: {error}",
                hint=f"to remove it: bootwright history rm {boot_id}",
            ) from error
        if stored.evidence.version > VERSION:
            raise FormatError(
                f"boot {boot_id} has evidence of version {stored.evidence.version}; this "
                f"bootwright supports up to {VERSION}",
                hint=f"use bootwright {stored.row.bootwright} or a later one",
            )
        return stored

    def remove(self, ids: Iterable[int], *, missing_ok: bool = False) -> None:
        """Remove boots, all of them or none, and free their disk space.

        Raises:
            NotFoundError: an id is unknown, unless *missing_ok*; see also `add`.
        """
        wanted = sorted(set(ids))
        if not self.path.exists():
            if wanted and not missing_ok:
                raise _not_found(wanted)
            return
        with self.writing() as connection:
            if not missing_ok and (missing := set(wanted) - self._present(connection, wanted)):
                raise _not_found(sorted(missing), are_several=len(wanted) > 1)
            connection.executemany("DELETE FROM boots WHERE id = ?", ((one,) for one in wanted))

    def used_bytes(self) -> int:
        """Return the disk space of the file and of SQLite's files beside it, in bytes."""
        used = 0
        for suffix in ("", "-wal", "-shm", "-journal"):
            try:
                used += os.stat(f"{self.path}{suffix}").st_blocks * 512
            except FileNotFoundError:
                continue
        return used

    def _present(self, connection: sqlite3.Connection, ids: list[int]) -> set[int]:
        found: set[int] = set()
        for start in range(0, len(ids), _IDS_PER_STATEMENT):
            some = ids[start : start + _IDS_PER_STATEMENT]
            placeholders = ", ".join("?" * len(some))
            rows = connection.execute(f"SELECT id FROM boots WHERE id IN ({placeholders})", some)
            found.update(boot_id for (boot_id,) in rows)
        return found

    def _row(self, values: tuple[Any, ...]) -> ListedBoot:
        known = dict(zip(_ROW, values, strict=True))
        try:
            known["stretches"] = msgspec.json.decode(known["stretches"])
            return msgspec.convert(known, ListedBoot)
        except (ValueError, TypeError) as error:
            raise FormatError(
                f"boot {known['id']} in {self.path} is damaged: {error}",
                hint=f"to remove it: bootwright history rm {known['id']}",
            ) from error

    # The file

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Open a connection and a transaction, which is committed at the end of the block."""
        with self._translated_errors():
            _make_file(self.path)
            with closing(self._connect()) as connection:
                schema.bring_up(connection, self._steps)
                if not mounts.is_network(mounts.kind(self.path.parent)):
                    _write_ahead(connection)
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise

    @contextmanager
    def reading(self, *, bring_up: bool = True) -> Iterator[sqlite3.Connection | None]:
        """Open a connection for reading; None if there is no file yet."""
        if not self.path.exists():
            yield None
            return
        with self._translated_errors(), closing(self._connect()) as connection:
            if bring_up:
                schema.bring_up(connection, self._steps)
            yield connection

    def _connect(self) -> sqlite3.Connection:
        """Open the file; in a read-only folder, without writing.

        Source: sqlite.org/wal.html, Read-Only Databases: without a -wal file and without a
        place to make one, only an immutable database can be opened.
        """
        mode = "rw"
        if not os.access(self.path.parent, os.W_OK) or not os.access(self.path, os.W_OK):
            has_log = Path(f"{self.path}-wal").exists()
            mode = "ro" if has_log else "ro&immutable=1"
        address = f"{self.path.absolute().as_uri()}?mode={mode}"
        # Autocommit: transactions are explicit.
        connection = sqlite3.connect(address, uri=True, isolation_level=None)
        try:
            for setting in (
                f"busy_timeout = {_BUSY_TIMEOUT_MS}",
                "foreign_keys = ON",
                # With a write-ahead log, commits survive a crash of the process. They reach the
                # disk when the last process closes the file, usually this one.
                "synchronous = NORMAL",
            ):
                connection.execute(f"PRAGMA {setting}")
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """Translate SQLite's errors into bootwright's, and name the file in all of them."""
        try:
            yield
        except sqlite3.Error as error:
            self._raise(error)
        except UnicodeDecodeError as error:
            # In a damaged file, even the text that SQLite quotes may be invalid.
            raise FormatError(
                f"the history {self.path} is damaged: {error}", hint=self._move_away_hint()
            ) from error
        except NotFoundError:
            raise
        except OSError as error:
            raise HostError(
                f"cannot use the history {self.path}: {error.strerror}", hint=_ELSEWHERE
            ) from error
        except FormatError as error:
            hint = "; ".join(filter(None, (error.hint, self._move_away_hint())))
            raise FormatError(f"cannot use the history {self.path}: {error}", hint=hint) from error

    def _raise(self, error: sqlite3.Error) -> NoReturn:
        """Raise the bootwright error for *error*.

        Source: sqlite.org/rescode.html; the low byte is the primary result code.
        """
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        translated: BootwrightError
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            translated = HostError(
                f"another process has locked the history {self.path} for more than "
                f"{_BUSY_TIMEOUT_MS // 1000} s",
                hint=f"to see which: fuser {shlex.quote(str(self.path))}",
            )
        elif code == sqlite3.SQLITE_FULL:
            translated = HostError(
                f"the disk of the history {self.path} is full",
                hint="free some space (bootwright prune; bootwright history prune --keep 1000)",
            )
        elif code in _HOST_CODES:
            translated = HostError(f"cannot use the history {self.path}: {error}", hint=_ELSEWHERE)
        else:
            # Includes SQLITE_ERROR: the statements fit the tables of this version.
            translated = FormatError(
                f"the history {self.path} is damaged: {error}", hint=self._move_away_hint()
            )
        raise translated from error

    def _move_away_hint(self) -> str:
        path = shlex.quote(str(self.path))
        return f"to start a new one: mv {path} {path}.aside"


_ELSEWHERE = "make its folder writable, or set BOOTWRIGHT_HOME to another folder"
_HOST_CODES = (
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOLFS,
    sqlite3.SQLITE_PROTOCOL,
)


def _make_file(path: Path) -> None:
    """Create an empty file that only its owner can read; SQLite's files inherit its mode."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Let others read during a write, permanently for this file.

    While others have the file open it stays as it is, which is as safe; a later boot changes it.
    Not for network filesystems, where hosts share no memory.
    """
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise


def _conditions(wanted: BootFilter) -> tuple[str, list[object]]:
    """Return the expression for WHERE, and its values."""
    terms, values = ["1"], list[object]()
    for column, word in (("image", wanted.image), ("kernel", wanted.kernel)):
        if word is None:
            continue
        terms.append(f"({column} = ? OR {column}_digest = ? OR {column}_digest GLOB ?)")
        digits = word.removeprefix("sha256-")
        start = digits if len(digits) >= _MIN_DIGITS and digits.isalnum() else "no such digest"
        values += [word, word, f"sha256-{start}*"]
    for term, value in (
        ("init = ?", wanted.init),
        ("clock = ?", wanted.clock),
        ("began_s >= ?", wanted.since_s),
        ("began_s < ?", wanted.before_s),
    ):
        if value is not None:
            terms.append(term)
            values.append(value)
    return " AND ".join(terms), values


def next_id(connection: sqlite3.Connection) -> int:
    """Return the next ID. Boots and measurements have one series: no two are called alike.

    Source: sqlite.org/autoinc.html, the sqlite_sequence table.
    """
    marks = ", ".join("?" * len(_TABLES))
    [(last,)] = connection.execute(
        f"SELECT max(seq) FROM sqlite_sequence WHERE name IN ({marks})", _TABLES
    )
    return (last or 0) + 1


def _is_in(connection: sqlite3.Connection, table: str, number: int) -> bool:
    exists = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    row = exists and connection.execute(f"SELECT 1 FROM {table} WHERE id = ?", (number,)).fetchone()
    return row is not None


def _not_found(
    ids: list[int], *, is_measurement: bool = False, are_several: bool = False
) -> NotFoundError:
    words = ", ".join(map(str, ids))
    if is_measurement:
        return NotFoundError(
            f"{words} is a measurement, not a boot",
            hint="bootwright history trend shows measurements",
        )
    message = f"the history has no boot {words}"
    if are_several:
        message += "; nothing was done"
    return NotFoundError(message, hint="to list boots: bootwright history")
