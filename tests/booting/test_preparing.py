"""Preparing a machine of a draft, inside a running event loop."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from bootwright.booting.preparing import Prepared, default_timeout_s, prepare
from bootwright.errors import InputError, NotFoundError
from bootwright.events import Event
from bootwright.home import Home
from bootwright.images.image import Image
from bootwright.kernels.kernel import Kernel
from bootwright.recipes.draft import Draft
from tests.observed import Observed


async def test_prepare_completes_a_draft_and_reports_it_in_the_loops_thread(
    home: Home, add_kernel: Callable[..., Kernel], add_image: Callable[..., Image]
) -> None:
    add_kernel()
    image = add_image()
    threads: set[int] = set()
    observed = Observed()

    def observe(event: Event) -> None:
        threads.add(threading.get_ident())
        observed(event)

    spec = await prepare(home, Draft(image="web", accelerator="tcg"), observe)
    assert (spec.recipe.image, spec.recipe.accelerator) == (image.digest, "tcg")
    assert spec.name.startswith("web-")
    [event] = observed.events
    assert isinstance(event, Prepared)
    assert (event.spec, event.choice.reason) == (spec, "asked for")
    assert threads == {threading.get_ident()}
    assert default_timeout_s(spec.recipe) == 300


async def test_prepare_names_an_unknown_image_before_it_fetches_a_kernel(home: Home) -> None:
    observed = Observed()
    with pytest.raises(NotFoundError, match="no image is called 'web'"):
        await prepare(home, Draft(image="web"), observed)
    assert observed.events == []


async def test_prepare_refuses_what_cannot_be_booted(
    home: Home, add_kernel: Callable[..., Kernel]
) -> None:
    add_kernel()
    with pytest.raises(InputError, match="memory_mib is 1"):
        await prepare(home, Draft(tiny=True, accelerator="tcg", memory=1), Observed())
