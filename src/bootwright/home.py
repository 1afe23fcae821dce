"""Where bootwright stores its files: XDG directories, or one folder, BOOTWRIGHT_HOME.

Source: XDG Base Directory Specification 0.8.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from bootwright.values import dataclass

VARIABLE = "BOOTWRIGHT_HOME"


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The folders that bootwright owns, created on first use."""

    data: Path
    """Files that are costly to recreate: images, kernels, keys."""
    state: Path
    """Machines and their logs, and the history."""
    cache: Path
    """Files that can be deleted at any time."""

    @classmethod
    def below(cls, folder: Path) -> Home:
        """Return a home inside one folder, as ``BOOTWRIGHT_HOME`` does."""
        base = folder.absolute()
        return cls(data=base / "data", state=base / "state", cache=base / "cache")

    def absolute(self) -> Home:
        """Return the same folders as absolute paths."""
        return Home(
            data=self.data.absolute(), state=self.state.absolute(), cache=self.cache.absolute()
        )

    @property
    def images(self) -> Path:
        return self.data / "images"

    @property
    def kernels(self) -> Path:
        return self.data / "kernels"

    @property
    def files(self) -> Path:
        """Guest files that recipes name by digest."""
        return self.data / "files"

    @property
    def keys(self) -> Path:
        return self.data / "keys"

    @property
    def trims(self) -> Path:
        """The units that each trim masks; small, editable files."""
        return self.data / "trims"

    @property
    def machines(self) -> Path:
        return self.state / "machines"

    @property
    def history(self) -> Path:
        """All recorded boots: an SQLite file."""
        return self.state / "history.sqlite3"

    @property
    def logs(self) -> Path:
        """Console logs of failed machines, and the monitors' log."""
        return self.state / "logs"


def locate_home(environment: Mapping[str, str] = os.environ) -> Home:
    """Work out the folders from the environment, without creating them.

    ``BOOTWRIGHT_HOME`` puts all of them in one folder; otherwise ``XDG_DATA_HOME``,
    ``XDG_STATE_HOME`` and ``XDG_CACHE_HOME`` apply, with their defaults below ``~``.
    """
    if root := environment.get(VARIABLE):
        return Home.below(Path(root))
    user = Path(environment.get("HOME") or Path.home())

    def xdg(variable: str, default: str) -> Path:
        value = environment.get(variable, "")
        # The specification tells us to ignore relative paths.
        return (Path(value) if value.startswith("/") else user / default) / "bootwright"

    return Home(
        data=xdg("XDG_DATA_HOME", ".local/share"),
        state=xdg("XDG_STATE_HOME", ".local/state"),
        cache=xdg("XDG_CACHE_HOME", ".cache"),
    )
