"""What a library function reported."""

from __future__ import annotations

from bootwright.events import Event, Notice, Progress


class Observed:
    """An observer that keeps all that it is given."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    @property
    def progress(self) -> list[tuple[str, float | None]]:
        return [(event.step, event.share) for event in self.events if isinstance(event, Progress)]

    @property
    def steps(self) -> list[str]:
        return [step for step, _ in self.progress]

    @property
    def shares(self) -> list[float]:
        return [share for _, share in self.progress if share is not None]

    @property
    def notices(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Notice)]
