"""Where bootwright keeps things."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.home import Home, locate_home


def test_locate_defaults_below_the_users_home() -> None:
    assert locate_home({"HOME": "/home/ada"}) == Home(
        data=Path("/home/ada/.local/share/bootwright"),
        state=Path("/home/ada/.local/state/bootwright"),
        cache=Path("/home/ada/.cache/bootwright"),
    )


def test_locate_uses_xdg_folders() -> None:
    found = locate_home(
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
def test_locate_ignores_empty_and_relative_xdg_folders(value: str) -> None:
    found = locate_home({"HOME": "/home/ada", "XDG_DATA_HOME": value})
    assert found.data == Path("/home/ada/.local/share/bootwright")


def test_locate_puts_everything_below_bootwright_home() -> None:
    found = locate_home({"HOME": "/home/ada", "XDG_DATA_HOME": "/d", "BOOTWRIGHT_HOME": "/b"})
    assert found == Home(data=Path("/b/data"), state=Path("/b/state"), cache=Path("/b/cache"))


def test_locate_resolves_a_relative_bootwright_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate_home({"BOOTWRIGHT_HOME": "here"}).data == tmp_path / "here" / "data"


def test_locate_without_home_uses_the_password_file() -> None:
    assert locate_home({}).data == Path.home() / ".local/share/bootwright"


def test_locate_reads_the_process_environment_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOTWRIGHT_HOME", "/from/environment")
    assert locate_home().cache == Path("/from/environment/cache")


def test_home_folders_lie_in_data_cache_and_state(home: Home) -> None:
    assert {home.images, home.kernels, home.files, home.keys} == {
        home.data / name for name in ("images", "kernels", "files", "keys")
    }
    assert {home.machines, home.logs} == {home.state / "machines", home.state / "logs"}


def test_locate_creates_nothing(tmp_path: Path) -> None:
    locate_home({"BOOTWRIGHT_HOME": str(tmp_path / "new")})
    assert list(tmp_path.iterdir()) == []
