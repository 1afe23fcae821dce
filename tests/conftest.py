"""What tests of every room share."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.home import Home, locate


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Return folders below tmp_path, and let BOOTWRIGHT_HOME name them."""
    monkeypatch.setenv("BOOTWRIGHT_HOME", str(tmp_path / "home"))
    return locate()
