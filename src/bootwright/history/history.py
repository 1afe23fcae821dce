"""The history's file. Every call opens it, does its work in one transaction, and closes it.

Any number of processes may do so at once: one writes, the others wait for it. What a killed process
had not committed is not there afterwards, and all else is.

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

_PATIENCE_MS = 5000
"""How long another process may hold the file."""
_LEVEL = 6
"""Of zlib."""
_DIGITS = 8
"""With so many a word can be the beginning of a digest."""
_SUMMARY = BootSummary.__struct_fields__
_ROW = ListedBoot.__struct_fields__
_AT_ONCE = 500
"""Ids in one statement; SQLite's limit is 32766, and was 999."""


class History:
    """Every boot that was stored.

    Args:
        path: The file. It is made when a boot is first added.
        steps: What makes its tables; tests give others.
    """

    def __init__(self, path: Path, *, steps: Sequence[Step] = STEPS) -> None:
        self.path = path
        self._steps = steps

    def add(self, boot: Boot) -> int:
        """Store a boot, all of it or nothing, and return its id.

        Raises:
            HostError: the file cannot be written, or another process holds it for too long.
            FormatError: the file is damaged, another program's, or a newer bootwright's.
        """
        values = {name: getattr(boot.summary, name) for name in _SUMMARY}
        values["stretches"] = msgspec.json.encode(boot.summary.stretches).decode()
        details = (
            msgspec.json.encode(boot.evidence.recipe).decode(),
            msgspec.json.encode(boot.host).decode(),
            zlib.compress(msgspec.json.encode(boot.evidence), _LEVEL),
        )
        names = ", ".join(_SUMMARY)
        marks = ", ".join(f":{name}" for name in _SUMMARY)
        with self.writing() as connection:
            done = connection.execute(f"INSERT INTO boots ({names}) VALUES ({marks})", values)
            assert done.lastrowid is not None
            connection.execute(
                "INSERT INTO details (boot, recipe, host, evidence) VALUES (?, ?, ?, ?)",
                (done.lastrowid, *details),
            )
        return done.lastrowid

    def find(self, wanted: BootFilter = EVERY) -> list[ListedBoot]:
        """Return the boots that are wanted, the newest first; see `add` for what is raised."""
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

    def count(self) -> int:
        """Return how many boots there are, changing nothing; see `add` for what is raised."""
        with self.reading(bring_up=False) as connection:
            if connection is None or schema.check(connection, self._steps) == 0:
                return 0
            [(count,)] = connection.execute("SELECT count(*) FROM boots")
        return int(count)

    def load(self, boot_id: int) -> StoredBoot:
        """Return one boot with its evidence.

        Raises:
            NotFoundError: there is none with this id.
            FormatError: what is stored of it is damaged, or a newer bootwright's; see also `add`.
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
            raise _not_found([boot_id])
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
                hint=f"bootwright history rm {boot_id} removes it",
            ) from error
        if stored.evidence.version > VERSION:
            raise FormatError(
                f"boot {boot_id} has evidence of version {stored.evidence.version}, and this "
                f"bootwright knows up to {VERSION}",
                hint=f"use bootwright {stored.row.bootwright} or a later one",
            )
        return stored

    def remove(self, ids: Iterable[int], *, missing_ok: bool = False) -> None:
        """Remove boots, all of them or none; their room goes back to the disk.

        Raises:
            NotFoundError: there is none with one of the ids, unless *missing_ok*; see also `add`.
        """
        wanted = sorted(set(ids))
        if not self.path.exists():
            if wanted and not missing_ok:
                raise _not_found(wanted)
            return
        with self.writing() as connection:
            if not missing_ok and (missing := set(wanted) - self._present(connection, wanted)):
                raise _not_found(sorted(missing))
            connection.executemany("DELETE FROM boots WHERE id = ?", ((one,) for one in wanted))

    def used_bytes(self) -> int:
        """Return the space that the file, and SQLite's own beside it, take on the disk."""
        used = 0
        for suffix in ("", "-wal", "-shm", "-journal"):
            try:
                used += os.stat(f"{self.path}{suffix}").st_blocks * 512
            except FileNotFoundError:
                continue
        return used

    def _present(self, connection: sqlite3.Connection, ids: list[int]) -> set[int]:
        found: set[int] = set()
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            holes = ", ".join("?" * len(some))
            rows = connection.execute(f"SELECT id FROM boots WHERE id IN ({holes})", some)
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
                hint=f"bootwright history rm {known['id']} removes it",
            ) from error

    # The file

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give a connection in a transaction, which the end of the block commits."""
        with self._told():
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
        """Give a connection to read from; None where there is no file yet."""
        if not self.path.exists():
            yield None
            return
        with self._told(), closing(self._connect()) as connection:
            if bring_up:
                schema.bring_up(connection, self._steps)
            yield connection

    def _connect(self) -> sqlite3.Connection:
        """Open the file; in a folder that cannot be written, as it lies there.

        Source: sqlite.org/wal.html, Read-Only Databases: without a -wal file and without a
        place to make one, only an immutable database can be opened.
        """
        mode = "rw"
        if not os.access(self.path.parent, os.W_OK) or not os.access(self.path, os.W_OK):
            has_log = Path(f"{self.path}-wal").exists()
            mode = "ro" if has_log else "ro&immutable=1"
        address = f"{self.path.absolute().as_uri()}?mode={mode}"
        # Autocommit: transactions begin where we say so.
        connection = sqlite3.connect(address, uri=True, isolation_level=None)
        try:
            for setting in (
                f"busy_timeout = {_PATIENCE_MS}",
                "foreign_keys = ON",
                # With a write-ahead log what was committed outlives every process. It reaches the
                # disk when the last who has the file open closes it, which most often are we.
                "synchronous = NORMAL",
            ):
                connection.execute(f"PRAGMA {setting}")
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn SQLite's errors into ours, and say in all which file it is."""
        try:
            yield
        except sqlite3.Error as error:
            self._raise(error)
        except UnicodeDecodeError as error:
            # Of a damaged file even the words that SQLite quotes from it can be.
            raise FormatError(
                f"the history {self.path} is damaged: {error}", hint=self._aside()
            ) from error
        except NotFoundError:
            raise
        except OSError as error:
            raise HostError(
                f"the history {self.path} cannot be used: {error.strerror}", hint=_ELSEWHERE
            ) from error
        except FormatError as error:
            hint = "; ".join(filter(None, (error.hint, self._aside())))
            raise FormatError(
                f"the history {self.path} cannot be used: {error}", hint=hint
            ) from error

    def _raise(self, error: sqlite3.Error) -> NoReturn:
        """Raise what *error* means to whoever has this file.

        Source: sqlite.org/rescode.html; the low byte is the primary result code.
        """
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        told: BootwrightError
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            told = HostError(
                f"the history {self.path} is held by another process for more than "
                f"{_PATIENCE_MS // 1000} s",
                hint=f"fuser {shlex.quote(str(self.path))} says which",
            )
        elif code == sqlite3.SQLITE_FULL:
            told = HostError(
                f"the disk of the history {self.path} is full",
                hint="free some space (bootwright prune; bootwright history prune --keep 1000)",
            )
        elif code in _HOST_CODES:
            told = HostError(f"the history {self.path} cannot be used: {error}", hint=_ELSEWHERE)
        else:
            # Also what SQLite calls a plain error: our statements fit the tables of this version.
            told = FormatError(f"the history {self.path} is damaged: {error}", hint=self._aside())
        raise told from error

    def _aside(self) -> str:
        path = shlex.quote(str(self.path))
        return f"mv {path} {path}.aside moves it away, and the next boot begins a new one"


_ELSEWHERE = "its folder must be yours to write to; BOOTWRIGHT_HOME names another"
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
    """Make an empty file that only its owner reads; SQLite's own beside it will be like it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Let readers read while one writes; the file remembers it.

    Where others have the file open just now it stays as it is, which is as safe: a later boot
    does it. It is not for network filesystems, where hosts share no memory.
    """
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise


def _conditions(wanted: BootFilter) -> tuple[str, list[object]]:
    """Return what stands behind WHERE, and its values."""
    terms, values = ["1"], list[object]()
    for column, word in (("image", wanted.image), ("kernel", wanted.kernel)):
        if word is None:
            continue
        terms.append(f"({column} = ? OR {column}_digest = ? OR {column}_digest GLOB ?)")
        digits = word.removeprefix("sha256-")
        start = digits if len(digits) >= _DIGITS and digits.isalnum() else "no such digest"
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


def _not_found(ids: list[int]) -> NotFoundError:
    words = ", ".join(map(str, ids))
    return NotFoundError(
        f"the history has no boot {words}", hint="bootwright history lists those it has"
    )
