"""Checks of the trims and the history."""

from __future__ import annotations

import pytest

from bootwright.digest import digest_of_bytes
from bootwright.doctor import inventory
from bootwright.doctor.check import Check
from bootwright.home import Home
from bootwright.host import mounts
from bootwright.trims import store
from bootwright.trims.trim import Trim
from tests.history.samples import boot, filled


def _checks(home: Home, beginning: str = "trim") -> list[Check]:
    return [check for check in inventory.examine(home) if check.name.startswith(beginning)]


def test_inventory_examine_counts_trims_and_their_size(home: Home) -> None:
    assert [check.text for check in _checks(home)] == ["none yet"]
    for name in ("web", "small"):
        store.save(home, Trim(name=name, image=digest_of_bytes(b"image"), keep=("ssh.service",)))
    [check] = _checks(home)
    assert (check.state, check.name) == ("ok", "trims")
    assert check.text.startswith("2: small, web (")
    assert check.text.endswith(" KiB)")
    [space] = [check for check in inventory.examine(home) if check.name == "space"]
    assert "trims " in space.text


def test_inventory_examine_reports_a_damaged_trim_with_a_hint(home: Home) -> None:
    home.trims.mkdir(parents=True)
    store.path(home, "bad").write_text("name = 3")
    damaged, all_of_them = _checks(home)
    assert (damaged.area, damaged.name, damaged.state) == ("store", "trim bad", "problem")
    assert damaged.text.startswith("trim 'bad' is damaged: ")
    assert damaged.hint == "fix the file, or: bootwright trim rm bad"
    assert all_of_them.text.startswith("1: bad (")


def test_inventory_examine_counts_boots_of_the_history_and_its_size(home: Home) -> None:
    [check] = _checks(home, "history")
    assert (check.area, check.state, check.text) == ("store", "ok", "no boots yet")
    assert not home.state.exists(), "looking makes nothing"
    filled(home, boot())
    [check] = _checks(home, "history")
    assert check.state == "ok"
    assert check.text.startswith(f"1 boot in {home.history} (")
    assert check.text.endswith(" KiB)")
    [space] = _checks(home, "space")
    assert "history " in space.text


def test_inventory_examine_reports_a_damaged_history_with_a_hint(home: Home) -> None:
    home.state.mkdir(parents=True)
    home.history.write_text("no database" * 100)
    [check] = _checks(home, "history")
    assert (check.area, check.state) == ("store", "problem")
    assert check.text.startswith(f"the history {home.history} is damaged: ")
    assert check.hint.startswith(f"to start a new one: mv {home.history} ")


def test_inventory_examine_notes_a_network_filesystem(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mounts, "kind", lambda folder: "nfs4")
    _, note = _checks(home, "history")
    assert (note.area, note.state) == ("store", "note")
    assert note.text.startswith(f"{home.state} is on nfs4: ")
    assert "BOOTWRIGHT_HOME" in note.hint
