"""The history's file: what is put in comes out, and what is wrong with it is said."""

from __future__ import annotations

import os
import sqlite3
import stat
import zlib
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootwright.errors import FormatError, HostError, NotFoundError
from bootwright.history.boot import Boot, BootFilter, BootSummary, ListedBoot
from bootwright.history.history import History
from bootwright.host import mounts
from bootwright.timelines.evidence import Evidence, Pass
from tests.history.samples import HOST, SUMMARY, boot, filled


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "state" / "history.sqlite3")


def journal_mode(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        [(mode,)] = connection.execute("PRAGMA journal_mode")
    return str(mode)


def test_history_load_returns_what_add_stored(history: History) -> None:
    given = boot()
    boot_id = history.add(given)
    stored = history.load(boot_id)
    assert stored.evidence == given.evidence
    assert stored.recipe == given.evidence.recipe
    assert stored.host == HOST
    summary = {name: getattr(stored.row, name) for name in BootSummary.__struct_fields__}
    assert BootSummary(**summary) == SUMMARY
    assert history.find() == [stored.row]


def test_history_file_is_private(history: History) -> None:
    history.add(boot())
    assert stat.S_IMODE(history.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(history.path.stat().st_mode) == 0o600
    with closing(sqlite3.connect(history.path)) as reader:
        reader.execute("SELECT * FROM boots").fetchall()  # SQLite's own files are there meanwhile
        history.add(boot())
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in _beside(history)}
    assert modes == dict.fromkeys(modes, 0o600)
    assert len(modes) == 3


def _beside(history: History) -> list[Path]:
    return list(history.path.parent.iterdir())


def test_history_find_creates_no_file(history: History) -> None:
    assert history.find() == []
    assert (history.count(), history.used_bytes()) == (0, 0)
    for look in (lambda: history.load(3), lambda: history.remove([3])):
        with pytest.raises(NotFoundError, match="the history has no boot 3"):
            look()
    assert not history.path.parent.exists()


def test_history_find_is_newest_first_and_ids_are_never_reused(history: History) -> None:
    ids = [history.add(boot()) for _ in range(3)]
    assert [row.id for row in history.find()] == ids[::-1] == [3, 2, 1]
    history.remove([3])
    assert history.add(boot()) == 4


def test_history_remove_is_all_or_nothing(history: History) -> None:
    for _ in range(4):
        history.add(boot())
    with pytest.raises(NotFoundError, match="the history has no boot 7, 9"):
        history.remove([1, 9, 7])
    assert history.count() == 4
    history.remove([3, 9], missing_ok=True)
    history.remove([1, 1])
    assert [row.id for row in history.find()] == [4, 2]
    history.remove([])
    History(history.path.with_name("other")).remove([1], missing_ok=True)
    with closing(sqlite3.connect(history.path)) as connection:
        left = connection.execute("SELECT boot FROM details ORDER BY boot").fetchall()
    assert left == [(2,), (4,)], "what belongs to a boot goes with it"


def test_history_remove_shrinks_the_file(history: History) -> None:
    noise = os.urandom(200_000).hex()
    for _ in range(5):
        history.add(Boot(summary=SUMMARY, evidence=Evidence(clean=Pass(units=noise)), host=HOST))
    full = history.used_bytes()
    history.remove(row.id for row in history.find())
    assert history.used_bytes() < full / 5


_WORDS = st.sampled_from(["", "web", "db", "it's", "w%b"])
_SUMMARIES = st.lists(
    st.builds(
        lambda **changes: msgspec.structs.replace(SUMMARY, **changes),
        image=_WORDS,
        kernel=st.sampled_from(["debian", "mine"]),
        init=st.sampled_from(["systemd", "tini", "none"]),
        clock=st.sampled_from(["wall", "virtual"]),
        began_s=st.integers(0, 5),
        seed=st.none() | st.integers(0, (1 << 63) - 1),
        total_ns=st.none() | st.integers(0, 1 << 60),
    ),
    max_size=8,
)
_FILTERS = st.builds(
    BootFilter,
    image=st.none() | _WORDS,
    kernel=st.none() | st.sampled_from(["debian", "other"]),
    init=st.none() | st.sampled_from(["tini", "bare"]),
    clock=st.none() | st.sampled_from(["wall", "virtual"]),
    since_s=st.none() | st.floats(0, 5),
    before_s=st.none() | st.floats(0, 6),
    skip=st.integers(0, 3),
    limit=st.none() | st.integers(0, 9),
)


def _is_wanted(row: BootSummary, wanted: BootFilter) -> bool:
    return (
        all(
            getattr(wanted, name) in (None, getattr(row, name))
            for name in ("image", "kernel", "init", "clock")
        )
        and (wanted.since_s is None or row.began_s >= wanted.since_s)
        and (wanted.before_s is None or row.began_s < wanted.before_s)
    )


@settings(max_examples=25, deadline=None)
@given(summaries=_SUMMARIES, filters=st.lists(_FILTERS, min_size=5, max_size=5))
def test_history_find_by_each_filter(
    summaries: list[BootSummary],
    filters: list[BootFilter],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("filters") / "history.sqlite3"
    boots = [Boot(summary=one, evidence=Evidence(), host=HOST) for one in summaries]
    history = filled(path, *boots)
    numbered = list(enumerate(summaries, start=1))[::-1]
    for wanted in filters:
        expected = [number for number, row in numbered if _is_wanted(row, wanted)]
        last = None if wanted.limit is None else wanted.skip + wanted.limit
        assert [row.id for row in history.find(wanted)] == expected[wanted.skip : last]


_PASSES = st.builds(Pass, kernel_log=st.text(), units=st.text())


@settings(max_examples=25, deadline=None)
@given(
    told=st.builds(
        Evidence,
        clean=_PASSES,
        instrumented=st.none() | _PASSES,
        recipe=st.dictionaries(st.text(), st.integers(-(1 << 63), (1 << 63) - 1) | st.text()),
    )
)
def test_history_keeps_evidence_to_the_letter(
    told: Evidence, tmp_path_factory: pytest.TempPathFactory
) -> None:
    history = History(tmp_path_factory.mktemp("evidence") / "history.sqlite3")
    boot_id = history.add(Boot(summary=SUMMARY, evidence=told, host=HOST))
    assert history.load(boot_id).evidence == told


def test_history_find_by_image_digest_or_prefix(history: History) -> None:
    history.add(boot())
    digits = "2" * 64
    for word in ("web", f"sha256-{digits}", digits, digits[:8], f"sha256-{digits[:12]}"):
        assert len(history.find(BootFilter(image=word))) == 1, word
    for word in (digits[:7], "22222223", "2222222*", "*"):
        assert history.find(BootFilter(image=word)) == [], word
    assert len(history.find(BootFilter(kernel="1" * 8))) == 1


# What is wrong with the file


def _aside(path: Path) -> str:
    return f"to start a new one: mv {path} {path}.aside"


def _every_use(history: History) -> list[tuple[str, object]]:
    return [
        ("find", history.find),
        ("count", history.count),
        ("add", lambda: history.add(boot())),
        ("load", lambda: history.load(1)),
        ("remove", lambda: history.remove([1])),
    ]


@pytest.mark.parametrize("content", [b"no database at all\n" * 100, b"SQLite format 3\0" * 300])
def test_history_names_a_file_that_is_no_database(content: bytes, history: History) -> None:
    history.path.parent.mkdir()
    history.path.write_bytes(content)
    for name, use in _every_use(history):
        with pytest.raises(FormatError) as caught:
            use()  # type: ignore[operator]
        assert str(caught.value).startswith(f"the history {history.path} is damaged: "), name
        assert caught.value.hint == _aside(history.path)
    assert history.path.read_bytes() == content


@pytest.fixture(scope="module")
def nine_boots(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("nine") / "history.sqlite3"
    return filled(path, *(boot() for _ in range(9))).path.read_bytes()


@settings(max_examples=60, deadline=None)
@given(start=st.integers(0, 40_000), garbage=st.binary(min_size=1, max_size=600))
def test_history_damaged_anywhere_raises_only_bootwright_errors(
    start: int, garbage: bytes, nine_boots: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    history = History(tmp_path_factory.mktemp("damage") / "history.sqlite3")
    content = bytearray(nine_boots)
    content[start : start + len(garbage)] = garbage
    history.path.write_bytes(content)
    foreign = []
    for name, use in _every_use(history):
        try:
            use()  # type: ignore[operator]
        except (FormatError, NotFoundError, HostError):
            continue
        except Exception as error:
            foreign.append((name, error))
    assert foreign == []


def test_history_of_an_empty_file_has_no_boots(history: History) -> None:
    history.path.parent.mkdir()
    history.path.touch()
    assert (history.find(), history.count()) == ([], 0)
    assert history.add(boot()) == 1


def test_history_load_of_one_damaged_boot_leaves_the_others(history: History) -> None:
    for _ in range(3):
        history.add(boot())
    newer = msgspec.json.encode(Evidence(version=99))
    with closing(sqlite3.connect(history.path)) as connection, connection:
        connection.execute("UPDATE details SET evidence = x'00' WHERE boot = 1")
        connection.execute(
            "UPDATE details SET evidence = ? WHERE boot = 2", (zlib.compress(newer),)
        )
        connection.execute("UPDATE boots SET stretches = 'x' WHERE id = 3")
    with pytest.raises(FormatError, match=f"boot 1 in {history.path} is damaged: ") as caught:
        history.load(1)
    assert caught.value.hint == "to remove it: bootwright history rm 1"
    with pytest.raises(
        FormatError,
        match="boot 2 has evidence of version 99; this bootwright supports up to 1",
    ) as caught:
        history.load(2)
    assert caught.value.hint == "use bootwright 0.1.0 or a later one"
    with pytest.raises(FormatError, match=f"boot 3 in {history.path} is damaged: "):
        history.find()
    history.remove([1, 3])
    assert [row.id for row in history.find()] == [2]


def test_history_leaves_another_programs_database_alone(history: History) -> None:
    history.path.parent.mkdir()
    with closing(sqlite3.connect(history.path)) as connection, connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = history.path.read_bytes()
    with pytest.raises(FormatError) as caught:
        history.add(boot())
    assert str(caught.value) == (
        f"cannot use the history {history.path}: it is a database of another program"
    )
    assert caught.value.hint == _aside(history.path)
    assert history.path.read_bytes() == before


def test_history_add_reports_a_database_locked_too_long(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.add(boot())
    monkeypatch.setattr("bootwright.history.history._BUSY_TIMEOUT_MS", 20)
    with closing(sqlite3.connect(history.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(
            HostError, match=r"another process has locked the history .* for more than"
        ) as caught:
            history.add(boot())
        assert caught.value.hint == f"to see which: fuser {history.path}"
        assert len(history.find()) == 1, "one reads while another writes"
    assert history.add(boot()) == 2


def test_history_add_names_a_folder_that_cannot_be_made(history: History) -> None:
    history.path.parent.write_text("a file where the folder should be")
    with pytest.raises(HostError) as caught:
        history.add(boot())
    assert str(caught.value).startswith(f"cannot use the history {history.path}: ")
    assert "BOOTWRIGHT_HOME" in caught.value.hint


def test_history_read_only_is_read_and_not_written(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.add(boot())
    before = sorted(_beside(history))
    # Root may write everywhere, so the answer of a read-only filesystem is put in its place.
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    assert [row.id for row in history.find()] == [1]
    assert history.load(1).row == history.find()[0]
    with pytest.raises(
        HostError, match=r"cannot use the history .*: attempt to write a readonly database"
    ):
        history.add(boot())
    assert sorted(_beside(history)) == before


def test_history_uses_wal_except_on_network_filesystems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = filled(tmp_path / "local.sqlite3", boot())
    assert journal_mode(local.path) == "wal"
    monkeypatch.setattr(mounts, "kind", lambda folder: "nfs4")
    remote = filled(tmp_path / "remote.sqlite3", boot())
    assert journal_mode(remote.path) == "delete"
    assert isinstance(remote.find()[0], ListedBoot)


def test_history_open_elsewhere_switches_to_wal_later(
    history: History,
) -> None:
    history.path.parent.mkdir()
    history.path.touch()
    with closing(sqlite3.connect(history.path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        history.add(boot())
        other.execute("BEGIN")
        other.execute("SELECT * FROM boots").fetchall()
    history.add(boot())
    assert journal_mode(history.path) == "wal"
