"""Unit files as systemd reads them: their syntax, their names, their drop-ins.

Source: systemd.syntax(7), systemd.unit(5); config_parse() in src/shared/conf-parser.c,
unit_name_is_valid() in src/basic/unit-name.c, unit_file_find_dirs() in src/shared/dropin.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

TYPES = (
    *("service", "socket", "target", "device", "mount", "automount"),
    *("swap", "timer", "path", "slice", "scope"),
)

_NAME = re.compile(
    r"(?P<prefix>[A-Za-z0-9:_.\\-]+)(?:@(?P<instance>[A-Za-z0-9:_.\\@-]*))?"
    rf"\.(?P<type>{'|'.join(TYPES)})"
)
_LONGEST_NAME = 255
_ESCAPE = re.compile(r"\\x([0-9a-fA-F]{2})")
_TRUE = {"1", "yes", "y", "true", "t", "on"}
_FALSE = {"0", "no", "n", "false", "f", "off"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """The parts of a unit's name, ``prefix@instance.type``."""

    prefix: str
    instance: str | None
    """None: no template and no instance of one; empty: a template."""
    type: str

    @property
    def is_template(self) -> bool:
        return self.instance == ""

    @property
    def template(self) -> str | None:
        """The template that this is an instance of."""
        return f"{self.prefix}@.{self.type}" if self.instance else None


def parse_name(text: str) -> Name | None:
    """Take a unit's name apart; None where *text* is none."""
    found = _NAME.fullmatch(text)
    if not found or len(text) > _LONGEST_NAME:
        return None
    return Name(prefix=found["prefix"], instance=found["instance"], type=found["type"])


@dataclass(frozen=True, slots=True)
class UnitFile:
    """What a unit file says, or a unit file and its drop-ins together."""

    assignments: tuple[tuple[str, str, str], ...] = ()
    """Each assignment in its order: section, key, value."""

    def plus(self, later: UnitFile) -> UnitFile:
        """Return this with what a drop-in adds."""
        return UnitFile(self.assignments + later.assignments)

    def every(self, section: str, key: str) -> list[str]:
        """Return every value of *key*, the empty ones too.

        Dependencies are such: an empty assignment takes none of them back (systemd.unit(5)).
        """
        return [v for s, k, v in self.assignments if (s, k) == (section, key)]

    def values(self, section: str, key: str) -> list[str]:
        """Return the values of a list; an empty assignment forgets those before it."""
        kept: list[str] = []
        for value in self.every(section, key):
            kept = [*kept, value] if value else []
        return kept

    def last(self, section: str, key: str, default: str = "") -> str:
        """Return the value that counts of a key that has but one."""
        return ([default, *self.values(section, key)])[-1]

    def boolean(self, section: str, key: str, *, default: bool) -> bool:
        """Return the last value of *key* that is a boolean; others are ignored, as systemd does."""
        for value in reversed(self.every(section, key)):
            if value.lower() in _TRUE:
                return True
            if value.lower() in _FALSE:
                return False
        return default


NOTHING = UnitFile()
"""What an empty unit file says."""


def parse(text: str) -> UnitFile:
    """Read a unit file. What is no assignment in a section is passed over, as systemd does."""
    section = ""
    found = []
    for line in _logical_lines(text):
        if line.startswith("["):
            section = line[1:-1] if line.endswith("]") else ""
            continue
        key, equals, value = line.partition("=")
        if equals and section and key.strip():
            found.append((section, key.strip(), value.strip()))
    return UnitFile(tuple(found))


def _logical_lines(text: str) -> Iterator[str]:
    """Yield lines without comments; those that end in a backslash go on in the next."""
    pending = ""
    for line in text.removeprefix("\ufeff").split("\n"):
        stripped = line.strip(" \t\r")
        if stripped.startswith(("#", ";")):
            continue  # inside a continued line too
        # A backslash that is itself escaped continues nothing.
        backslashes = len(stripped) - len(stripped.rstrip("\\"))
        if backslashes % 2:
            pending += stripped[:-1] + " "
            continue
        whole = (pending + stripped).strip()
        pending = ""
        if whole:
            yield whole
    if pending.strip():
        yield pending.strip()


def words(value: str) -> list[str]:
    """Split a list at blanks; quotes hold words together, backslashes stay."""
    return ["".join(part) for part in _WORD.findall(value)]


_WORD = re.compile(r"\"([^\"]*)\"|'([^']*)'|([^\s\"']\S*)")


def expand(text: str, name: str) -> str | None:
    """Put the parts of the unit's own *name* in the place of specifiers.

    Returns:
        None where a specifier stands for what only a running system knows.
    """
    own = parse_name(name)
    if "%" not in text or own is None:
        return text if "%" not in text else None
    instance = own.instance or ""
    last = own.prefix.rpartition("-")[2]
    known = {
        "%": "%",
        "n": name,
        "N": name.rpartition(".")[0],
        "p": own.prefix,
        "P": unescape(own.prefix),
        "i": instance,
        "I": unescape(instance),
        "j": last,
        "J": unescape(last),
    }
    pieces = re.split(r"%(.)", text)
    if any(letter not in known for letter in pieces[1::2]):
        return None
    return "".join(known[p] if odd % 2 else p for odd, p in enumerate(pieces))


def unescape(text: str) -> str:
    r"""Undo the escaping of paths in unit names: ``-`` is a slash, ``\x2d`` a dash."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text.replace("-", "/"))


def escape(text: str) -> str:
    r"""Escape *text* for a unit's name: a slash becomes ``-``, other characters ``\xNN``."""
    escaped = []
    for index, byte in enumerate(text.encode()):
        character = chr(byte)
        if character == "/":
            escaped.append("-")
        elif re.fullmatch(r"[A-Za-z0-9:_]", character) or (character == "." and index):
            escaped.append(character)
        else:
            escaped.append(f"\\x{byte:02x}")
    return "".join(escaped)


def escape_path(path: str) -> str:
    """Return what a path is called in unit names; ``-`` for the root."""
    parts = [part for part in path.split("/") if part and part != "."]
    return escape("/".join(parts)) or "-"


def drop_in_names(name: str) -> list[str]:
    """Return the units whose ``.d`` folders count for *name*, the most special first.

    For ``a-b@c.service`` that are itself, its template, the same with ``a-``, and ``service``.
    """
    own = parse_name(name)
    if own is None:
        return []
    prefixes = [own.prefix]
    cut = own.prefix.rstrip("-")
    while "-" in cut:
        cut = cut.rpartition("-")[0]
        prefixes.append(f"{cut}-")
        cut = cut.rstrip("-")
    found = []
    for prefix in prefixes:
        if own.instance is None:
            found.append(f"{prefix}.{own.type}")
        else:
            found.append(f"{prefix}@{own.instance}.{own.type}")
            if own.instance:
                found.append(f"{prefix}@.{own.type}")
    return [*found, own.type]
