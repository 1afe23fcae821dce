"""Trims as files that people may edit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bootwright.digest import Digest
from bootwright.errors import FormatError, InputError, NotFoundError
from bootwright.home import Home
from bootwright.trims import store
from bootwright.trims.trim import DropIn, DroppedGenerator, Mask, Trim

TRIM = Trim(
    name="web",
    image=Digest("sha256-" + "1" * 64),
    keep=("ssh.service", "systemd-journald*"),
    masks=(Mask(unit=r"system-a\x2db@c.service", reason='wanted by "x"'),),
    generators=(DroppedGenerator(path="/usr/lib/systemd/system-generators/g", reason="none"),),
    drop_ins=(DropIn(path="ssh.service.d/10-a.conf", content="[Unit]\nAfter=b\n", reason="r"),),
)


def test_trims_load_returns_what_save_wrote(home: Home) -> None:
    assert store.names(home) == []
    assert store.save(home, TRIM) is True
    assert store.load(home, "web") == TRIM
    assert store.names(home) == ["web"]
    assert [entry.name for entry in home.trims.iterdir()] == ["web.toml"]


def test_trims_save_of_the_same_trim_changes_nothing(home: Home) -> None:
    store.save(home, TRIM)
    assert store.save(home, TRIM) is False


def test_trims_save_does_not_overwrite(home: Home) -> None:
    store.save(home, TRIM)
    with pytest.raises(InputError, match="another trim is called 'web'") as raised:
        store.save(home, replace(TRIM, masks=()))
    assert "--replace" in raised.value.hint
    assert store.load(home, "web") == TRIM
    assert [entry.name for entry in home.trims.iterdir()] == ["web.toml"]


def test_trims_save_replaces_a_trim_when_told_to(home: Home) -> None:
    store.save(home, TRIM)
    assert store.save(home, replace(TRIM, masks=()), replace=True)
    assert store.load(home, "web") == replace(TRIM, masks=())
    assert [entry.name for entry in home.trims.iterdir()] == ["web.toml"]


def test_trims_refuse_invalid_names(home: Home) -> None:
    with pytest.raises(InputError, match=r"'\.\./x' cannot name a trim"):
        store.save(home, replace(TRIM, name="../x"))
    store.save(home, TRIM)
    with pytest.raises(NotFoundError, match="no trim is called 'wep'") as raised:
        store.load(home, "wep")
    assert raised.value.hint == "did you mean 'web'?"
    for name in ("../trims/web", "nothing"):
        with pytest.raises(NotFoundError, match="no trim is called"):
            store.remove(home, name)


def test_trims_remove_all_or_none(home: Home) -> None:
    store.save(home, TRIM)
    store.save(home, replace(TRIM, name="db"))
    with pytest.raises(NotFoundError, match="no trim is called 'nosuch'; nothing was done"):
        store.remove(home, "web", "nosuch", "db")
    assert store.names(home) == ["db", "web"]
    store.remove(home, "web", "db", "web")
    assert store.names(home) == []


def test_trims_remove(home: Home) -> None:
    store.save(home, TRIM)
    store.remove(home, "web")
    assert store.names(home) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[masks]", "[masks", "invalid TOML: "),
        ("[masks]", "[mask]", "unknown field `mask`; did you mean `masks`?"),
        ("keep = [", "keeep = [", "unknown field `keeep`; did you mean `keep`?"),
        ("image = ", "# image = ", "missing required field `image`"),
        ("sha256-1", "sha256-x", "`image` is 'sha256-x1"),
        ("content = ", "# content = ", "missing required field `content` - at `drop_ins[...]`"),
        ("system-a", "../a", "`masks` has the invalid name '../a"),
        (
            "/usr/lib/systemd/system-generators/g",
            "/g/../x",
            "`generators` has the invalid name '/g/../x'",
        ),
        (
            "ssh.service.d/10-a.conf",
            "../x.d/a.conf",
            "`drop_ins` has the invalid name '../x.d/a.conf'",
        ),
        (
            '"none"',
            "3",
            "`generators.'/usr/lib/systemd/system-generators/g'` is 3; a reason must be",
        ),
        ('name = "web"', 'name = "other"', "`name` is 'other'"),
    ],
)
def test_trims_load_names_the_damaged_field(home: Home, old: str, new: str, said: str) -> None:
    store.save(home, TRIM)
    file = store.path(home, "web")
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(FormatError) as raised:
        store.load(home, "web")
    text = str(raised.value)
    assert text.startswith(f"trim 'web' is damaged: {file}: ")
    assert said in text


def test_trims_load_refuses_a_file_that_is_not_text(home: Home) -> None:
    store.save(home, TRIM)
    store.path(home, "web").write_bytes(b"\xff\xff")
    with pytest.raises(FormatError, match="trim 'web' is damaged"):
        store.load(home, "web")
