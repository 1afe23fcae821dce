"""What `import bootwright` gives."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from pathlib import Path

import pytest

import bootwright
from bootwright import home
from bootwright.booting import boot


def _imported_for_type_checkers() -> dict[str, tuple[str, str]]:
    """Return where a type checker finds each name: its module, and what it is called there."""
    tree = ast.parse(Path(bootwright.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    found = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            assert alias.asname == alias.name, "else it is no part of the interface"
            if node.module == "bootwright":
                found[alias.name] = (f"bootwright.{alias.name}", "")
            else:
                found[alias.name] = (str(node.module), alias.name)
    return found


def test_type_checkers_and_users_see_the_same_names() -> None:
    assert _imported_for_type_checkers() == bootwright._NAMES
    assert sorted(bootwright.__all__) == sorted([*_imported_for_type_checkers(), "__version__"])


@pytest.mark.parametrize("name", bootwright.__all__)
def test_every_name_is_there_and_says_what_it_is(name: str) -> None:
    value = getattr(bootwright, name)
    assert name in dir(bootwright)
    assert name == "__version__" or inspect.getdoc(value)


def test_functions_are_those_of_their_modules() -> None:
    assert bootwright.boot is boot.boot
    assert bootwright.sync is import_module("bootwright.sync")


def test_a_module_is_still_imported_as_one() -> None:
    assert inspect.ismodule(home)


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match=r"^module 'bootwright' has no attribute 'bot'$"):
        bootwright.bot  # type: ignore[attr-defined] # noqa: B018
