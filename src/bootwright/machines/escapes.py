"""A guest's output as a terminal may be given it: text, and only the escape sequences that fit.

A terminal answers some sequences (where is the cursor, which colours are set, what is the title),
and what it answers is typed into whatever reads its keys. Output that is shown later than it was
printed must not ask: nobody waits for the answer any more. Other sequences move the cursor over
what stands there already, write to the clipboard, or leave the terminal in another mode.

Source: ECMA-48 for the forms of control sequences and strings; xterm's ctlseqs for what they do.
"""

from __future__ import annotations

import codecs
import re
from typing import Literal

Mode = Literal["plain", "coloured", "live"]
"""What passes. ``plain``: text. ``coloured``: colours too, for output that was printed before.
``live``: all that a program at the other end of a terminal may need, for output that is printed
now: it may ask, as it waits for the answer."""

_LONGEST = 4096
"""How many characters a control string may have; what never ends is shown as text."""

# A string ends at a newline too: one that was cut short must not swallow the lines behind it.
_BODY = r"[^\x00-\x1f\x7f-\x9f]*"
_SEQUENCE = re.compile(
    rf"(?P<csi>(?:\x1b\[|\x9b)(?P<parameters>[0-?]*)(?P<final>[ -/]*[@-~]))"
    rf"|(?P<osc>(?:\x1b\]|\x9d)(?P<body>{_BODY})(?:\x07|\x1b\\|\x9c))"
    rf"|(?P<string>(?:\x1b[PX^_]|[\x90\x98\x9e\x9f]){_BODY}(?:\x07|\x1b\\|\x9c))"
    r"|(?P<broken>\x1b\[[0-?]*[ -/]*|\x1b[\]PX^_])"
    r"|(?P<escape>\x1b[ -/]*[0-~])"
    r"|(?P<newline>\r+\n)"
    r"|(?P<control>[\x00-\x1f\x7f-\x9f])"
)
_UNFINISHED = re.compile(
    r"(?:\r+|\x1b[ -/]*|(?:\x1b\[|\x9b)[0-?]*[ -/]*"
    rf"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f]){_BODY}\x1b?)\Z"
)

_LIVE_OSC = re.compile(r"(?:[0-2]|4|8|1[0-9]|104|11[0-9]|133)(?:;|\Z)")
"""Title, palette, links, colours and prompts; neither the clipboard (52) nor files (1337)."""
_TITLE_REPORTS = ("20", "21")
"""XTWINOPS that answer with the title, which the guest can choose: it would be typed."""
_INITIALLY_SET = {"7", "25"}
"""DEC private modes that terminals begin with: wrapped lines, a visible cursor."""


class OutputFilter:
    """Turns the bytes that a guest prints into text for a terminal, piece by piece.

    Args:
        mode: What passes; it may be changed between two pieces.
    """

    def __init__(self, mode: Mode) -> None:
        self.mode: Mode = mode
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._modes: dict[str, bool] = {}
        self._coloured = False

    def feed(self, data: bytes, *, final: bool = False) -> str:
        """Return what of *data*, and of what was held back, is to be shown.

        Args:
            final: Whether this is the last piece: a sequence that is cut short is left out.
        """
        text = self._rest + self._decoder.decode(data, final)
        self._rest = ""
        cut = _UNFINISHED.search(text, max(0, len(text) - _LONGEST))
        # A return is shown at once where somebody types.
        if cut and not (self.mode == "live" and cut[0].startswith("\r")):
            text, self._rest = text[: cut.start()], "" if final else text[cut.start() :]
        return _SEQUENCE.sub(self._shown, text)

    def undo(self) -> str:
        """Return what takes back the modes and colours that the shown output has set."""
        changed = [
            f"\x1b[?{number}{'h' if number in _INITIALLY_SET else 'l'}"
            for number, is_set in self._modes.items()
            if is_set is not (number in _INITIALLY_SET)
        ]
        colours = ["\x1b[0m"] if self._coloured or self.mode == "live" else []
        # ASCII in place of line drawing, and keys as they were.
        charset = ["\x1b(B\x0f\x1b>"] if self.mode == "live" else []
        return "".join(changed + colours + charset)

    def _shown(self, found: re.Match[str]) -> str:
        if self.mode == "live":
            return self._live(found)
        kind, sequence = found.lastgroup, found[0]
        if found["newline"]:
            return "\n"
        if found["csi"] and self.mode == "coloured" and _is_colour(found):
            self._coloured = found["parameters"] not in ("", "0")
            return f"\x1b[{found['parameters']}m"
        if kind == "control" and sequence == "\r":
            # What stood in this line is not overwritten: it was printed, so it is shown.
            at_start = found.start() == 0 or found.string[found.start() - 1] == "\n"
            return "" if at_start else "\n"
        return sequence if kind == "control" and sequence in "\n\t" else ""

    def _live(self, found: re.Match[str]) -> str:
        sequence = found[0]
        if found["csi"]:
            parameters, final = found["parameters"], found["final"]
            if final == "t" and parameters.split(";")[0].lstrip("0") in _TITLE_REPORTS:
                return ""
            if final in "hl" and parameters.startswith("?"):
                for number in parameters[1:].split(";"):
                    self._modes[number] = final == "h"
            return f"\x1b[{parameters}{final}"
        if found["osc"]:
            return sequence if _LIVE_OSC.match(found["body"]) else ""
        if found["string"] or found["broken"]:
            return ""
        if found["control"]:
            # ENQ asks for the answerback; C1 controls have been written as text.
            return (
                "" if sequence == "\x05" or sequence == "\x1b" or sequence >= "\x7f" else sequence
            )
        return sequence


def _is_colour(found: re.Match[str]) -> bool:
    return found["final"] == "m" and re.fullmatch(r"[0-9;:]*", found["parameters"]) is not None


def plain(data: bytes) -> str:
    """Return all of a guest's output as plain text."""
    return OutputFilter("plain").feed(data, final=True)
