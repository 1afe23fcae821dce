"""Removing images and kernels by name: all of them or none, and nothing that a machine uses."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bootwright.digest import Digest
from bootwright.errors import InputError, NotFoundError
from bootwright.home import Home
from bootwright.images.image import image_store
from bootwright.kernels.kernel import kernel_store
from bootwright.pruning import stores
from bootwright.store import Store
from tests.machines.samples import SPEC, at_rest

Remove = Callable[..., None]
_KINDS = [
    pytest.param(image_store, stores.remove_images, SPEC.recipe.image, id="images"),
    pytest.param(kernel_store, stores.remove_kernels, SPEC.recipe.kernel, id="kernels"),
]


def _added(store: Store, digest: Digest, *names: str) -> None:
    store.path(digest).mkdir(parents=True)
    for name in names:
        store.tag(name, digest)


@pytest.mark.parametrize(("make", "remove", "used"), _KINDS)
def test_stores_remove_all_names_or_none(
    make: Callable[[Home], Store], remove: Remove, used: Digest, home: Home
) -> None:
    store = make(home)
    other = Digest("sha256-" + "7" * 64)
    _added(store, used, "a")
    _added(store, other, "b", "c")
    with pytest.raises(NotFoundError, match="is called 'nosuch'; nothing was done"):
        remove(home, "a", "b", "nosuch")
    assert list(store.names()) == ["a", "b", "c"]
    remove(home, "a", "b")
    assert (list(store.names()), store.digests()) == (["c"], [other])


@pytest.mark.parametrize(("make", "remove", "used"), _KINDS)
def test_stores_keep_what_a_machine_uses_under_one_name(
    make: Callable[[Home], Store], remove: Remove, used: Digest, home: Home
) -> None:
    store = make(home)
    _added(store, used, "a", "b")
    at_rest(home)
    with pytest.raises(InputError, match="is used by machine web") as bad:
        remove(home, "a", "b")
    assert bad.value.hint == "first remove the machine: bootwright rm web"
    remove(home, "a")
    assert list(store.names()) == ["b"]


@pytest.mark.parametrize(("make", "remove", "used"), _KINDS)
def test_stores_remove_by_digest_what_has_no_name(
    make: Callable[[Home], Store], remove: Remove, used: Digest, home: Home
) -> None:
    store = make(home)
    _added(store, used, "a")
    with pytest.raises(InputError, match="has the names a") as bad:
        remove(home, used)
    assert bad.value.hint == f"to remove it: bootwright {store.noun} rm a"
    store.untag("a")
    remove(home, used)
    assert store.digests() == []
