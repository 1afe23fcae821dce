"""The units that came into a Debian image with the packages that its user asked for.

Source: deb822(5) and dpkg-query(1) for the database; deb-control(5) for its fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bootwright.images.files import Files
from bootwright.images.image import Image
from bootwright.images.reading import Wanted, read

_STATUS = "/var/lib/dpkg/status"
_UNIT = re.compile(
    r"/(?:usr/lib|lib|etc)/systemd/system/([^/]+\.(?:service|socket|timer|path|mount|automount))"
)
_INIT_SCRIPT = re.compile(r"/etc/init\.d/([^/]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippedUnit:
    """A unit, the package that ships it, and the package for which that was installed."""

    unit: str
    package: str
    include: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Package:
    name: str
    is_base: bool
    """Whether it is in every Debian."""
    needs: tuple[str, ...]
    """The packages of its dependencies, all alternatives; virtual ones too."""
    provides: tuple[str, ...]
    is_same_for_all: bool
    """Whether its files are listed under its architecture (Multi-Arch: same)."""
    architecture: str


def units_of_included(image: Image, base: Iterable[str]) -> tuple[ShippedUnit, ...]:
    """Return the units of the packages that *image* was built to include, and of what they need.

    Args:
        base: Packages that are in the image whoever asked; they and what they need do not count.

    Raises:
        HostError, FormatError: as `read`.
    """
    if not image.include:
        return ()
    packages = _packages(read(image, Wanted(contents=(_STATUS,))).read(_STATUS) or b"")
    base = tuple(base)
    common = _closure(packages, [p.name for p in packages.values() if p.is_base] + list(base))
    found: dict[str, str] = {}
    for include in image.include:
        found.setdefault(include, include)
        for name in _closure(packages, [include]) - common:
            found.setdefault(name, include)
    lists = {name: _list_of(packages[name]) for name in found if name in packages}
    lists = {name: path for name, path in lists.items() if name not in base}
    files = read(image, Wanted(contents=tuple(lists.values())))
    return tuple(
        ShippedUnit(unit=unit, package=name, include=found[name])
        for name, path in lists.items()
        for unit in _units(files, path)
    )


def _packages(status: bytes) -> dict[str, _Package]:
    """Return the installed packages of a dpkg database."""
    found = {}
    for paragraph in status.decode("utf-8", "replace").split("\n\n"):
        fields = dict(
            line.split(": ", 1)
            for line in paragraph.splitlines()
            if ": " in line and line[0] not in " \t"
        )
        if "Package" in fields and fields.get("Status", "").endswith(" installed"):
            found[fields["Package"]] = _package(fields)
    return found


def _package(fields: dict[str, str]) -> _Package:
    needs = [fields.get("Pre-Depends", ""), fields.get("Depends", "")]
    return _Package(
        name=fields["Package"],
        is_base=fields.get("Essential") == "yes" or fields.get("Priority") == "required",
        needs=tuple(name for value in needs for name in _names(value)),
        provides=tuple(_names(fields.get("Provides", ""))),
        is_same_for_all=fields.get("Multi-Arch") == "same",
        architecture=fields.get("Architecture", ""),
    )


def _names(value: str) -> list[str]:
    """Return the packages of a dependency field, without versions and architectures."""
    words = (word.split() for word in re.split(r"[,|]", value))
    return [word[0].partition(":")[0] for word in words if word]


def _closure(packages: dict[str, _Package], names: Iterable[str]) -> set[str]:
    """Return the installed ones of *names*, with all that they need."""
    providers: dict[str, list[str]] = {}
    for package in packages.values():
        for virtual in package.provides:
            providers.setdefault(virtual, []).append(package.name)
    found: set[str] = set()
    queue = list(names)
    while queue:
        name = queue.pop()
        if name in packages and name not in found:
            found.add(name)
            queue += packages[name].needs
        elif name not in packages:
            queue += [other for other in providers.get(name, ()) if other not in found]
    return found


def _list_of(package: _Package) -> str:
    name = package.name
    if package.is_same_for_all:
        name += f":{package.architecture}"
    return f"/var/lib/dpkg/info/{name}.list"


def _units(files: Files, path: str) -> list[str]:
    units = []
    for line in (files.read(path) or b"").decode("utf-8", "replace").splitlines():
        if unit := _UNIT.fullmatch(line):
            units.append(unit[1])
        elif script := _INIT_SCRIPT.fullmatch(line):
            units.append(f"{script[1]}.service")
    return list(dict.fromkeys(units))
