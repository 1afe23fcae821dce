"""Drafts: one table of fields, what each accepts, and how two drafts become one."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from bootwright.digest import digest_of_bytes
from bootwright.errors import InputError
from bootwright.recipes.draft import FIELDS, Draft, merged
from bootwright.recipes.recipe import GuestFile, Recipe


def test_every_field_of_a_recipe_can_be_said() -> None:
    said = [field.recipe for field in FIELDS.values() if field.recipe]
    assert sorted(said) == sorted(field.name for field in fields(Recipe))


def test_every_field_of_a_draft_has_words_for_people() -> None:
    assert set(FIELDS) == {field.name for field in fields(Draft)}
    assert list(FIELDS)[:2] == ["image", "tiny"]
    assert all(field.help for field in FIELDS.values())
    assert all(field.recipe and field.metavar for field in FIELDS.values() if field.is_change)


def test_values_come_from_the_type() -> None:
    assert FIELDS["machine_type"].values == ("q35", "microvm")
    disk = FIELDS["disk"]
    assert disk.values == (*disk.option_values, "none")
    assert disk.option_values == ("auto", *disk.change_values)
    assert FIELDS["kernel"].values == ()


@pytest.mark.parametrize(
    ("said", "memory_mib"), [("1G", 1024), ("256", 256), (256, 256), ("1.5g", 1536), (None, None)]
)
def test_memory_is_a_size_or_a_number_of_mib(said: Any, memory_mib: int | None) -> None:
    assert Draft(memory=said).memory_mib == memory_mib


@pytest.mark.parametrize(("said", "disk_bytes"), [("2G", 2 << 30), (4096, 4096), (None, None)])
def test_a_disk_size_is_a_size_or_a_number_of_bytes(said: Any, disk_bytes: int | None) -> None:
    assert Draft(disk_size=said).disk_bytes == disk_bytes


def test_lists_become_tuples() -> None:
    digest = digest_of_bytes(b"x")
    values: dict[str, Any] = {
        "append": ["debug"],
        "guest_files": [{"path": "/init", "digest": digest}],
    }
    draft = Draft(**values)
    assert draft.append == ("debug",)
    assert draft.guest_files == (GuestFile(path="/init", digest=digest),)
    assert hash(draft) == hash(replace(draft))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"memory": "lots"}, "memory: invalid size 'lots'"),
        ({"memory": 1.5}, "memory is 1.5, but must be a size, such as 512M"),
        ({"machine_type": "pc"}, "machine_type is 'pc', but must be one of q35, microvm"),
        ({"accelerator": "hvf"}, "accelerator is 'hvf', but must be one of auto, kvm, tcg"),
        ({"vcpus": "two"}, "vcpus is 'two', but must be a whole number"),
        ({"kernel": 6}, "kernel is 6, but must be text"),
        ({"tiny": "yes"}, "tiny is 'yes', but must be true or false"),
        ({"append": "quiet"}, "append is 'quiet', but must be a list of strings"),
        ({"cmdline": [1]}, "cmdline is [1], but must be a list of strings"),
        ({"guest_files": [{}]}, "guest_files is [{}], but must be a list of path, digest and mode"),
    ],
)
def test_what_is_not_accepted(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as bad:
        Draft(**values)
    assert str(bad.value) == message
    assert bad.value.hint


def test_every_kind_of_field_says_what_it_accepts() -> None:
    for field in FIELDS.values():
        with pytest.raises(InputError, match=f"^{field.name} is .*, but must be "):
            field.checked({"a": "table"})


def test_what_is_said_later_counts_and_lists_add_up() -> None:
    base = Draft(image="web", memory=256, vcpus=1, append=("a",), without=("quiet",))
    over = Draft(memory="1G", vcpus=None, append=("b",), stock=True)
    assert merged(base, over) == Draft(
        image="web", memory="1G", vcpus=1, append=("a", "b"), without=("quiet",), stock=True
    )


def test_zero_is_said_too() -> None:
    assert merged(Draft(seed=7), Draft(seed=0)).seed == 0


def test_auto_takes_back_what_was_said() -> None:
    assert merged(Draft(accelerator="tcg"), Draft(accelerator="auto")).accelerator == "auto"


@pytest.mark.parametrize("good", [Draft(image="web"), Draft(tiny=True), Draft(init="none")])
def test_one_thing_is_booted(good: Draft) -> None:
    good.check_image()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (Draft(), "no image was given"),
        (Draft(image="web", tiny=True), "--tiny has no image, but 'web' was given"),
    ],
)
def test_nothing_or_two_things_to_boot(bad: Draft, message: str) -> None:
    with pytest.raises(InputError) as caught:
        bad.check_image()
    assert str(caught.value) == message
    assert "--tiny" in caught.value.hint
