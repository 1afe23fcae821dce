"""README and the pages of docs: their fenced blocks, and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
# docs/commands.md is written from the commands' own help.
PAGES = tuple(
    path
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted(ROOT.glob("docs/*.md")),
    )
    if path.name != "commands.md"
)
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"<!-- not run: ([^>]+?) -->\n\Z")
_BETWEEN = {";", "&&", "||", "|", "&"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block."""

    page: Path
    line: int
    """Of its first line."""
    language: str
    text: str
    not_run: str
    """Why no test runs its commands; empty: one does."""

    @property
    def script(self) -> str:
        """What a shell is given: a console's lines without what they printed."""
        if self.language == "sh":
            return self.text
        lines = [line for line in self.text.splitlines(keepends=True) if line.startswith("$ ")]
        return "".join(line.removeprefix("$ ") for line in lines)

    def commands(self) -> list[tuple[str, ...]]:
        """Return the arguments of each bootwright command."""
        return [words for line in self.script.splitlines() for words in commands(line)]

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    text = page.read_text()
    found = []
    for fence in _FENCE.finditer(text):
        reason = _NOT_RUN.search(text[: fence.start()])
        found.append(
            Block(
                page=page,
                line=text.count("\n", 0, fence.start()) + 2,
                language=fence[1],
                text=fence[2],
                not_run=reason[1] if reason else "",
            )
        )
    return found


def shell_blocks(page: Path) -> list[Block]:
    """Return those that hold commands of bootwright's."""
    shells = [block for block in blocks(page) if block.language in ("sh", "console")]
    return [block for block in shells if block.commands()]


def commands(line: str) -> Iterator[tuple[str, ...]]:
    """Yield the arguments of each bootwright command in a shell's line."""
    for inner in re.findall(r"\$\(([^()]*)\)", line):
        yield from commands(inner)
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word not in _BETWEEN:
            words.append(word)
            continue
        if words and Path(words[0]).name == "bootwright":
            # What stands behind > is a file's name.
            end = next((i for i, w in enumerate(words) if w in (">", ">>", "<")), len(words))
            yield tuple(words[1:end])
        words = []


def inline_commands(page: Path) -> Iterator[tuple[str, ...]]:
    """Yield the arguments of the commands in running text, but for those with placeholders."""
    for code in re.findall(r"`(bootwright [^`]+)`", _FENCE.sub("", page.read_text())):
        words = shlex.split(code)[1:]
        if not any(re.fullmatch(r"\.\.\.|[A-Z]{2,}", word) for word in words):
            yield tuple(words)


def options(page: Path) -> set[str]:
    """Return the long options that running text names."""
    text = _FENCE.sub("", page.read_text())
    codes = re.findall(r"`([^`]+)`", text)
    return {word for code in codes for word in re.findall(r"(?<![\w-])--[a-z][a-z-]+", code)}
