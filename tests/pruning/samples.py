"""Image and kernel stores and machines; nothing in them can boot."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bootwright.digest import Digest
from bootwright.home import Home
from bootwright.images.image import Image, image_store, store_image
from bootwright.kernels.kernel import Kernel, kernel_store, store_kernel
from bootwright.machines.folder import MachineFolder, claimed_folder
from bootwright.machines.spec import LastEnd, MachineSpec
from bootwright.pruning.prunable import Prunable, PrunableKind
from bootwright.pruning.prune import PruneList
from bootwright.recipes.recipe import GuestFile
from tests.machines.samples import RECIPE

DAY_S = 86400
KIB = 1 << 10
NO_DIGEST = Digest("sha256-" + "0" * 64)


def add_image(home: Home, name: str, content: str = "") -> Image:
    """Store an image; *content* tells two of one name apart."""
    with image_store(home).staged() as staged:
        folder = staged / "image"
        folder.mkdir()
        (folder / "disk.raw").write_text((content or name) * 4 * KIB)
        return store_image(
            home, folder, name=name, source="a test", filesystem="ext4", replace=True
        )


def add_kernel(home: Home, name: str, content: str = "") -> Kernel:
    """Store a kernel; *content* tells two of one name apart."""
    with kernel_store(home).staged() as staged:
        folder = staged / "kernel"
        folder.mkdir()
        (folder / "vmlinux").write_text((content or name) * 4 * KIB)
        return store_kernel(
            home, folder, name=name, release="6.1.0-test", source="a test", pvh=True, replace=True
        )


def add_machine(
    home: Home,
    name: str,
    *,
    image: Digest = NO_DIGEST,
    kernel: Digest = NO_DIGEST,
    guest_files: tuple[GuestFile, ...] = (),
    kept: bool = True,
    days: float = 3,
) -> MachineFolder:
    """Make a machine that was stopped some days ago, or whose monitor was killed."""
    recipe = replace(RECIPE, image=image, kernel=kernel, guest_files=guest_files)
    with claimed_folder(home, MachineSpec(name=name, recipe=recipe, kept=kept)) as folder:
        (folder.path / "disk.qcow2").write_text("disk" * KIB)
        if kept:
            folder.note_login()
            ended_s = int(time.time() - days * DAY_S) - 60
            folder.write(LastEnd(reason="stopped", text="it was shut down", ended_s=ended_s))
    return folder


_HOLD = """
import pathlib, sys
from bootwright.machines.folder import MachineFolder
with MachineFolder(pathlib.Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def alive(folder: MachineFolder) -> Iterator[None]:
    """Let another process hold the machine's lock for the length of the block."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, folder.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield


def listed(found: PruneList) -> list[tuple[PrunableKind, str, str]]:
    """Return the kind, name and reason of each item."""
    return [(item.kind, item.name, item.why) for item in found.items]


def only(found: PruneList, kind: PrunableKind) -> Prunable:
    """Return the one thing of its kind."""
    [item] = [item for item in found.items if item.kind == kind]
    return item


def all_files(home: Home) -> dict[Path, int]:
    """Return what there is, with when it changed."""
    base = home.data.parent
    return {path: path.lstat().st_mtime_ns for path in base.rglob("*")}
