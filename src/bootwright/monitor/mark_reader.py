"""The guest's mark port: lines that begin with the machine's token are marks, the rest is output.

The host's clock is read when bytes arrive, before they are parsed.
"""

from __future__ import annotations

from bootwright.recipes.recipe import Recipe
from bootwright.timelines.marks import MarkName
from bootwright.timelines.recorder import Mark


def end_of(recipe: Recipe) -> str:
    """Return the mark that ends an unattended boot; see `collect`."""
    return MarkName.COMMAND_START if recipe.init == "none" else MarkName.SSHD_ACCEPTING


class MarkReader:
    """Separates marks from output on the mark port.

    Args:
        token: The prefix of every mark; random, so that no output looks like one.
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._rest = b""

    def feed(self, data: bytes, time_ns: int) -> list[bytes | tuple[Mark, str]]:
        """Parse *data* that arrived at *time_ns*.

        Returns:
            Its parts in order: output, and marks with their details.
        """
        self._rest += data
        found: list[bytes | tuple[Mark, str]] = []
        while self._rest:
            position = self._rest.find(self._token)
            if position < 0:
                # The end may be the start of a token, or of the newline before one.
                end = len(self._rest) - self._partial_token()
                found.append(self._rest[:end])
                self._rest = self._rest[end:]
                break
            found.append(self._before_mark(position))
            end = self._rest.find(b"\n", position)
            if end < 0:
                self._rest = self._rest[position:]
                break
            line = self._rest[position + len(self._token) : end].decode("utf-8", "replace")
            name, _, detail = line.strip().partition(" ")
            found.append((Mark(name=name, time_ns=time_ns), detail))
            self._rest = self._rest[end + 1 :]
        return [item for item in found if item]

    def rest(self) -> bytes:
        """Return the bytes held back as the possible start of a mark, at the end of input."""
        rest, self._rest = self._rest, b""
        return rest

    def _before_mark(self, position: int) -> bytes:
        """Return the output before a token, without the newline that precedes the mark."""
        return self._rest[:position].removesuffix(b"\n")

    def _partial_token(self) -> int:
        """Return how many bytes at the end may be the start of a token."""
        separator = b"\n" + self._token
        for length in range(min(len(self._rest), len(separator)), 0, -1):
            tail = self._rest[-length:]
            if separator.startswith(tail) or self._token.startswith(tail):
                return length
        return 0
