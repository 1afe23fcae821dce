"""Which units a user means: ``--keep nginx`` is nginx.service, and an unknown unit is an error."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from bootwright.errors import InputError, NotFoundError, find_all
from bootwright.images.packages import ShippedUnit
from bootwright.systemd.graph import Graph
from bootwright.systemd.unitfiles import parse_name

_GLOB = frozenset("*?[")


def units_asked_for(graph: Graph, words: Iterable[str]) -> tuple[str, ...]:
    """Return the names of units, and the globs, that *words* mean.

    As in systemctl, a name without a type is a service's.

    Raises:
        InputError: a word cannot name a unit.
        NotFoundError: the image has no such unit; near names are in the hint.
    """
    return tuple(dict.fromkeys(find_all(words, lambda word: _unit(graph, word)).values()))


def _unit(graph: Graph, word: str) -> str:
    is_glob = bool(_GLOB & set(word))
    name = word if is_glob or parse_name(word) else f"{word}.service"
    if not is_glob and parse_name(name) is None:
        raise InputError(
            f"{word!r} cannot name a unit", hint="give a name such as nginx or nginx.service"
        )
    found = graph.matching(name)
    states = {graph.units[unit].state for unit in found}
    if states - {"missing", "masked"}:
        return name
    if "masked" in states:
        raise InputError(
            f"{name} is masked in the image, so no boot starts it",
            hint="leave it out, or unmask it in the image: systemctl unmask",
        )
    known = [
        unit for unit, found in graph.units.items() if found.state not in ("missing", "masked")
    ]
    known += graph.aliases
    known.sort()
    stem = word.strip("*?").rpartition(".")[0] or word.strip("*?")
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.75)
    close += [unit for unit in known if stem and stem in unit and unit not in close]
    raise NotFoundError(
        f"the image has no unit {name}" if not is_glob else f"no unit of the image matches {name}",
        hint=f"did you mean {' or '.join(close[:3])}?"
        if close
        else "bootwright trim IMAGE --dry-run lists the units of a boot",
    )


def patterns_of(shipped: Iterable[ShippedUnit]) -> dict[str, str]:
    """Return what to keep for included packages: ``{unit, or glob of a template's: why}``."""
    found: dict[str, str] = {}
    for unit in shipped:
        name = parse_name(unit.unit)
        if name is None:
            continue
        pattern = unit.unit.replace("@.", "@*.") if name.is_template else unit.unit
        by = "" if unit.package == unit.include else f"{unit.package}, for "
        found.setdefault(pattern, f"shipped by {by}{unit.include}, which the image includes")
    return found
