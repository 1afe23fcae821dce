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
    "__main__": 8,
    "cli": 7,
    **dict.fromkeys(("doctor", "probes", "experiments", "search", "__init__", "sync"), 6),
    **dict.fromkeys(("evidence", "busy", "pruning"), 5),
    **dict.fromkeys(("monitor", "booting"), 4),
    **dict.fromkeys(("defaults", "kbuild"), 3.5),
    "machines": 3,
    "trims": 2.5,
    **dict.fromkeys(("vmms", "disks", "networks", "images", "kernels", "guest", "inits"), 2),
    "systemd": 2,
    "history": 2,  # it stores a timeline's data, and knows no machine
    **dict.fromkeys(("host", "journal", "store", "home"), 1),
    # Values: they know each other, and nothing of the host.
    **dict.fromkeys(
        ("recipes", "digest", "errors", "events", "suggest", "values", "statistics"), 0
    ),
}
# They take data and return data: whoever has data may import them.
_DATA_ROOMS = {"timelines", "reports"}


# What experiments return, and reports print: values that live beside the engine they come from.
_RESULTS = "bootwright.experiments.results"


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


def test_imports_between_packages_are_found() -> None:
    assert ("bootwright.__main__", "bootwright.cli.main.run") in _ARROWS
    assert ("bootwright.store", "bootwright.errors.NotFoundError") in _ARROWS
    assert ("bootwright.cli.names", "bootwright.home.locate_home") in _ARROWS
    assert ("bootwright.cli.kernel", "bootwright.kernels.local") in _ARROWS, "inside a function"


def test_imports_every_package_has_a_layer() -> None:
    files = {"__pycache__", "py.typed"}
    rooms = {entry.stem for entry in _SOURCE.iterdir() if entry.name not in files}
    assert rooms == set(_HEIGHT) | _DATA_ROOMS, "write a new room's height into this file"


def test_imports_point_down() -> None:
    wrong = [
        f"{module} imports {imported}"
        for module, imported in _ARROWS
        if not {_room(module), _room(imported)} & _DATA_ROOMS
        and _HEIGHT[_room(module)] < _HEIGHT[_room(imported)]
    ]
    assert wrong == []


def test_imports_between_packages_have_no_cycle() -> None:
    graph: dict[str, set[str]] = {}
    for module, imported in _ARROWS:
        if _room(module) != _room(imported):
            graph.setdefault(_room(module), set()).add(_room(imported))
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError
    assert order.index("errors") < order.index("store") < order.index("machines")


def test_imports_of_timeline_and_report_are_data_only() -> None:
    allowed = (
        "bootwright.recipes.clock",
        "bootwright.errors",
        "bootwright.host.clock",
        _RESULTS,
        "bootwright.values",
        *(f"bootwright.{r}" for r in _DATA_ROOMS),
    )
    wrong = [
        f"{module} imports {imported}"
        for module, imported in _ARROWS
        if _room(module) in _DATA_ROOMS
        and not any(f"{imported}.".startswith(f"{start}.") for start in allowed)
    ]
    assert wrong == []


def _reached(module: str) -> set[str]:
    """Return *module*, what of ours it imports, and what that imports in turn, but for modules that
    import nothing of ours."""
    reached, new = set[str](), {module}
    while new:
        reached |= new
        imported = {name for importer, name in _ARROWS if importer in new}
        # Of `from bootwright.recipes.recipe import Recipe` the module is the first half.
        new = {m for name in imported for m in (name, name.rpartition(".")[0])} - reached
    return reached & {importer for importer, _ in _ARROWS}


def test_results_know_only_values() -> None:
    """So that a report that knows them knows no engine."""
    reached = _reached(_RESULTS)
    assert {m for m in reached if _room(m) in ("experiments", "history")} == {
        _RESULTS,
        "bootwright.history.measurement",
    }
    others = {_room(m) for m in reached} - {"experiments", "history"}
    assert others <= {"timelines", "recipes", "host", "statistics", "digest", "events"}


def test_imports_below_the_engine_avoid_data_packages() -> None:
    wrong = [
        f"{module} imports {imported}"
        for module, imported in _ARROWS
        if _room(imported) in _DATA_ROOMS and _HEIGHT.get(_room(module), 9) < 2
    ]
    assert wrong == []


def test_imports_of_cli_are_in_cli_and_main_only() -> None:
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
    "bootwright.machines",
    "qemu",
    "elftools",
    "msgspec",
    "subprocess",
}


def test_imports_at_start_up_are_few() -> None:
    loaded = _loaded("import bootwright.cli.main")
    assert "click" in loaded
    assert loaded & _HEAVY == set()


def test_imports_check_detects_heavy_modules() -> None:
    assert _loaded("import bootwright.machines.client") >= {"asyncio", "bootwright.machines"}


def test_import_bootwright_loads_itself_alone() -> None:
    assert _loaded("import bootwright") - _loaded("pass") <= {"__future__", "bootwright"}


_NOT_BEFORE_A_VMM_STARTS = {
    *("asyncio", "logging", "ssl", "qemu", "elftools", "kconfiglib", "lz4", "zstandard"),
    *("rich", "sqlite3", "email", "http", "importlib.metadata", "importlib.resources"),
    *("difflib", "gzip", "lzma", "random", "secrets", "shutil", "tempfile"),
    *("bootwright.history", "bootwright.experiments", "bootwright.machines.client"),
    *("bootwright.monitor.monitor", "bootwright.kernels.symbols", "bootwright.vmms.qemu_trace"),
}


def test_monitor_process_imports_little_before_it_starts_one() -> None:
    imports = _loaded("import bootwright.host.clock, bootwright.machines.monitor_process")
    assert imports >= {"subprocess", "socket"}
    assert imports & {"click", "dataclasses", "inspect", "msgspec", "pathlib", "asyncio"} == set()


def test_run_imports_no_event_loop_before_it_asks_for_its_machine() -> None:
    loaded = _loaded("import bootwright.cli.main, bootwright.cli.run")
    assert "bootwright.machines.request" in loaded
    assert loaded & _NOT_BEFORE_A_VMM_STARTS == set()


def test_monitor_imports_no_event_loop_before_its_vmm_starts() -> None:
    loaded = _loaded("import bootwright.monitor.launch")
    assert "bootwright.vmms.qemu" in loaded
    assert loaded & {*_NOT_BEFORE_A_VMM_STARTS, "click", "bootwright.cli"} == set()


def test_monitor_never_imports_what_is_the_commands() -> None:
    loaded = _loaded("import bootwright.monitor.monitor, bootwright.vmms.qemu_running")
    assert loaded >= {"asyncio", "qemu.qmp"}
    commands = {"click", "rich", "sqlite3", "bootwright.cli", "bootwright.history"}
    assert loaded & {*commands, "bootwright.machines.client", "bootwright.reports"} == set()


def test_classes_that_a_boot_imports_are_cheap_to_define() -> None:
    # Others take 0.6 ms each, in two processes: use bootwright.values.dataclass.
    script = """
import dataclasses, sys
import bootwright.cli.main, bootwright.cli.run, bootwright.monitor.launch
from bootwright.values import _Methods
for module in list(sys.modules.values()):
    if module.__name__.startswith("bootwright."):
        for value in vars(module).values():
            if isinstance(value, type) and dataclasses.is_dataclass(value):
                is_here = value.__module__ == module.__name__ and value is not _Methods
                if is_here and value.__init__ is not _Methods.__init__:
                    print(value.__name__)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # Values that change are rare, and made by the standard decorator; as is one with positions.
    assert set(done.stdout.split()) == {"Circumstances", "DraftField"}


def _commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command, **command.context_settings)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None, f"{name} is listed but not there"
            yield from _commands(child, (*path, name))


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command_has_an_example(name: str) -> None:
    shown = CliRunner().invoke(cli, [name, "--help"])
    assert shown.exit_code == 0, shown.output
    assert shown.output.startswith(f"Usage: cli {name}")
    assert "Example" in shown.output


def test_help_of_every_subcommand_exists() -> None:
    runner = CliRunner()
    paths = list(_commands(cli, ()))
    assert ("image", "import") in paths
    for path in paths:
        shown = runner.invoke(cli, [*path, "--help"])
        assert shown.exit_code == 0, shown.output
