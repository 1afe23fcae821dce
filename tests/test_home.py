"""Where bootwright keeps things."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.home import Home, locate


def test_defaults_below_the_users_home() -> None:
    assert locate({"HOME": "/home/ada"}) == Home(
        data=Path("/home/ada/.local/share/bootwright"),
        state=Path("/home/ada/.local/state/bootwright"),
        cache=Path("/home/ada/.cache/bootwright"),
    )


def test_xdg_folders_count() -> None:
    found = locate(
        {
            "HOME": "/home/ada",
            "XDG_DATA_HOME": "/d",
            "XDG_STATE_HOME": "/s",
            "XDG_CACHE_HOME": "/c",
        }
    )
    assert found == Home(
        data=Path("/d/bootwright"), state=Path("/s/bootwright"), cache=Path("/c/bootwright")
    )


@pytest.mark.parametrize("value", ["", "relative/path"])
def test_empty_and_relative_xdg_folders_are_ignored(value: str) -> None:
    found = locate({"HOME": "/home/ada", "XDG_DATA_HOME": value})
    assert found.data == Path("/home/ada/.local/share/bootwright")


def test_bootwright_home_moves_everything() -> None:
    found = locate({"HOME": "/home/ada", "XDG_DATA_HOME": "/d", "BOOTWRIGHT_HOME": "/b"})
    assert found == Home(data=Path("/b/data"), state=Path("/b/state"), cache=Path("/b/cache"))


def test_a_relative_bootwright_home_means_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate({"BOOTWRIGHT_HOME": "here"}).data == tmp_path / "here" / "data"


def test_without_home_the_password_file_decides() -> None:
    assert locate({}).data == Path.home() / ".local/share/bootwright"


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOTWRIGHT_HOME", "/from/environment")
    assert locate().cache == Path("/from/environment/cache")


def test_rooms_lie_where_they_survive_what_they_should(home: Home) -> None:
    assert {home.images, home.kernels, home.files, home.keys} == {
        home.data / name for name in ("images", "kernels", "files", "keys")
    }
    assert {home.machines, home.logs} == {home.state / "machines", home.state / "logs"}


def test_locating_makes_nothing(tmp_path: Path) -> None:
    locate({"BOOTWRIGHT_HOME": str(tmp_path / "new")})
    assert list(tmp_path.iterdir()) == []
