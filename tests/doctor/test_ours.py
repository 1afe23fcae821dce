"""What doctor says of the trims that we have."""

from __future__ import annotations

from bootwright.digest import of_bytes
from bootwright.doctor import ours
from bootwright.doctor.check import Check
from bootwright.home import Home
from bootwright.inits import trims
from bootwright.inits.trim import Trim


def _checks(home: Home) -> list[Check]:
    return [check for check in ours.examine(home) if check.name.startswith("trim")]


def test_how_many_trims_there_are_and_how_large(home: Home) -> None:
    assert [check.text for check in _checks(home)] == ["none yet"]
    for name in ("web", "small"):
        trims.save(home, Trim(name=name, image=of_bytes(b"image"), keep=("ssh.service",)))
    [check] = _checks(home)
    assert (check.state, check.name) == ("ok", "trims")
    assert check.text.startswith("2: small, web (")
    assert check.text.endswith(" KiB)")
    [space] = [check for check in ours.examine(home) if check.name == "space"]
    assert "trims " in space.text


def test_a_damaged_trim_is_told_with_what_removes_it(home: Home) -> None:
    home.trims.mkdir(parents=True)
    trims.path(home, "bad").write_text("name = 3")
    damaged, all_of_them = _checks(home)
    assert (damaged.area, damaged.name, damaged.state) == ("store", "trim bad", "problem")
    assert damaged.text.startswith("trim 'bad' is damaged: ")
    assert damaged.hint == "mend the file, or bootwright trim rm bad"
    assert all_of_them.text.startswith("1: bad (")
