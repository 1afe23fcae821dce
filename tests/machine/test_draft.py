"""Drafts: what a file or a command line says of a recipe, and what is said of their mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.digest import of_bytes
from bootwright.errors import InputError
from bootwright.machine import draft as drafts
from bootwright.machine.draft import Draft, parse_size
from bootwright.recipe import GuestFile


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


def test_draft_read_takes_any_subset_of_fields(tmp_path: Path) -> None:
    digest = of_bytes(b"x")
    path = written(
        tmp_path,
        'image = "web"\nmemory_mib = 256\ncmdline = ["quiet"]\n'
        f'[[guest_files]]\npath = "/init"\ndigest = "{digest}"\nmode = 493\n',
    )
    assert drafts.read(path) == Draft(
        image="web",
        memory_mib=256,
        cmdline=("quiet",),
        guest_files=(GuestFile(path="/init", digest=digest, mode=0o755),),
    )


def test_draft_read_of_an_empty_file(tmp_path: Path) -> None:
    assert drafts.read(written(tmp_path, "")) == Draft()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("memory = 256\n", "it contains unknown field `memory`"),
        ('memory_mib = "256M"\n', "Expected `int | null`, got `str` - at `memory_mib`"),
        ('disk = "raw"\n', "Invalid enum value 'raw' - at `disk`"),
        ("cmdline = [1]\n", "Expected `str`, got `int` - at `cmdline[0]`"),
    ],
)
def test_draft_read_names_an_invalid_field(text: str, complaint: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError) as bad:
        drafts.read(path)
    assert str(bad.value).lower() == f"{path}: {complaint}".lower()
    assert bad.value.hint.startswith("the fields are image, kernel, kernel_file, init, trim,")


def test_draft_read_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError) as bad:
        drafts.read(tmp_path / "absent.toml")
    assert str(bad.value) == (
        f"cannot read the recipe {tmp_path / 'absent.toml'}: No such file or directory"
    )
    assert bad.value.hint == "bootwright recipe show prints one to begin with"


@pytest.mark.parametrize("content", [b"image = ", b"\xff\xfe"])
def test_draft_read_refuses_what_is_not_toml(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"^{path} is no TOML: ") as bad:
        drafts.read(path)
    assert bad.value.hint == "TOML is described at toml.io"


def test_draft_merged_prefers_later_values_and_adds_arguments() -> None:
    base = Draft(image="web", memory_mib=256, vcpus=1, append=("a",))
    over = Draft(memory_mib=1024, vcpus=None, append=("b",))
    assert drafts.merged(base, over) == Draft(
        image="web", memory_mib=1024, vcpus=1, append=("a", "b")
    )


def test_draft_merged_takes_zero_as_a_value() -> None:
    assert drafts.merged(Draft(random_seed=7), Draft(random_seed=0)).random_seed == 0


@given(st.integers(0, 1023), st.sampled_from("kKmMgGtT"), st.sampled_from(["", "b", "iB"]))
def test_parse_size_multiplies_by_the_unit(number: int, letter: str, end: str) -> None:
    factor = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}[letter.lower()]
    for text in (f"{number}{letter}{end}", f" {number} {letter}{end} "):
        assert parse_size(text) == number * factor
    assert parse_size(f"{number}.5{letter}{end}") == number * factor + factor // 2


@given(st.integers(0, 1 << 30))
def test_parse_size_of_a_plain_number_uses_the_default_unit(number: int) -> None:
    assert parse_size(str(number)) == number
    assert parse_size(str(number), unit="m") == number << 20
    assert parse_size(f"{number}K", unit="m") == number << 10


@pytest.mark.parametrize("text", ["1025T", "9007199254740993", "999999999999999999"])
def test_parse_size_refuses_sizes_that_are_too_large(text: str) -> None:
    with pytest.raises(InputError, match=f"^'{text}' is too large$") as bad:
        parse_size(text)
    assert bad.value.hint == "no disk or memory has more than 1024T"


@pytest.mark.parametrize("text", ["", "M", "-1M", "1,5G", "12X", "1 M M", "0x10", "1e3", "nan"])
def test_parse_size_refuses_other_text(text: str) -> None:
    with pytest.raises(InputError) as bad:
        parse_size(text)
    assert str(bad.value) == f"{text!r} is no size"
    assert bad.value.hint == "sizes are such as 512M, 2G, 1.5G"
