"""Unit files' syntax and names, held against systemd.syntax(7) and systemd.unit(5)."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.systemd.unitfiles import (
    drop_in_names,
    escape,
    escape_path,
    expand,
    parse,
    parse_name,
    unescape,
    words,
)


def test_unitfiles_parse_the_manuals_example() -> None:
    file = parse(
        "[Section A]\nKeyOne=value 1\nKeyTwo=value 2\n\n# a comment\n\n"
        '[Section B]\nSetting="something" "some thing" "…"\nKeyTwo=value 2 \\\n'
        "       value 2 continued\n\n[Section C]\nKeyThree=value 3\\\n# this line is ignored\n"
        "; this line is ignored too\n       value 3 continued\n"
    )
    assert file.every("Section A", "KeyOne") == ["value 1"]
    assert words(file.last("Section B", "Setting")) == ["something", "some thing", "…"]
    assert file.last("Section B", "KeyTwo").split() == ["value", "2", "value", "2", "continued"]
    assert file.last("Section C", "KeyThree") == "value 3 value 3 continued"


def test_unitfiles_empty_assignment_resets_a_list() -> None:
    file = parse("[Service]\nExecStart=a\nExecStart=\nExecStart=b\nExecStart=c")
    assert file.values("Service", "ExecStart") == ["b", "c"]


def test_unitfiles_empty_assignment_keeps_dependencies() -> None:
    assert parse("[Unit]\nAfter=a\nAfter=\nAfter=b").every("Unit", "After") == ["a", "", "b"]


def test_unitfiles_drop_ins_override() -> None:
    merged = parse("[Service]\nType=simple").plus(parse("[Service]\nType=notify"))
    assert merged.last("Service", "Type") == "notify"
    assert merged.last("Service", "Restart", "no") == "no"


@pytest.mark.parametrize(
    ("text", "answer"),
    [("yes", True), ("0", False), ("off", False), ("", True), ("rubbish", True), ("True", True)],
)
def test_unitfiles_booleans(text: str, answer: bool) -> None:
    file = parse(f"[Unit]\nDefaultDependencies={text}")
    assert file.boolean("Unit", "DefaultDependencies", default=True) is answer


def test_unitfiles_parse_skips_other_lines() -> None:
    text = "Lost=1\n[Unit\nLost=2\n[Unit]\nno assignment\n=3\n  Key  =  a = b  \n[Unit]\nKey=c"
    assert parse(text).assignments == (("Unit", "Key", "a = b"), ("Unit", "Key", "c"))


@given(st.text())
def test_unitfiles_parse_words_and_expand_accept_any_text(text: str) -> None:
    for section, key, value in parse(f"[Unit]\n{text}").assignments:
        assert section
        assert key == key.strip() != ""
        words(value)
        expand(value, "a-b@c.service")


@given(st.text(alphabet="[]=\\#; \nab", max_size=60))
def test_unitfiles_parse_accepts_any_syntax(text: str) -> None:
    for _, key, _ in parse(text).assignments:
        assert key == key.strip() != ""


def test_parse_name_splits_unit_names() -> None:
    name = parse_name("getty@tty1.service")
    assert name is not None
    assert (name.prefix, name.instance, name.type) == ("getty", "tty1", "service")
    assert name.template == "getty@.service"
    assert not name.is_template
    template = parse_name("getty@.service")
    assert template is not None
    assert template.is_template
    for wrong in ("ssh", "ssh.conf", "a b.service", "@x.service", "a" * 250 + ".service", ""):
        assert parse_name(wrong) is None


def test_expand_replaces_specifiers() -> None:
    name = r"a-b@c-d\x2de.service"
    assert expand("%n %N %p %i %I %j %%", name) == (
        rf"{name} {name.removesuffix('.service')} a-b c-d\x2de c/d-e b %"
    )
    assert expand("dev-%i.device", "serial-getty@ttyS0.service") == "dev-ttyS0.device"
    assert expand("%H.service", "a.service") is None


def test_drop_in_names_of_prefixes_templates_and_types() -> None:
    assert drop_in_names("foo-bar-baz.service") == [
        *("foo-bar-baz.service", "foo-bar-.service", "foo-.service", "service")
    ]
    assert drop_in_names("a-b@c.socket") == [
        *("a-b@c.socket", "a-b@.socket", "a-@c.socket", "a-@.socket", "socket")
    ]
    assert drop_in_names("rubbish") == []


@given(st.text(alphabet=st.characters(max_codepoint=126, min_codepoint=33), min_size=1))
def test_unescape_undoes_escape(text: str) -> None:
    assert unescape(escape(text)) == text


@pytest.mark.skipif(shutil.which("systemd-escape") is None, reason="systemd-escape is not here")
@pytest.mark.parametrize(
    "path", ["/", "/var/lib/my data", "/dev/disk/by-uuid/ab-c", "/a/.b", "//x/"]
)
def test_escape_path_agrees_with_systemd_escape(path: str) -> None:
    done = subprocess.run(
        ["systemd-escape", "--path", path], capture_output=True, text=True, check=True
    )
    assert escape_path(path) == done.stdout.strip()
