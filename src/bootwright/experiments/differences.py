"""What differs between two stored recipes, in words."""

from __future__ import annotations

from collections.abc import Mapping

from bootwright.digest import is_digest, short_digest


def differences(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """Return a line for each field that differs: of lists what went and came, else old and new.

    The random seed is left out: on the virtual clock each boot has one of its own.
    """
    lines = []
    for field in (*before, *(field for field in after if field not in before)):
        old, new = before.get(field), after.get(field)
        if old == new or field == "random_seed":
            continue
        if isinstance(old, list) and isinstance(new, list):
            gone = [f"-{_word(item)}" for item in old if item not in new]
            came = [f"+{_word(item)}" for item in new if item not in old]
            lines.append(f"{field}: {' '.join([*gone, *came]) or 'in another order'}")
        else:
            lines.append(f"{field}: {_word(old)} → {_word(new)}")
    return lines


def _word(value: object) -> str:
    if isinstance(value, Mapping) and "path" in value:  # a guest file
        return f"{value['path']} ({_word(value.get('digest'))})"
    if isinstance(value, str) and is_digest(value):
        return short_digest(value)
    return "none" if value is None else str(value)
