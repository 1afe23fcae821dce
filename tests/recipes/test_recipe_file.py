"""Recipe files: what is read of them, and what is said of their mistakes."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bootwright import suggest
from bootwright.digest import digest_of_bytes
from bootwright.errors import InputError
from bootwright.recipes import recipe_file
from bootwright.recipes.draft import FIELDS, Draft
from bootwright.recipes.recipe import GuestFile
from tests.machines.samples import RECIPE


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


def test_a_file_says_as_much_as_it_likes(tmp_path: Path) -> None:
    digest = digest_of_bytes(b"x")
    path = written(
        tmp_path,
        'image = "web"\nmemory = 256\ncmdline = ["quiet"]\nmachine-type = "q35"\n'
        f'[[guest_files]]\npath = "/init"\ndigest = "{digest}"\nmode = 493\n',
    )
    assert recipe_file.read(path) == Draft(
        image="web",
        memory=256,
        cmdline=("quiet",),
        machine_type="q35",
        guest_files=(GuestFile(path="/init", digest=digest, mode=0o755),),
    )


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    assert recipe_file.read(written(tmp_path, "")) == Draft()


@pytest.mark.parametrize(
    ("text", "complaint", "hint"),
    [
        (
            "memroy = 256\n",
            "there is no field 'memroy'",
            "did you mean 'memory'?",
        ),
        (
            "turbo = 9\n",
            "there is no field 'turbo'",
            f"there are: {suggest.listed(FIELDS)}",
        ),
        (
            'memory = "lots"\n',
            "memory: invalid size 'lots'",
            'such as memory = "512M", or --memory 512M as an option',
        ),
        (
            "cmdline = [1]\n",
            "cmdline is [1], but must be a list of strings",
            'such as cmdline = ["quiet"]',
        ),
    ],
)
def test_a_field_that_cannot_be_used_is_named(
    text: str, complaint: str, hint: str, tmp_path: Path
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError) as bad:
        recipe_file.read(path)
    assert str(bad.value) == f"{path}: {complaint}"
    assert bad.value.hint == hint


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError) as bad:
        recipe_file.read(tmp_path / "absent.toml")
    assert str(bad.value) == (
        f"cannot read the recipe {tmp_path / 'absent.toml'}: No such file or directory"
    )
    assert bad.value.hint == "bootwright recipe show prints one to begin with"


@pytest.mark.parametrize("content", [b"image = ", b"\xff\xfe"])
def test_a_file_that_is_no_toml(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"^{path} is not valid TOML: ") as bad:
        recipe_file.read(path)
    assert bad.value.hint == "see toml.io for the syntax"


def test_a_recipe_is_written_in_the_words_of_drafts(tmp_path: Path) -> None:
    text = recipe_file.to_toml(RECIPE)
    assert 'memory = "512M"\n' in text
    draft = recipe_file.read(written(tmp_path, text))
    assert (draft.memory_mib, draft.disk_bytes) == (RECIPE.memory_mib, RECIPE.disk_bytes)
    assert (draft.machine_type, draft.cmdline) == (RECIPE.machine_type, RECIPE.cmdline)
    assert recipe_file.to_toml(msgspec.to_builtins(RECIPE)) == text
