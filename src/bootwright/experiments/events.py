"""What experiments report while they run, beside notices and progress."""

from __future__ import annotations

from dataclasses import dataclass

from bootwright.events import Event
from bootwright.history.measurement import Measurement, Sample, SideName


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeDropped(Event):
    """A side has a change that it is compared with already, and is booted without it."""

    side: SideName
    change: str
    """What that takes, as the text of a change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckBegun(Event):
    """A boot of a budget file is about to be measured."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementEvent(Event):
    """Base of what happens to a measurement."""

    measurement: Measurement
    """With all samples that there are by now."""

    @property
    def taken(self) -> int:
        """How many boots are over."""
        return len(self.measurement.samples)

    @property
    def planned(self) -> int:
        """How many boots there are at most."""
        return self.measurement.plan.looks[-1] * len(self.measurement.sides)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementBegun(MeasurementEvent):
    """Its first boot comes next, or where it is resumed, the first that is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleTaken(MeasurementEvent):
    """One of its boots is over, and stored."""

    sample: Sample
    left_s: float
    """How long the boots that are left may take, at the pace of those that this run has taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementInterrupted(MeasurementEvent):
    """It ends before its plan does, by an error or a cancellation; it can be resumed."""
