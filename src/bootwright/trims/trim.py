"""Trim: what a boot leaves out, chosen by a list of units to keep, on the image's real graph.

What goes is what something that stays would start (by a .wants folder or Wants=) and that is
neither kept nor needed by what is kept. Targets, slices and what /etc/fstab names stay: they are
the frame of a boot, and cost next to nothing.

The initramfs copies a trim to /run; the image is not changed. An empty file is a mask, for a unit
in /run/systemd/system.control, which systemd reads before /etc/systemd/system, and for a generator
in /run/systemd/system-generators.

Source: systemd.unit(5), "Unit File Load Path" and masks; systemd.generator(7); null_or_empty() in
src/basic/stat-util.c.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass

from bootwright.digest import Digest
from bootwright.guest.initramfs import GUEST_RUN
from bootwright.systemd.graph import STARTS, Edge, Graph
from bootwright.trims.bus_calls import Calls
from bootwright.trims.kept import DEFAULT_KEEP, FRAME, KeptUnits

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
"""Generators that can go where nothing of what they make is kept, with what that is.

Not among them: fstab's, which mounts; debug's and run's, which read the kernel command line;
gpt-auto's, which may mount partitions; and those that we do not know.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """A unit that is not started, whoever wants it."""

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
    """What a boot leaves out, with the reasons."""

    name: str
    image: Digest
    """The image that it was made from."""
    keep: tuple[str, ...]
    """The units and globs that were asked to stay."""
    masks: tuple[Mask, ...] = ()
    generators: tuple[DroppedGenerator, ...] = ()
    drop_ins: tuple[DropIn, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptUnit:
    """A unit that stays, and why."""

    unit: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrimPlan:
    """A trim, and what people want to know before they use it."""

    trim: Trim
    stays: tuple[KeptUnit, ...]
    """All of the boot that stays, but for targets, slices and devices."""
    notes: tuple[str, ...]


def plan_trim(
    graph: Graph, *, name: str, image: Digest, keep: tuple[str, ...] = DEFAULT_KEEP
) -> TrimPlan:
    """Work out what goes and what stays.

    Args:
        name: What the trim is to be called.
        image: What *graph* was read from.
        keep: Units to keep, and globs of them.
    """
    staying = KeptUnits(graph, keep)
    masks = tuple(_masks(graph, staying.reasons))
    calls = Calls(graph, staying.reasons, frozenset(mask.unit for mask in masks))
    masks += tuple(Mask(unit=alias, reason=reason) for alias, reason in calls.aliases())
    dropped = tuple(_dropped(graph, staying.reasons))
    stays = tuple(
        KeptUnit(unit=unit, reason=reason)
        for unit, reason in sorted(staying.reasons.items())
        if graph.units[unit].type not in FRAME
        and graph.units[unit].state not in ("masked", "missing")
    )
    notes = [*staying.notes, *calls.notes()]
    notes += [f"{warning.place} {warning.text}" for warning in graph.warnings]
    unknown = [
        generator
        for generator in graph.generators
        if generator not in _GENERATORS and not generator.startswith("systemd-")
    ]
    if unknown:
        notes.append(f"what these generators make is not known, and stays: {', '.join(unknown)}")
    trim = Trim(name=name, image=image, keep=keep, masks=masks, generators=dropped)
    return TrimPlan(trim=trim, stays=stays, notes=tuple(notes))


def guest_files(trim: Trim) -> dict[str, tuple[bytes, int]]:
    """Return what the initramfs carries so that a boot is trimmed: ``{path: (content, mode)}``."""
    control = f"{GUEST_RUN}/systemd/system.control"
    generators = f"{GUEST_RUN}/systemd/system-generators"
    names = [dropped.path.rpartition("/")[2] for dropped in trim.generators]
    return {
        **{f"{control}/{mask.unit}": (b"", 0o644) for mask in trim.masks},
        **{f"{generators}/{name}": (b"", 0o644) for name in names},
        **{f"{control}/{d.path}": (d.content.encode(), 0o644) for d in trim.drop_ins},
    }


def _masks(graph: Graph, staying: dict[str, str]) -> Iterator[Mask]:
    """Yield what something that stays would start, and that does not stay itself."""
    for name, unit in graph.units.items():
        if name in staying or unit.state in ("masked", "missing") or unit.type in FRAME:
            continue
        by = [edge for edge in graph.edges_to(name, STARTS) if edge.source in staying]
        if by:
            yield Mask(unit=name, reason=_why(graph, by[0], staying))


def _why(graph: Graph, edge: Edge, staying: dict[str, str]) -> str:
    gone = [
        target.target
        for target in graph.edges_from(edge.target, ("Triggers",))
        if target.target not in staying and graph.edges_to(target.target, STARTS)
    ]
    reason = f"wanted by {edge.source}"
    return f"{reason}; it starts {gone[0]}, which goes too" if gone else reason


def _dropped(graph: Graph, staying: dict[str, str]) -> Iterator[DroppedGenerator]:
    for name, path in sorted(graph.generators.items()):
        made = _GENERATORS.get(name)
        if made is None:
            continue
        if name == "systemd-sysv-generator":
            kept = [
                unit
                for unit in staying
                if graph.units[unit].state == "generated"
                and unit.endswith(".service")
                and not fnmatch.fnmatch(unit, "*getty@*")
            ]
        else:
            kept = [u for u in staying if any(fnmatch.fnmatch(u, pattern) for pattern in made)]
        kept = [unit for unit in kept if graph.units[unit].type not in ("slice", "device")]
        if not kept:
            yield DroppedGenerator(path=path, reason="nothing that it makes is kept")
