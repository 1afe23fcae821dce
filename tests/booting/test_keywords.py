"""Keyword arguments: what they come to, and what is refused."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

import pytest

from bootwright.booting import boot as boots
from bootwright.booting.keywords import BootOptions, home_of, takes, takes_first_and, words_of
from bootwright.errors import InputError
from bootwright.home import Home, locate_home
from bootwright.recipes.draft import Draft
from tests.machines.samples import RECIPE


def draft_of(*args: object, **kwargs: object) -> Draft:
    return BootOptions(*args, **kwargs).draft()  # type: ignore[arg-type]


def test_each_keyword_is_a_field_of_the_recipe() -> None:
    assert draft_of(
        "web",
        kernel="micro",
        init="tini",
        memory="1.5G",
        vcpus=2,
        append=("debug", "loglevel=7"),
        without=("microvm",),
        accelerator="tcg",
        machine_type="q35",
        cpu="max",
        disk="overlay",
        disk_size="2G",
        network="none",
        clock="wall",
        seed=7,
        vmm_options=("hpet=off",),
    ) == Draft(
        image="web",
        kernel="micro",
        init="tini",
        memory="1.5G",
        vcpus=2,
        append=("debug", "loglevel=7"),
        without=("microvm",),
        accelerator="tcg",
        machine_type="q35",
        cpu="max",
        disk="overlay",
        disk_size="2G",
        network="none",
        clock="wall",
        seed=7,
        vmm_options=("hpet=off",),
    )
    assert draft_of(tiny=True, memory=256, accelerator="auto") == Draft(
        tiny=True, memory=256, accelerator="auto"
    )


def test_a_recipe_is_the_rest(tmp_path: Path) -> None:
    draft = draft_of(RECIPE, memory=1024)
    assert (draft.image, draft.kernel) == (RECIPE.image, RECIPE.kernel)
    assert (draft.memory_mib, draft.cmdline) == (1024, RECIPE.cmdline)
    file = tmp_path / "web.toml"
    file.write_text('image = "web"\nvcpus = 3\n')
    assert draft_of(file, memory=1024) == Draft(image="web", vcpus=3, memory=1024)
    file.write_text('init = "none"\n')
    assert draft_of(file) == Draft(init="none")


@pytest.mark.parametrize(
    ("make", "message", "hint"),
    [
        (lambda: draft_of(), "no image was given", "bootwright image list shows them; --tiny"),
        (
            lambda: draft_of("web", tiny=True),
            "--tiny has no image, but 'web' was given",
            "put the command behind --",
        ),
        (
            lambda: draft_of("web", memory="lots"),
            "memory: invalid size 'lots'",
            'such as memory = "512M"',
        ),
        (
            lambda: draft_of("web", accelerator="kmv"),
            "accelerator is 'kmv', but must be one of auto, kvm, tcg",
            "did you mean 'kvm'?",
        ),
        (
            lambda: boots.boot("web", memroy="1G"),  # type: ignore[call-arg]
            "boot() takes no argument 'memroy'",
            "did you mean 'memory'?",
        ),
        (
            lambda: boots.run("true", "web", xyz=1),  # type: ignore[call-arg]
            "run() takes no argument 'xyz'",
            "there are: image, tiny, kernel",
        ),
    ],
)
def test_what_is_refused(make: Callable[[], object], message: str, hint: str) -> None:
    with pytest.raises(InputError) as bad:
        make()
    assert str(bad.value) == message
    assert bad.value.hint.startswith(hint)


def test_a_signature_is_that_of_the_options() -> None:
    @takes(BootOptions)
    def one(options: BootOptions) -> BootOptions:
        """Do it."""
        return options

    @takes_first_and(BootOptions)
    def two(what: int, options: BootOptions) -> tuple[int, BootOptions]:
        return what, options

    assert one("web", vcpus=2) == BootOptions("web", vcpus=2)
    assert two(7, "web", vcpus=2) == (7, BootOptions("web", vcpus=2))
    assert one.__doc__ == "Do it."
    assert list(inspect.signature(one).parameters)[:3] == ["image", "tiny", "kernel"]
    assert list(inspect.signature(two).parameters)[:3] == ["what", "image", "tiny"]


def test_a_home_is_given_in_four_ways(home: Home, tmp_path: Path) -> None:
    assert home_of(None) == locate_home()
    assert home_of(home) is home
    assert home_of(tmp_path) == home_of(str(tmp_path)) == Home.below(tmp_path)


def test_one_string_is_one_word() -> None:
    assert words_of("uname -a") == ("uname -a",)
    assert words_of(["uname", "-a"]) == ("uname", "-a")
