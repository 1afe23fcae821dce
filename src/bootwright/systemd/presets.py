"""Whether a unit is enabled, and whether its presets would have it so.

systemd applies presets on a machine's first boot alone. By the machine-id that the initramfs writes
no boot of ours is one, so they tell what the vendor meant, and start nothing.

Source: systemd.preset(5); machine-id(5), "First Boot Semantics"; systemctl(1), is-enabled.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from bootwright.images.files import Files
from bootwright.systemd import conffiles
from bootwright.systemd.unitfiles import UnitFile, parse_name, words

KIND = "systemd/system-preset"

Verb = Literal["enable", "disable", "ignore"]
_VERBS: dict[str, Verb] = {"enable": "enable", "disable": "disable", "ignore": "ignore"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of a preset file."""

    verb: Verb
    pattern: str
    origin: str
    """The file that says so."""


def find(files: Files) -> tuple[Rule, ...]:
    """Return the rules in the order in which they count."""
    found = []
    for origin, line in conffiles.lines(files, KIND, ".preset"):
        verb, *rest = line.split()
        if rest and verb in _VERBS:
            found.append(Rule(verb=_VERBS[verb], pattern=rest[0], origin=origin))
    return tuple(found)


def said_of(name: str, rules: Iterable[Rule]) -> tuple[Verb, str]:
    """Return what is to become of a unit, and which file says so; empty: none, so it is enabled."""
    own = parse_name(name)
    names = {name, own.template if own and own.template else name}
    for rule in rules:
        if any(fnmatch.fnmatchcase(each, rule.pattern) for each in names):
            return rule.verb, rule.origin
    return "enable", ""


def wanted_by(file: UnitFile) -> set[str]:
    """Return the units that would start a unit if it were enabled."""
    keys = ("WantedBy", "RequiredBy", "UpheldBy")
    return {word for key in keys for value in file.values("Install", key) for word in words(value)}


def is_static(file: UnitFile) -> bool:
    """Say whether a unit can be enabled neither by itself nor with another."""
    return not (
        wanted_by(file) or file.values("Install", "Alias") or file.values("Install", "Also")
    )


def why_not_started(name: str, file: UnitFile, rules: Iterable[Rule]) -> str:
    """Say why no boot starts a unit that nothing else pulls in, and what would change it."""
    if is_static(file):
        return "it is static, so it starts only where another unit asks for it"
    if not wanted_by(file) and not file.values("Install", "Alias"):
        also = words(file.last("Install", "Also"))
        return f"it is indirect; in the guest: systemctl enable {' '.join(also)}"
    verb, origin = said_of(name, rules)
    preset = f"its preset is {verb}" + (f", by {origin}" if origin else ", as no file names it")
    return f"it is disabled ({preset}); in the guest: systemctl enable {name}"
