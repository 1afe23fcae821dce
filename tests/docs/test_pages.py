"""README and docs: each command is one that bootwright takes, each link leads somewhere."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click
import pytest

from bootwright.cli.main import COMMANDS, cli
from scripts import command_reference
from scripts.pictures.__main__ import FOLDER, drawings
from tests.docs.pages import (
    PAGES,
    ROOT,
    Block,
    blocks,
    commands,
    inline_commands,
    options,
    shell_blocks,
)

_names = [str(page.relative_to(ROOT)) for page in PAGES]
_each_page = pytest.mark.parametrize("page", PAGES, ids=_names)
_OTHERS = {"--all", "--time-format", "--json", "--oldconfig"}
"""Options of other programs, such as dmesg."""
_DRAWN = drawings()


def _options() -> set[str]:
    root = click.Context(cli, **cli.context_settings)
    contexts = [root, *command_reference.commands(cli, root)]
    names = {
        name
        for c in contexts
        for p in c.command.get_params(c)
        for name in (*p.opts, *p.secondary_opts)
    }
    return names | {"--help"}


_OPTIONS = _options()


def _parse(words: tuple[str, ...]) -> None:
    """Let click read a command line without carrying it out."""
    with suppress(click.exceptions.Exit):  # --version is carried out at once
        _read(words)


def _read(words: tuple[str, ...]) -> None:
    context = cli.make_context("bootwright", list(words))
    while isinstance(context.command, click.Group):
        rest = [*context._protected_args, *context.args]
        if not rest:
            assert context.command.invoke_without_command, f"{words} lacks a command"
            return
        name, command, rest = context.command.resolve_command(context, rest)
        assert command is not None
        context = command.make_context(name, rest, parent=context)


@_each_page
def test_commands_in_blocks_are_ones_that_bootwright_takes(page: Path) -> None:
    for block in shell_blocks(page):
        for words in block.commands():
            try:
                _parse(words)
            except click.ClickException as error:
                pytest.fail(f"{block}: bootwright {' '.join(words)}: {error.format_message()}")


@_each_page
def test_commands_in_text_are_ones_that_bootwright_takes(page: Path) -> None:
    for words in inline_commands(page):
        try:
            _parse(words)
        except click.ClickException as error:
            pytest.fail(f"{page.name}: bootwright {' '.join(words)}: {error.format_message()}")


@_each_page
def test_options_in_text_are_ones_that_a_command_has(page: Path) -> None:
    unknown = options(page) - _OPTIONS - _OTHERS
    assert unknown == set()


@pytest.mark.parametrize("words", [("run", "web", "--nonsense"), ("nonsense",), ("image", "burn")])
def test_a_wrong_command_is_seen(words: tuple[str, ...]) -> None:
    with pytest.raises(click.ClickException):
        _parse(words)


def test_commands_of_a_line_are_found_wherever_they_stand() -> None:
    line = 'eval "$(bootwright completion bash)"; .venv/bin/bootwright ps | wc -l > n  # bootwright'
    assert list(commands(line)) == [("completion", "bash"), ("ps",)]
    assert list(commands("bootwright recipe show web > web.toml && ls")) == [
        ("recipe", "show", "web")
    ]
    assert list(commands("bootwright run web -- sh -c 'exit 7' || echo $?")) == [
        ("run", "web", "--", "sh", "-c", "exit 7")
    ]


def test_every_page_has_blocks_that_are_read() -> None:
    read = {page.name for page in PAGES if shell_blocks(page)}
    assert read >= {"README.md", "first-boot.md", "timelines.md", "comparing.md", "safety.md"}


@_each_page
def test_blocks_that_no_test_runs_say_why(page: Path) -> None:
    markers = page.read_text().count("<!-- not run:")
    assert markers == sum(1 for block in blocks(page) if block.not_run), (
        "one stands before no block"
    )


def test_the_reference_has_every_command() -> None:
    page = command_reference.reference()
    assert page.startswith("# Commands")
    headings = re.findall(r"^##+ (.+)$", page, re.MULTILINE)
    assert set(COMMANDS) <= set(headings)
    assert {"kernel config why", "timeline diff", "trim apply"} <= set(headings)
    assert "bootwright run web -- uname -a" in page


@_each_page
def test_python_in_blocks_is_python(page: Path) -> None:
    for block in _of(page, "python"):
        compile(block.text, str(block), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@_each_page
def test_toml_in_blocks_is_toml(page: Path) -> None:
    for block in _of(page, "toml"):
        tomllib.loads(_included(block.text))


def _of(page: Path, language: str) -> Iterator[Block]:
    return (block for block in blocks(page) if block.language == language)


def _included(text: str) -> str:
    """Put in the files that a block includes."""
    return re.sub(r'--8<-- "([^"]+)"', lambda found: (ROOT / found[1]).read_text(), text)


@_each_page
def test_links_lead_to_pages_and_headings(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text)
    wrong = [target for target in targets if not _leads(page, target)]
    assert wrong == []


def _leads(page: Path, target: str) -> bool:
    name, _, heading = target.partition("#")
    aim = page if not name else (page.parent / name).resolve()
    if aim == ROOT / "docs/commands.md":  # make docs writes it
        return True
    if not aim.exists():
        return False
    if not heading or aim.suffix != ".md":
        return True
    # The Python reference makes a heading of each name.
    return heading.startswith("bootwright.") or heading in _headings(aim)


def _headings(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", title.lower())) for title in titles}


@_each_page
def test_files_that_a_page_names_are_there(page: Path) -> None:
    named = re.findall(r"\b((?:tests|examples|scripts|benchmarks)/[\w./-]+\w)", page.read_text())
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_page_is_in_the_navigation() -> None:
    named = re.findall(r"^  - [^:]+: (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    pages = {path.name for path in PAGES if path.parent == ROOT / "docs"} | {"commands.md"}
    assert sorted(named) == sorted(pages)


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 130


@pytest.mark.parametrize("name", _DRAWN)
def test_pictures_drawn_from_the_source_are_todays(name: str) -> None:
    assert (FOLDER / name).read_text() == _DRAWN[name], "run: make drawings"


def test_pages_fetch_nothing_when_they_are_viewed() -> None:
    for page in PAGES:
        outside = re.findall(
            r"""(?:src|srcset)="https?://[^"]+|!\[[^\]]*\]\(https?:""", page.read_text()
        )
        assert outside == []
