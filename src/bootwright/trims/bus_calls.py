"""D-Bus activation in a trimmed boot: the service that a call would start may be masked.

A service that only a call starts costs a boot nothing, so it is not masked. D-Bus starts a service
by an alias: while only its real name is masked, systemd 252 and 257 fail to load the alias
("File exists"). With the alias masked too, the caller gets a clear error at once.

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
    """The services that D-Bus starts on demand."""

    graph: Graph
    kept: Mapping[str, str]
    """``{unit: why it is kept}``"""
    masked: frozenset[str]
    """The units that are masked by their own names."""

    def aliases(self) -> Iterator[tuple[str, str]]:
        """Yield each alias by which D-Bus would start a masked unit, with the reason."""
        for _, alias, unit in self._startable():
            if unit in self.masked and alias != unit:
                yield alias, f"D-Bus starts {unit} by this name, which is masked too"

    def notes(self) -> Iterator[str]:
        """Yield a note for each call that will fail, and one for those that still work."""
        if not self.masked:
            return
        on_demand = []
        for bus_name, _, unit in self._startable():
            if unit in self.masked:
                yield (
                    f"D-Bus is kept but {unit} is masked: calls to {bus_name} fail at once; "
                    f"--keep {unit} keeps it"
                )
            elif missing := self._masked_need(unit):
                yield f"D-Bus cannot start {unit}: it requires {missing}, which is masked"
            elif unit not in self.kept:
                on_demand.append(unit)
        if on_demand:
            yield f"D-Bus still starts these on demand: {', '.join(on_demand)}"

    def _startable(self) -> Iterator[tuple[str, str, str]]:
        """Yield bus name, alias and unit of each service, if D-Bus itself is kept."""
        if not any(self.graph.real_name(name) in self.kept for name in BUS):
            return
        for bus_name, alias in sorted(self.graph.bus_names.items()):
            unit = self.graph.real_name(alias)
            if unit in self.graph.units and self.graph.units[unit].state == "loaded":
                yield bus_name, alias, unit

    def _masked_need(self, unit: str) -> str:
        """Return the first masked unit among all that *unit* needs to start; empty: none."""
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
