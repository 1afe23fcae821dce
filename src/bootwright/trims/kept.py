"""Which units a trim keeps, and why: the requested ones, what they need, and the boot's frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bootwright.systemd import presets, sysusers, tmpfiles
from bootwright.systemd.busnames import BUS
from bootwright.systemd.graph import NEEDS, STARTS, Edge, Graph
from bootwright.systemd.implied import Kind

DEFAULT_KEEP = (
    "ssh.service",
    "ssh.socket",
    "sshd.service",
    "sshd.socket",
    "systemd-user-sessions.service",
    "systemd-remount-fs.service",
    "systemd-journald*",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "sys-kernel-config.mount",
)
"""Enough to log in, write to the root filesystem and read the journal."""

FRAME = ("target", "slice", "device", "scope")
"""Types of units that run nothing."""

SERVERS = ("ssh.service", "ssh.socket", "sshd.service", "sshd.socket")

_DEVICE_MANAGER = (
    *("systemd-udevd.service", "systemd-udev-trigger.service"),
    *("systemd-udevd-control.socket", "systemd-udevd-kernel.socket"),
)
"""Without these no device unit becomes active, and units that wait for one never start."""

_LOGINS = "systemd-user-sessions.service"

_VERBS = {"Wants": "wants", "Upholds": "wants", "Triggers": "starts"}


@dataclass(slots=True)
class KeptUnits:
    """Determine the units that a trim keeps.

    Args:
        graph: The image's unit graph.
        keep: Units to keep, and globs of them.
        included: Further ones, of packages; it is no mistake that a boot does not start them.
    """

    graph: Graph
    keep: tuple[str, ...]
    included: Mapping[str, str] = field(default_factory=dict)
    """Units and globs to keep where a boot starts them, with the reason."""
    reasons: dict[str, str] = field(default_factory=dict)
    """``{unit: why it is kept}``"""
    notes: list[str] = field(default_factory=list)
    _boot: dict[str, Edge | None] = field(init=False)
    _bus: tuple[str, ...] = field(init=False)
    """The units of D-Bus that a boot starts."""
    _called: dict[str, str] = field(default_factory=dict)
    """``{unit: the D-Bus name whose first caller starts it}``"""
    _kept: set[str] = field(default_factory=set)
    """Units whose Wants= count too: the requested ones, and what they need."""

    def __post_init__(self) -> None:
        self._boot = self._reached()
        self._bus = tuple(
            unit for name in BUS if (unit := self.graph.real_name(name)) in self._boot
        )
        if self._bus:
            for bus_name, alias in self.graph.bus_names.items():
                self._called.setdefault(self.graph.real_name(alias), bus_name)
        for unit in self._boot:
            if self.graph.units[unit].type in FRAME:
                self.reasons[unit] = "it runs nothing"
            elif self.graph.units[unit].state == "implicit":
                self.reasons[unit] = "it exists before systemd starts"
        self._keep_asked()
        for unit in self._boot:
            made = self.graph.units[unit]
            if made.state == "generated" and made.type in ("mount", "swap", "automount"):
                self._keep(unit, "/etc/fstab names it")
        visited: set[str] = set()
        while new := [unit for unit in self.reasons if unit not in visited]:
            for unit in new:
                self._keep_needed_by(unit, NEEDS)
            visited.update(new)

    def _reached(self) -> dict[str, Edge | None]:
        """Return the units that a boot starts, or may start by sockets, timers and paths."""
        reached = self.graph.started_by()
        queue = list(reached)
        while queue:
            unit = queue.pop()
            for edge in self.graph.edges_from(unit, ("Triggers",)):
                for name, by in self.graph.started_by(edge.target).items():
                    if name not in reached:
                        reached[name] = by or edge
                        queue.append(name)
        return reached

    def _keep_asked(self) -> None:
        asked: list[str] = []
        for pattern in self.keep:
            found = [
                unit
                for unit in self.graph.matching(pattern)
                if self.graph.units[unit].state not in ("missing", "masked")
            ]
            usable = [unit for unit in found if unit in self._boot or unit in self._called]
            if not usable and pattern not in DEFAULT_KEEP:
                self.notes.append(self._why_not(pattern, found))
            for unit in usable:
                self.reasons.setdefault(unit, f"kept by {pattern}")
            asked += usable
        for pattern, reason in self.included.items():
            usable = [unit for unit in self.graph.matching(pattern) if self._is_started(unit)]
            for unit in usable:
                self.reasons.setdefault(unit, reason)
            asked += usable
        for unit in asked:
            self._keep(unit, self.reasons[unit])

    def _is_started(self, unit: str) -> bool:
        state = self.graph.units[unit].state
        return unit in self._boot and state not in ("missing", "masked")

    def _why_not(self, pattern: str, found: list[str]) -> str:
        """Explain why no unit that matches *pattern* can be kept."""
        text = f"--keep {pattern}: a boot of the image does not start it"
        if len(found) > 1:
            return text
        file = self.graph.units[found[0]].file
        by = [edge.source for edge in self.graph.edges_to(found[0], (*STARTS, "Triggers"))]
        enabled = [unit for unit in by if unit in presets.wanted_by(file)]
        if enabled or (by and presets.is_static(file)):
            return f"{text}, nor {(enabled or by)[0]}, which would start it"
        return f"{text}: {presets.why_not_started(found[0], file, self.graph.presets)}"

    def _keep(self, unit: str, reason: str) -> None:
        """Keep a unit, with all that it starts and all that triggers it."""
        if unit in self._kept:
            return
        self.reasons.setdefault(unit, reason)
        self._kept.add(unit)
        self._keep_needed_by(unit, (*STARTS, "Triggers"))
        for edge in self.graph.edges_to(unit, ("Triggers",)):
            if edge.source in self._boot:
                self._keep(edge.source, f"it starts {unit}")
        self._keep_bus_of(unit)
        self._keep_makers_for(unit)

    def _keep_needed_by(self, unit: str, kinds: tuple[Kind, ...]) -> None:
        for edge in self.graph.edges_from(unit, kinds):
            target = self.graph.units[edge.target]
            if target.type == "device" and edge.kind in NEEDS:
                self._keep_device_manager(unit)
            if target.type in FRAME:
                self.reasons.setdefault(target.name, "it runs nothing")
                continue
            verb = _VERBS.get(edge.kind, "requires")
            self._keep(target.name, f"{unit} {verb} it")

    def _keep_device_manager(self, unit: str) -> None:
        for name in _DEVICE_MANAGER:
            if name in self._boot and name not in self._kept:
                self._keep(name, f"{unit} waits for a device")

    def _keep_bus_of(self, unit: str) -> None:
        """Keep D-Bus for a unit with a bus name, or one that is ordered after D-Bus."""
        bus_name = self.graph.units[unit].file.last("Service", "BusName") or self._called.get(unit)
        for name in self._bus:
            if unit in self._bus or name in self._kept:
                continue
            if bus_name:
                self._keep(name, f"{unit} has the bus name {bus_name}")
            elif any(edge.target in self._bus for edge in self.graph.edges_from(unit, ("After",))):
                self._keep(name, f"{unit} is ordered after it")

    def _keep_makers_for(self, unit: str) -> None:
        """Keep the services that create a unit's paths and users, and what removes /run/nologin."""
        file = self.graph.units[unit].file
        path = tmpfiles.needed_by(unit, file, self.graph.paths)
        if path and tmpfiles.SERVICE in self._boot:
            self._keep(tmpfiles.SERVICE, f"{unit} needs {path.path}, created by {path.origin}")
        user = sysusers.needed_by(file, self.graph.users)
        if user and sysusers.SERVICE in self._boot:
            self._keep(sysusers.SERVICE, f"{unit} runs as {user.name}, created by {user.origin}")
        if unit == tmpfiles.SERVICE and _LOGINS in self._boot:
            for made in self.graph.paths:
                if made.path == tmpfiles.NOLOGIN:
                    self._keep(_LOGINS, f"it removes {made.path}, created by {made.origin}")
