"""What a recipe names on this host."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bootwright.disks.table import disk
from bootwright.errors import NotFoundError
from bootwright.home import Home
from bootwright.images.image import load_image
from bootwright.inits.table import INITS
from bootwright.kernels.kernel import load_kernel
from bootwright.machines import parts
from bootwright.machines.spec import MachineSpec


def test_the_parts_of_a_machine_with_an_image(home: Home, kept: MachineSpec) -> None:
    found = parts.parts_of(home, kept.recipe)
    assert found.recipe == kept.recipe
    assert found.kernel == load_kernel(home, kept.recipe.kernel)
    assert found.root is not None
    assert found.root.image == load_image(home, kept.recipe.image or "")
    assert found.root.disk == disk("qcow2")
    assert (found.init, found.vmm.name) == (INITS["systemd"], "qemu")


def test_a_tiny_guest_has_neither_root_nor_init(home: Home, tiny: MachineSpec) -> None:
    found = parts.parts_of(home, tiny.recipe)
    assert (found.root, found.init) == (None, None)


@pytest.mark.parametrize("part", ["kernel", "image"])
def test_a_part_that_is_gone(part: str, home: Home, kept: MachineSpec) -> None:
    gone = "sha256-" + "9" * 64
    with pytest.raises(NotFoundError, match=gone):
        parts.parts_of(home, replace(kept.recipe, **{part: gone}))  # type: ignore[arg-type]
