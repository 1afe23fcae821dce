"""What becomes of calls over D-Bus in a trimmed boot: who is called may be masked.

A service that only a call starts costs a boot nothing, so it is left as it is. One that goes is
masked by its own name alone, and D-Bus starts it by an alias: systemd 252 and 257 fail to load that
("File exists") until the alias is masked too, which gives the caller a clear error at once.

Source: signal_activation_request() in src/core/dbus.c, which answers a failure without a delay;
merge_by_names() in src/core/load-fragment.c.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bootwright.systemd.busnames import BUS
from bootwright.systemd.graph import NEEDS, Graph


@dataclass(frozen=True, slots=True)
class Calls:
    """The services that D-Bus would start when they are called."""

    graph: Graph
    staying: Mapping[str, str]
    """``{unit: why it stays}``"""
    masked: frozenset[str]
    """The units that are masked by their own names."""

    def aliases(self) -> Iterator[tuple[str, str]]:
        """Yield each name by which D-Bus would start a unit that is masked, with the reason."""
        for _, alias, unit in self._startable():
            if unit in self.masked and alias != unit:
                yield alias, f"D-Bus starts {unit} by this name, which goes too"

    def notes(self) -> Iterator[str]:
        """Yield what callers will meet, in words."""
        if not self.masked:
            return
        as_before = []
        for bus_name, _, unit in self._startable():
            if unit in self.masked:
                yield (
                    f"D-Bus stays, and {unit} goes: who calls {bus_name} gets an error at once; "
                    f"--keep {unit} changes that"
                )
            elif missing := self._misses(unit):
                yield f"D-Bus stays, but cannot start {unit}, which requires {missing}, which goes"
            elif unit not in self.staying:
                as_before.append(unit)
        if as_before:
            yield f"D-Bus starts these when they are called, as before: {', '.join(as_before)}"

    def _startable(self) -> Iterator[tuple[str, str, str]]:
        """Yield bus name, alias and unit of each, where D-Bus itself stays."""
        if not any(self.graph.real_name(name) in self.staying for name in BUS):
            return
        for bus_name, alias in sorted(self.graph.bus_names.items()):
            unit = self.graph.real_name(alias)
            if unit in self.graph.units and self.graph.units[unit].state == "loaded":
                yield bus_name, alias, unit

    def _misses(self, unit: str) -> str:
        """Return what is masked of all that a unit needs to start; empty: nothing."""
        seen = {unit}
        queue = [unit]
        while queue:
            for edge in self.graph.edges_from(queue.pop(), NEEDS):
                if edge.target in self.masked:
                    return edge.target
                if edge.target not in seen:
                    seen.add(edge.target)
                    queue.append(edge.target)
        return ""
