"""Which kernel boots where none is named."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bootwright.defaults.complete import complete, complete_now
from bootwright.defaults.kernelchoice import default_kernel, is_missing, name_of
from bootwright.errors import BuildError
from bootwright.events import Observer
from bootwright.home import Home
from bootwright.images.image import Image
from bootwright.kernels import debian
from bootwright.kernels.kernel import Kernel, load_kernel
from bootwright.recipes.draft import Draft
from tests.observed import Observed

AddImage = Callable[..., Image]
AddKernel = Callable[..., Kernel]


@pytest.mark.parametrize(
    ("suite", "kernel"),
    [("", "debian"), ("bookworm", "debian"), ("trixie", "debian-trixie"), ("sid", "debian-sid")],
)
def test_default_kernel_has_the_images_suite(suite: str, kernel: str, add_image: AddImage) -> None:
    assert default_kernel(add_image(suite=suite)) == kernel


def test_default_kernel_without_an_image_is_debians() -> None:
    assert default_kernel(None) == "debian"


def test_name_of_is_the_named_kernel_first(home: Home, add_image: AddImage) -> None:
    add_image("web", suite="trixie")
    assert name_of(home, Draft(image="web")) == "debian-trixie"
    assert name_of(home, Draft(image="web", kernel="mine")) == "mine"
    assert name_of(home, Draft()) == "debian"


def test_complete_takes_the_kernel_of_the_images_suite(
    home: Home, add_image: AddImage, add_kernel: AddKernel
) -> None:
    add_image("web", suite="trixie")
    old, own = add_kernel("debian"), add_kernel("debian-trixie")
    observed = Observed()
    completed = complete_now(home, Draft(image="web", accelerator="tcg"), observed)
    assert completed is not None
    assert completed[0].kernel == own.digest
    assert observed.notices == [
        "web is Debian trixie: its kernel is debian-trixie; --kernel debian boots with Debian's "
        "default one"
    ]
    named = Draft(image="web", kernel="debian", accelerator="tcg")
    completed = complete_now(home, named, lambda event: pytest.fail("nothing to explain"))
    assert completed is not None
    assert completed[0].kernel == old.digest


async def test_complete_fetches_the_kernel_of_the_images_suite(
    home: Home, add_image: AddImage, add_kernel: AddKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(home: Home, *, suite: str, observe: Observer) -> Kernel:
        return add_kernel(f"debian-{suite}")

    monkeypatch.setattr(debian, "add", add)
    add_image("web", suite="trixie")
    draft = Draft(image="web", accelerator="tcg")
    assert complete_now(home, draft, lambda event: pytest.fail("nothing is decided")) is None
    observed = Observed()
    recipe, _ = await complete(home, draft, observed)
    assert recipe.kernel == load_kernel(home, "debian-trixie").digest
    assert observed.notices == [
        "web is Debian trixie: its kernel is debian-trixie",
        "no kernel debian-trixie yet: fetching it (bootwright kernel add debian --suite trixie)",
    ]


async def test_complete_names_another_kernel_where_the_suites_cannot_be_had(
    home: Home, add_image: AddImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(home: Home, *, suite: str, observe: Observer) -> Kernel:
        raise BuildError(f"the archive has no suite {suite!r}", evidence="404")

    monkeypatch.setattr(debian, "add", add)
    add_image("web", suite="buster")
    with pytest.raises(BuildError) as caught:
        await complete(home, Draft(image="web", accelerator="tcg"))
    assert str(caught.value) == (
        "the kernel of Debian buster cannot be fetched: the archive has no suite 'buster'"
    )
    assert caught.value.hint == "--kernel debian boots with Debian's default one"
    assert caught.value.evidence == "404"


@pytest.mark.parametrize("draft", [Draft(image="web", kernel="mine"), Draft(image="web")])
def test_is_missing_neither_a_named_kernel_nor_one_that_is_there(
    home: Home, add_image: AddImage, add_kernel: AddKernel, draft: Draft
) -> None:
    image = add_image("web", suite="trixie")
    assert is_missing(home, Draft(image="web"), image)
    add_kernel("debian-trixie")
    assert not is_missing(home, draft, image)
    assert is_missing(home, Draft(), None)
