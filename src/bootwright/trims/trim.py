"""Trim: the units that a boot does not start, from a list of units to keep and the unit graph.

A unit is masked if a kept unit would start it (by a .wants folder or Wants=) and it is neither kept
nor needed by a kept unit. Targets, slices and the mounts of /etc/fstab are always kept: they are
the frame of a boot, and cost next to nothing.

The initramfs writes a trim to /run; the image is not changed. An empty file is a mask, for a unit
in /run/systemd/system.control, which systemd reads before /etc/systemd/system, and for a generator
in /run/systemd/system-generators.

Source: systemd.unit(5), "Unit File Load Path" and masks; systemd.generator(7); null_or_empty() in
src/basic/stat-util.c.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bootwright.digest import Digest
from bootwright.guest.initramfs import GUEST_RUN
from bootwright.systemd.graph import STARTS, Edge, Graph
from bootwright.trims.asked import units_asked_for
from bootwright.trims.bus_calls import Calls
from bootwright.trims.kept import DEFAULT_KEEP, FRAME, SERVERS, KeptUnits

NO_SERVER = "no SSH server is kept: bootwright run refuses this trim, as nobody could log in"

_GENERATORS = {
    "systemd-cryptsetup-generator": ("systemd-cryptsetup@*",),
    "systemd-getty-generator": ("*getty@*",),
    "systemd-hibernate-resume-generator": ("systemd-hibernate-resume*",),
    "systemd-integritysetup-generator": ("systemd-integritysetup@*",),
    "systemd-rc-local-generator": ("rc-local.service",),
    "systemd-ssh-generator": ("sshd-*.socket",),
    "systemd-system-update-generator": ("system-update*",),
    "systemd-sysv-generator": (),
    "systemd-tpm2-generator": ("tpm2.target", "systemd-tpm2*"),
    "systemd-veritysetup-generator": ("systemd-veritysetup@*",),
}
"""Generators that can be masked if none of their units is kept, with patterns of these units.

Never masked: fstab's, which mounts; debug's and run's, which read the kernel command line;
gpt-auto's, which may mount partitions; and unknown ones.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """A unit that nothing can start."""

    unit: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedGenerator:
    """A generator that does not run."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DropIn:
    """A file that changes a unit, such as ``ssh.service.d/10-fast.conf``."""

    path: str
    """Below /run/systemd/system.control."""
    content: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trim:
    """What a boot does not start, with the reasons."""

    name: str
    image: Digest
    """The image that it was made from."""
    keep: tuple[str, ...]
    """The units and globs to keep."""
    masks: tuple[Mask, ...] = ()
    generators: tuple[DroppedGenerator, ...] = ()
    drop_ins: tuple[DropIn, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptUnit:
    """A unit that is kept, and why."""

    unit: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrimPlan:
    """A trim, with what it keeps and notes for the user."""

    trim: Trim
    kept_units: tuple[KeptUnit, ...]
    """All kept units except targets, slices and devices."""
    notes: tuple[str, ...]


def plan_trim(
    graph: Graph,
    *,
    name: str,
    image: Digest,
    keep: tuple[str, ...] = DEFAULT_KEEP,
    included: Mapping[str, str] = MappingProxyType({}),
) -> TrimPlan:
    """Decide which units to mask and which to keep.

    Args:
        name: The trim's name.
        image: The image that *graph* was read from.
        keep: Units to keep, and globs of them; the default ones need not exist.
        included: Units and globs to keep where a boot starts them: ``{unit or glob: why}``.

    Raises:
        InputError: *keep* has a word that names no unit of the image.
    """
    own = units_asked_for(graph, [word for word in keep if word not in DEFAULT_KEEP])
    keep = (*(word for word in keep if word in DEFAULT_KEEP), *own)
    kept = KeptUnits(graph, keep, included)
    masks = tuple(_masks(graph, kept.reasons))
    calls = Calls(graph, kept.reasons, frozenset(mask.unit for mask in masks))
    masks += tuple(Mask(unit=alias, reason=reason) for alias, reason in calls.aliases())
    dropped = tuple(_dropped(graph, kept.reasons))
    kept_units = tuple(
        KeptUnit(unit=unit, reason=reason)
        for unit, reason in sorted(kept.reasons.items())
        if graph.units[unit].type not in FRAME
        and graph.units[unit].state not in ("masked", "missing")
    )
    notes = [*kept.notes, *_notes_of(kept.reasons, included), *calls.notes()]
    notes += [f"{warning.place} {warning.text}" for warning in graph.warnings]
    unknown = [
        generator
        for generator in graph.generators
        if generator not in _GENERATORS and not generator.startswith("systemd-")
    ]
    if unknown:
        notes.append(f"unknown generators, kept with their units: {', '.join(unknown)}")
    started = tuple(
        pattern
        for pattern, reason in included.items()
        if any(kept.reasons.get(unit) == reason for unit in graph.matching(pattern))
    )
    trim = Trim(
        name=name,
        image=image,
        keep=tuple(dict.fromkeys((*keep, *started))),
        masks=masks,
        generators=dropped,
    )
    if not any(server in kept.reasons for server in SERVERS):
        notes.insert(0, NO_SERVER)
    return TrimPlan(trim=trim, kept_units=kept_units, notes=tuple(notes))


def guest_files(trim: Trim) -> dict[str, tuple[bytes, int]]:
    """Return the files that the initramfs writes to apply *trim*: ``{path: (content, mode)}``."""
    control = f"{GUEST_RUN}/systemd/system.control"
    generators = f"{GUEST_RUN}/systemd/system-generators"
    names = [dropped.path.rpartition("/")[2] for dropped in trim.generators]
    return {
        **{f"{control}/{mask.unit}": (b"", 0o644) for mask in trim.masks},
        **{f"{generators}/{name}": (b"", 0o644) for name in names},
        **{f"{control}/{d.path}": (d.content.encode(), 0o644) for d in trim.drop_ins},
    }


def _notes_of(kept: dict[str, str], included: Mapping[str, str]) -> Iterator[str]:
    """Yield what was kept for included packages."""
    for reason in dict.fromkeys(included.values()):
        if units := [unit for unit, why in kept.items() if why == reason]:
            yield f"kept {', '.join(units)}: {reason}"


def _masks(graph: Graph, kept: dict[str, str]) -> Iterator[Mask]:
    """Yield the units that a kept unit would start and that are not kept."""
    for name, unit in graph.units.items():
        if name in kept or unit.state in ("masked", "missing") or unit.type in FRAME:
            continue
        by = [edge for edge in graph.edges_to(name, STARTS) if edge.source in kept]
        if by:
            yield Mask(unit=name, reason=_why(graph, by[0], kept))


def _why(graph: Graph, edge: Edge, kept: dict[str, str]) -> str:
    masked = [
        target.target
        for target in graph.edges_from(edge.target, ("Triggers",))
        if target.target not in kept and graph.edges_to(target.target, STARTS)
    ]
    reason = f"wanted by {edge.source}"
    return f"{reason}; it starts {masked[0]}, which is masked too" if masked else reason


def _dropped(graph: Graph, kept: dict[str, str]) -> Iterator[DroppedGenerator]:
    for name, path in sorted(graph.generators.items()):
        made = _GENERATORS.get(name)
        if made is None:
            continue
        if name == "systemd-sysv-generator":
            used = [
                unit
                for unit in kept
                if graph.units[unit].state == "generated"
                and unit.endswith(".service")
                and not fnmatch.fnmatch(unit, "*getty@*")
            ]
        else:
            used = [u for u in kept if any(fnmatch.fnmatch(u, pattern) for pattern in made)]
        used = [unit for unit in used if graph.units[unit].type not in ("slice", "device")]
        if not used:
            yield DroppedGenerator(path=path, reason="none of its units is kept")
