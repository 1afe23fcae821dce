"""The guest's mark port: lines that begin with the machine's token are marks, all else is output.

The host's clock is read when bytes arrive, before they are looked at.
"""

from __future__ import annotations

from bootwright.timeline.recorder import Mark


class MarkReader:
    """Tells marks from output in what a guest sends over its mark port.

    Args:
        token: Begins every mark; random, so that no output can be taken for one.
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._rest = b""

    def feed(self, data: bytes, time_ns: int) -> tuple[bytes, list[tuple[Mark, str]]]:
        """Take in *data* that arrived at *time_ns*.

        Returns:
            The output in it, and the marks, each with its detail.
        """
        self._rest += data
        output = bytearray()
        marks = []
        while self._rest:
            position = self._rest.find(self._token)
            if position < 0:
                # The end may be the beginning of a token, or of the newline before one.
                keep = self._partial_token()
                output += self._rest[: len(self._rest) - keep]
                self._rest = self._rest[len(self._rest) - keep :]
                break
            end = self._rest.find(b"\n", position)
            if end < 0:
                output += self._before_mark(position)
                self._rest = self._rest[position:]
                break
            output += self._before_mark(position)
            line = self._rest[position + len(self._token) : end].decode("utf-8", "replace")
            name, _, detail = line.strip().partition(" ")
            marks.append((Mark(name=name, time_ns=time_ns), detail))
            self._rest = self._rest[end + 1 :]
        return bytes(output), marks

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
