"""A page as a browser would see it, for tests."""

from __future__ import annotations

from html.parser import HTMLParser


class Seen(HTMLParser):
    """Tags, attributes and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        """Tag, name, value."""
        self.facts: dict[str, str] = {}
        self.first_in_main = ""
        self.labels: list[str] = []
        """Of what shows a card."""
        self._fact = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag."""
        if self.tags and self.tags[-1] == "main":
            self.first_in_main = tag
        self.tags.append(tag)
        found = {name: value or "" for name, value in attrs}
        self.attributes += [(tag, name, value) for name, value in found.items()]
        if "id" in found:
            self.ids.append(found["id"])
        if "mark" in found.get("class", "").split():
            self.labels.append(found["aria-label"])

    def handle_data(self, data: str) -> None:
        """Keep a fact."""
        if self.lasttag == "dt" and data.strip():
            self._fact = data
        elif self.lasttag == "dd" and data.strip():
            self.facts[self._fact] = data

    def with_class(self, name: str) -> int:
        """Return how many elements have a class."""
        return sum(kind == "class" and name in value.split() for _, kind, value in self.attributes)


def assert_is_whole(text: str) -> Seen:
    """See that a page needs nothing else, runs only its own script, and begins with a picture."""
    seen = Seen(text)
    assert seen.first_in_main == "figure"
    assert seen.tags.count("script") == 1
    assert len(seen.ids) == len(set(seen.ids))
    for tag, name, value in seen.attributes:
        assert name != "style", "the policy forbids styles of single elements"
        assert not name.startswith("on")
        assert name not in ("src", "href") or value == "data:,", tag
    return seen
