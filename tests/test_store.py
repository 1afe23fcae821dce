"""Things that never change once made: whole or not there, whoever is interrupted."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bootwright.digest import Digest, digest_of_bytes
from bootwright.errors import InputError, NotFoundError
from bootwright.store import Store, check_name

# Stages a thing in the store ARGV[1], says where, waits for a line, adopts it as ARGV[2].
_OTHER_PROCESS = """
import sys
from pathlib import Path
from bootwright.digest import Digest
from bootwright.store import Store
store = Store(Path(sys.argv[1]), "thing")
with store.staged() as folder:
    thing = folder / "thing"
    thing.mkdir()
    (thing / "content").write_text("same")
    print(folder, flush=True)
    sys.stdin.readline()
    print(store.adopt(thing, Digest(sys.argv[2])), flush=True)
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "things", "thing")


def _add(store: Store, content: str, *names: str) -> Digest:
    name = digest_of_bytes(content.encode())
    with store.staged() as folder:
        thing = folder / "thing"
        thing.mkdir()
        (thing / "content").write_text(content)
        store.adopt(thing, name)
    for tag in names:
        store.tag(tag, name)
    return name


def _staging(store: Store) -> list[str]:
    return sorted(entry.name for entry in (store.root / "staging").iterdir())


@contextmanager
def _other_process(store: Store, name: Digest) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    with subprocess.Popen(
        [sys.executable, "-c", _OTHER_PROCESS, store.root, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


@pytest.mark.parametrize("name", ["web", "a", "0", "debian-12.5_x", "a" * 63])
def test_check_name_accepts_valid_names(name: str) -> None:
    assert check_name(name, "an image") == name


@pytest.mark.parametrize(
    "name",
    ["", "Web", "-web", ".web", "a/b", "..", "a b", "web\n", "a" * 64, "ü", "sha256-1234"],
)
def test_check_name_refuses_invalid_names(name: str) -> None:
    with pytest.raises(InputError) as caught:
        check_name(name, "an image")
    assert str(caught.value) == f"{name!r} cannot name an image"
    assert caught.value.hint == (
        "use up to 63 lower-case letters, digits, . _ and -, a letter or digit first"
    )


def test_store_reading_an_empty_one_creates_nothing(store: Store) -> None:
    assert (store.names(), store.digests(), store.unnamed()) == ({}, [], [])
    assert not store.root.exists()


def test_store_adopt_moves_a_thing_out_of_staging(store: Store) -> None:
    name = _add(store, "one")
    assert (store.path(name) / "content").read_text() == "one"
    assert store.digests() == [name]
    assert _staging(store) == []


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt])
def test_store_staging_leaves_nothing_when_interrupted(
    store: Store, interruption: type[BaseException]
) -> None:
    def stage() -> None:
        with store.staged() as folder:
            (folder / "deep" / "er").mkdir(parents=True)
            (folder / "deep" / "er" / "half").write_text("ha")
            assert len(_staging(store)) == 2  # the folder and its lock
            raise interruption

    with pytest.raises(interruption):
        stage()
    assert _staging(store) == []
    assert store.digests() == []


def test_store_sweep_keeps_staging_of_live_processes_only(store: Store) -> None:
    with _other_process(store, digest_of_bytes(b"any")) as (process, theirs):
        with store.staged():
            assert (theirs / "thing" / "content").read_text() == "same"
        process.kill()
        process.wait()
        assert theirs.is_dir(), "killed, so it cannot have tidied up"
        with store.staged() as ours:
            assert _staging(store) == [ours.name, f"{ours.name}.lock"]
    assert _staging(store) == []


def test_store_adopt_of_the_same_thing_by_two_processes(store: Store) -> None:
    name = digest_of_bytes(b"same")
    with _other_process(store, name) as (one, _), _other_process(store, name) as (two, _):
        for process in (one, two):
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        outputs = [process.communicate()[0] for process in (one, two)]
        assert outputs == [f"{store.path(name)}\n"] * 2
        assert (one.returncode, two.returncode) == (0, 0)
    assert (store.path(name) / "content").read_text() == "same"
    assert _staging(store) == []


def test_store_adopt_keeps_the_thing_that_is_there(store: Store) -> None:
    name = _add(store, "first")
    inode = store.path(name).stat().st_ino
    _add(store, "first")
    assert store.path(name).stat().st_ino == inode


def test_store_adopt_of_a_missing_thing_fails(store: Store) -> None:
    with store.staged() as folder, pytest.raises(FileNotFoundError):
        store.adopt(folder / "never made", digest_of_bytes(b"x"))


def test_store_tag_moves_a_name(store: Store) -> None:
    one, two = _add(store, "one", "web"), _add(store, "two")
    assert store.names() == {"web": one}
    assert store.unnamed() == [two]
    store.tag("web", two, replace=True)
    assert store.names() == {"web": two}
    assert store.unnamed() == [one]
    assert (store.root / "names" / "web" / "content").read_text() == "two"


@pytest.mark.parametrize(("noun", "article"), [("image", "an"), ("kernel", "a")])
def test_store_tag_refuses_an_invalid_name(tmp_path: Path, noun: str, article: str) -> None:
    with pytest.raises(InputError, match=f"^'No' cannot name {article} {noun}$"):
        Store(tmp_path, noun).tag("No", digest_of_bytes(b"x"))


def test_store_names_omit_a_name_being_made(store: Store) -> None:
    name = _add(store, "one", "web")
    # What tag() makes before its rename; a crash can leave it.
    os.symlink(f"../{name}", store.root / "names" / ".web-01234567")
    assert store.names() == {"web": name}


def test_store_resolve_takes_names_digests_and_prefixes(store: Store) -> None:
    name = _add(store, "one", "web")
    for reference in ("web", name, name[:11], name.removeprefix("sha256-")[:4]):
        assert store.resolve(reference) == name


def test_store_resolve_needs_four_digits_of_a_digest(store: Store) -> None:
    name = _add(store, "one")
    with pytest.raises(NotFoundError, match="no thing is called"):
        store.resolve(name.removeprefix("sha256-")[:3])


def test_store_resolve_refuses_an_ambiguous_prefix(store: Store) -> None:
    for end in "ab":
        store.path(Digest("sha256-" + "0" * 63 + end)).mkdir(parents=True)
    with pytest.raises(NotFoundError) as caught:
        store.resolve("00000")
    assert str(caught.value) == "'00000' is the start of 2 things"
    assert caught.value.hint == "give more digits"


def test_store_resolve_hints_at_near_names(store: Store) -> None:
    hints = []
    for names in ((), ("web", "db")):
        for name in names:
            _add(store, name, name)
        with pytest.raises(NotFoundError, match=r"^no thing is called 'xyzzy'$") as caught:
            store.resolve("xyzzy")
        hints.append(caught.value.hint)
    with pytest.raises(NotFoundError) as caught:
        store.resolve("webb")
    hints.append(caught.value.hint)
    assert hints == ["there is no thing yet", "there are: db, web", "did you mean 'web'?"]


def test_store_untag_removes_only_the_name(store: Store) -> None:
    name = _add(store, "one", "web")
    store.untag("web")
    assert (store.names(), store.digests()) == ({}, [name])


def test_store_untag_refuses_an_invalid_name(store: Store) -> None:
    name = _add(store, "one", "web")
    with pytest.raises(NotFoundError) as caught:
        store.untag(name)
    assert str(caught.value) == f"{name!r} is not a name"
    assert caught.value.hint == "give a name, not a digest"
    with pytest.raises(NotFoundError, match="no thing is called 'wib'") as caught:
        store.untag("wib")
    assert caught.value.hint == "did you mean 'web'?"


def test_store_remove_leaves_nothing_and_spares_the_rest(store: Store) -> None:
    one, two = _add(store, "one"), _add(store, "two")
    store.remove(one)
    assert store.digests() == [two]
    assert _staging(store) == []


def test_store_names_omit_files_that_are_no_links(store: Store) -> None:
    name = _add(store, "one", "web")
    (store.root / "names" / "rubbish").write_text("x")
    (store.root / "names" / "folder").mkdir()
    assert store.names() == {"web": name}
    with pytest.raises(NotFoundError, match=r"^no thing is called 'rubbish'$"):
        store.untag("rubbish")


def test_store_remove_returns_whether_it_was_there(store: Store) -> None:
    name = _add(store, "one")
    assert store.remove(name)
    assert not store.remove(name)


def test_store_remove_restores_a_thing_still_needed(store: Store) -> None:
    name = _add(store, "one", "web")
    seen = []

    def needed() -> bool:
        seen.append(store.digests())
        return True

    assert not store.remove(name, unless=needed)
    assert seen == [[]]
    assert (store.path(name) / "content").read_text() == "one"
    assert _staging(store) == []


def test_store_remove_restores_a_thing_when_the_check_raises(store: Store) -> None:
    name = _add(store, "one")

    def interrupted() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.remove(name, unless=interrupted)
    assert (store.path(name) / "content").read_text() == "one"


def test_store_sweep_removes_staging_without_an_owner(store: Store) -> None:
    with _other_process(store, digest_of_bytes(b"x")) as (process, folder):
        assert store.abandoned() == []
        process.kill()
        process.wait()
        assert store.abandoned() == [folder]
        assert folder.is_dir()
        store.sweep()
    assert store.abandoned() == []
    assert _staging(store) == []


def test_store_remove_that_fails_leaves_what_sweep_removes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = _add(store, "one")

    def fail(folder: Path) -> None:
        raise PermissionError(folder)

    with monkeypatch.context() as patch:
        patch.setattr("bootwright.store.remove_tree", fail)
        with pytest.raises(PermissionError):
            store.remove(name)
    assert store.digests() == []
    assert len(store.abandoned()) == 1
    store.sweep()
    assert _staging(store) == []
