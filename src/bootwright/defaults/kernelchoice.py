"""Which kernel boots where none is named: Debian's, of the image's own suite."""

from __future__ import annotations

from bootwright.errors import BuildError
from bootwright.events import Notice, Observer
from bootwright.home import Home
from bootwright.images.image import Image, load_image
from bootwright.kernels import naming
from bootwright.kernels.kernel import kernel_store
from bootwright.recipes.draft import Draft


def default_kernel(image: Image | None) -> str:
    """Return the name of the kernel that *image* boots with where none is named."""
    return naming.default_name(_suite(image))


def name_of(home: Home, draft: Draft) -> str:
    """Return the name of the kernel that a draft boots with.

    Raises:
        NotFoundError: there is no such image.
    """
    image = load_image(home, draft.image) if draft.image and not draft.kernel else None
    return draft.kernel or default_kernel(image)


def is_missing(home: Home, draft: Draft, image: Image | None) -> bool:
    """Say whether the kernel that a draft boots with has to be fetched first."""
    return draft.kernel is None and default_kernel(image) not in kernel_store(home).names()


def explain(home: Home, draft: Draft, image: Image | None, observe: Observer) -> None:
    """Give *observe* a `Notice` of the kernel, where it is another than most images boot with."""
    suite = _suite(image)
    if draft.kernel is not None or suite == naming.DEFAULT_SUITE:
        return
    others = ""
    if naming.default_name(naming.DEFAULT_SUITE) in kernel_store(home).names():
        others = "; --kernel debian boots with Debian's default one"
    name = default_kernel(image)
    observe(Notice(text=f"{draft.image} is Debian {suite}: its kernel is {name}{others}"))


def fetch(home: Home, image: Image | None, observe: Observer) -> None:
    """Fetch the kernel that *image* boots with where none is named.

    Args:
        observe: Given a `Notice` before, and the `Progress` of fetching it.

    Raises:
        BuildError: the kernel cannot be had.
    """
    from bootwright.kernels import debian  # what takes packages apart is long to import

    name, suite = default_kernel(image), _suite(image)
    option = "" if suite == naming.DEFAULT_SUITE else f" --suite {suite}"
    observe(
        Notice(text=f"no kernel {name} yet: fetching it (bootwright kernel add debian{option})")
    )
    try:
        debian.add(home, suite=suite, observe=observe)
    except BuildError as error:
        if suite == naming.DEFAULT_SUITE:
            raise
        raise BuildError(
            f"the kernel of Debian {suite} cannot be fetched: {error}",
            hint="--kernel debian boots with Debian's default one",
            evidence=error.evidence,
        ) from error


def _suite(image: Image | None) -> str:
    return (image.suite if image else "") or naming.DEFAULT_SUITE
