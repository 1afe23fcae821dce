"""All kinds of disk, by their names in recipes.

A kind is imported on demand: a boot uses only one.
"""

from __future__ import annotations

import importlib

from bootwright.disks.disk import DiskKind

# name: module
_MODULES = {
    "qcow2": "qcow2",
    "reflink": "reflink",
    "dm-snapshot": "dm_snapshot",
    "overlay": "overlay",
    "pmem": "pmem",
    "copy": "sparse_copy",
}
KINDS = tuple(_MODULES)


def disk(name: str) -> DiskKind:
    """Return the kind of disk called *name*."""
    found: DiskKind = importlib.import_module(f"bootwright.disks.{_MODULES[name]}").DISK
    return found
