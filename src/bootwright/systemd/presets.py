"""Whether a unit is enabled, and what its preset is.

systemd applies presets only on a machine's first boot. The initramfs writes a machine-id, so no
boot of bootwright counts as one: presets show the vendor's intent, and start nothing.

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


def preset_of(name: str, rules: Iterable[Rule]) -> tuple[Verb, str]:
    """Return a unit's preset and its file; empty: no rule matches, so it is enabled."""
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
    """Tell whether a unit has no [Install] section, so that it cannot be enabled."""
    return not (
        wanted_by(file) or file.values("Install", "Alias") or file.values("Install", "Also")
    )


def why_not_started(name: str, file: UnitFile, rules: Iterable[Rule]) -> str:
    """Explain why a boot does not start a unit, and how to enable it."""
    if is_static(file):
        return "it is static, so it starts only if another unit pulls it in"
    if not wanted_by(file) and not file.values("Install", "Alias"):
        also = words(file.last("Install", "Also"))
        return f"it is indirect; in the guest: systemctl enable {' '.join(also)}"
    verb, origin = preset_of(name, rules)
    preset = f"its preset is {verb}" + (f", by {origin}" if origin else ", as no preset names it")
    return f"it is disabled ({preset}); in the guest: systemctl enable {name}"
