"""The commands in README and docs, run as a reader would: page by page, from top to bottom."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.boots.harness import PROGRAM, Bootwright, home_of, put_into
from tests.docs.pages import PAGES, ROOT, Block, shell_blocks

pytestmark = pytest.mark.boot

_PAGE_S = 900


def _run(page: Path) -> list[Block]:
    return [block for block in shell_blocks(page) if not block.not_run]


_WITH_COMMANDS = [page for page in PAGES if _run(page)]


@pytest.fixture
def reader(
    tmp_path: Path, bootwright: Bootwright, bookworm: str, kernel: str
) -> Iterator[Bootwright]:
    """bootwright with folders of its own, an image called web, and Debian's kernel."""
    folders = {f"XDG_{name}_HOME": str(tmp_path / name) for name in ("DATA", "CACHE")}
    path = f"{PROGRAM.parent}:{bootwright.environment['PATH']}"
    own = replace(bootwright, environment={**bootwright.environment, **folders, "PATH": path})
    store = home_of(bootwright)
    put_into(own, store, bookworm)
    (home_of(own).images / "names" / bookworm).rename(home_of(own).images / "names/web")
    yield own
    assert own.json("ps") == []


@pytest.mark.parametrize("page", _WITH_COMMANDS, ids=[page.name for page in _WITH_COMMANDS])
def test_commands_of_a_page_work_in_their_order(
    page: Path, reader: Bootwright, tmp_path: Path
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    shutil.copytree(ROOT / "examples", folder / "examples")
    for block in _run(page):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.script],
            cwd=folder,
            env=reader.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PAGE_S,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
