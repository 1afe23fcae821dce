"""Arrows point down, and the command line imports no more than it needs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import bootwright
from bootwright.cli.main import COMMANDS, cli

_SOURCE = Path(bootwright.__file__).parent

# room: how high it stands. A room imports from its own height and from below.
_HEIGHT = {
    "__main__": 7,
    "cli": 6,
    "__init__": 6,  # the front door: it has names from everywhere, and imports none of them
    "sync": 5,
    **dict.fromkeys(("doctor", "probes", "experiments"), 4),
    "machine": 3,
    **dict.fromkeys(("vmms", "disks", "networks", "images", "kernels", "guest", "inits"), 2),
    "history": 2,  # it stores a timeline's data, and knows no machine
    **dict.fromkeys(("host", "journal", "store", "home"), 1),
    # Values: a change knows recipes, and both know digests.
    **dict.fromkeys(("recipe", "change", "change_text", "errors", "events", "digest"), 0),
}
# They take data and return data: whoever has data may import them.
_DATA_ROOMS = {"timeline", "report"}


def _room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def _imports(tree: ast.AST) -> Iterator[str]:
    """Yield what of ours *tree* imports, at its top and inside functions, as whole names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where an arrow points"
            # `from bootwright import home` names the module only in its second half.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _arrows() -> list[tuple[str, str]]:
    arrows = []
    for path in sorted(_SOURCE.rglob("*.py")):
        module = ".".join(("bootwright", *path.relative_to(_SOURCE).with_suffix("").parts))
        for imported in _imports(ast.parse(path.read_text())):
            # The package itself is where it lies and which version it is.
            if imported.startswith("bootwright.") and imported != "bootwright.__version__":
                arrows.append((module, imported))
    return arrows


_ARROWS = _arrows()


def test_the_arrows_are_seen() -> None:
    assert ("bootwright.__main__", "bootwright.cli.main.run") in _ARROWS
    assert ("bootwright.store", "bootwright.errors.NotFoundError") in _ARROWS
    assert ("bootwright.cli.names", "bootwright.home") in _ARROWS
    assert ("bootwright.cli.kernel", "bootwright.kernels.local") in _ARROWS, "inside a function"


def test_every_room_has_a_height() -> None:
    files = {"__pycache__", "py.typed"}
    rooms = {entry.stem for entry in _SOURCE.iterdir() if entry.name not in files}
    assert rooms == set(_HEIGHT) | _DATA_ROOMS, "write a new room's height into this file"


def test_arrows_point_down() -> None:
    wrong = [
        f"{module} imports {imported}"
        for module, imported in _ARROWS
        if not {_room(module), _room(imported)} & _DATA_ROOMS
        and _HEIGHT[_room(module)] < _HEIGHT[_room(imported)]
    ]
    assert wrong == []


def test_rooms_make_no_circle() -> None:
    graph: dict[str, set[str]] = {}
    for module, imported in _ARROWS:
        if _room(module) != _room(imported):
            graph.setdefault(_room(module), set()).add(_room(imported))
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError
    assert order.index("errors") < order.index("store") < order.index("machine")


def test_timeline_and_report_know_only_data() -> None:
    allowed = (
        "bootwright.errors",
        "bootwright.host.clock",
        *(f"bootwright.{r}" for r in _DATA_ROOMS),
    )
    wrong = [
        f"{module} imports {imported}"
        for module, imported in _ARROWS
        if _room(module) in _DATA_ROOMS
        and not any(f"{imported}.".startswith(f"{start}.") for start in allowed)
    ]
    assert wrong == []


def test_below_the_engine_nobody_knows_data_rooms() -> None:
    wrong = [
        f"{module} imports {imported}"
        for module, imported in _ARROWS
        if _room(imported) in _DATA_ROOMS and _HEIGHT.get(_room(module), 9) < 2
    ]
    assert wrong == []


def test_only_the_command_imports_the_command_line() -> None:
    importers = {_room(module) for module, imported in _ARROWS if _room(imported) == "cli"}
    assert importers == {"cli", "__main__"}


def _loaded(statement: str) -> set[str]:
    """Return the modules that a fresh interpreter has after *statement*."""
    script = f"{statement}; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


_HEAVY = {
    "rich",
    "sqlite3",
    "asyncio",
    "bootwright.machine",
    "qemu",
    "elftools",
    "msgspec",
    "subprocess",
}


def test_the_front_door_imports_nothing() -> None:
    assert _loaded("import bootwright") - _loaded("pass") == {"bootwright"}


def test_our_start_up_imports_little() -> None:
    loaded = _loaded("import bootwright.cli.main")
    assert "click" in loaded
    assert loaded & _HEAVY == set()


def test_heavy_modules_would_be_seen() -> None:
    assert _loaded("import bootwright.machine.client") >= {"asyncio", "bootwright.machine"}


def _commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None, f"{name} is listed but not there"
            yield from _commands(child, (*path, name))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    shown = CliRunner().invoke(cli, [name, "--help"])
    assert shown.exit_code == 0, shown.output
    assert shown.output.startswith(f"Usage: cli {name}")
    assert "Example" in shown.output


def test_every_command_of_a_command_has_help() -> None:
    runner = CliRunner()
    paths = list(_commands(cli, ()))
    assert ("image", "import") in paths
    for path in paths:
        shown = runner.invoke(cli, [*path, "--help"])
        assert shown.exit_code == 0, shown.output
