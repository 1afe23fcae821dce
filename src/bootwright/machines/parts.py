"""The parts that a recipe names, looked up on this host once for each boot."""

from __future__ import annotations

from bootwright.disks.disk import DiskKind
from bootwright.disks.table import disk
from bootwright.home import Home
from bootwright.images.image import Image, load_image
from bootwright.inits.init import Init
from bootwright.inits.table import INITS
from bootwright.kernels.kernel import Kernel, load_kernel
from bootwright.recipes.recipe import Recipe
from bootwright.values import dataclass
from bootwright.vmms.protocol import Vmm
from bootwright.vmms.table import VMMS


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A guest's root filesystem."""

    image: Image
    disk: DiskKind
    """The kind of its disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of a recipe on this host."""

    recipe: Recipe
    kernel: Kernel
    root: Root | None
    """None: the tiny guest, which has no image and so no disk."""
    init: Init | None
    """None: nothing takes over from the initramfs."""
    vmm: Vmm


def parts_of(home: Home, recipe: Recipe) -> Parts:
    """Look up the parts of a recipe.

    Raises:
        NotFoundError: its kernel or its image is gone.
        FormatError: one of them is damaged.
    """
    root = None
    if recipe.image is not None:
        root = Root(image=load_image(home, recipe.image), disk=disk(recipe.disk))
    return Parts(
        recipe=recipe,
        kernel=load_kernel(home, recipe.kernel),
        root=root,
        init=INITS.get(recipe.init),
        vmm=VMMS[recipe.vmm],
    )
