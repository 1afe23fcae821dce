"""Find the option that builds a file, from the kernel's Makefiles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_ASSIGNMENT = re.compile(
    r"^(?P<left>[\w./-]+?)-(?P<how>y|m|objs|\$\((?P<option>CONFIG_\w+)\))\s*[+:]?=\s*(?P<right>.*)$"
)

# Lists of what is built; every other name on the left is an object made of several.
_LISTS = ("obj", "lib", "head", "core", "drivers", "net", "libs")


def option_of(source: Path, target: str) -> str:
    """Return the option that builds *target*, such as ``fs/ext4/inode.o``; empty if none.

    A file may be a part of a larger object, and an option may cover a whole folder: the
    nearest option counts.
    """
    path = Path(target)
    for _ in range(len(path.parts) + 8):  # objects of objects: more than enough
        folder, name = path.parent, path.name
        found = _lookup(source / folder, name)
        if found is None and folder == Path("."):
            return ""
        if found is None or found == "":  # unconditional, or unknown: the folder itself is next
            path = folder
            if path == Path("."):
                return ""
            continue
        if found.startswith("CONFIG_"):
            return found
        path = folder / found  # it is a part of that
    return ""


def files_of(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield each option of a folder's Makefile, without ``CONFIG_``, with the files it builds.

    Files are objects, such as ``inode.o``; those of larger objects are under the option that
    builds the larger one.
    """
    parts: dict[str, set[str]] = {}
    brought: list[tuple[str, str]] = []
    for line in _lines(folder):
        found = _ASSIGNMENT.match(line)
        if not found:
            continue
        names = {name for name in found["right"].split() if name.endswith(".o")}
        if found["left"] not in _LISTS and not found["option"]:
            parts.setdefault(_whole(found["left"]), set()).update(names)
        if found["option"]:
            brought += [(found["option"].removeprefix("CONFIG_"), name) for name in names]
    for option, name in brought:
        yield option, name
        yield from ((option, part) for part in parts.get(name, ()))


def _lookup(folder: Path, name: str) -> str | None:
    """Return the option of *name* in a folder's Makefile, or the object that it is part of.

    Returns:
        Empty if it is always built; None if the Makefile does not name it.
    """
    wanted = {name} if name.endswith(".o") else {f"{name}/"}
    for line in _lines(folder):
        found = _ASSIGNMENT.match(line)
        if not found or not wanted & set(found["right"].split()):
            continue
        if found["option"]:
            return found["option"]
        if found["left"] in _LISTS:
            return ""
        return _whole(found["left"])
    return None


def _whole(left: str) -> str:
    """Return the object whose parts a list names: of ``ext4-y``, and of ``isofs-objs-y`` too."""
    return left.removesuffix("-objs") + ".o"


def _lines(folder: Path) -> list[str]:
    for name in ("Kbuild", "Makefile"):
        if (folder / name).is_file():
            text = (folder / name).read_text(errors="replace")
            return [line.strip() for line in text.replace("\\\n", " ").splitlines()]
    return []
