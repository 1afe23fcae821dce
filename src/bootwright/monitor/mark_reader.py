"""The guest's mark port: lines that begin with the machine's token are marks, all else is output.

The host's clock is read when bytes arrive, before they are looked at.
"""

from __future__ import annotations

from bootwright.recipes.recipe import Recipe
from bootwright.timelines.recorder import Mark


def end_of(recipe: Recipe) -> str:
    """Return the mark at which a boot that ends by itself has ended; see `collect`."""
    return "command.start" if recipe.init == "none" else "sshd.accepting"


class MarkReader:
    """Tells marks from output in what a guest sends over its mark port.

    Args:
        token: Begins every mark; random, so that no output can be taken for one.
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._rest = b""

    def feed(self, data: bytes, time_ns: int) -> list[bytes | tuple[Mark, str]]:
        """Take in *data* that arrived at *time_ns*.

        Returns:
            What is in it, in its order: output, and marks, each with its detail.
        """
        self._rest += data
        found: list[bytes | tuple[Mark, str]] = []
        while self._rest:
            position = self._rest.find(self._token)
            if position < 0:
                # The end may be the beginning of a token, or of the newline before one.
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
        """Return what was held back as it might have begun a mark; nothing comes any more."""
        rest, self._rest = self._rest, b""
        return rest

    def _before_mark(self, position: int) -> bytes:
        """Return the output before a token; less the newline that sets the mark off."""
        return self._rest[:position].removesuffix(b"\n")

    def _partial_token(self) -> int:
        """Return how many bytes at the end may belong to a token that is still to come."""
        set_off = b"\n" + self._token
        for length in range(min(len(self._rest), len(set_off)), 0, -1):
            tail = self._rest[-length:]
            if set_off.startswith(tail) or self._token.startswith(tail):
                return length
        return 0
