"""All kinds of disk, by the name that a recipe has for them.

A kind is imported when it is asked for: each boot uses one, and pays for one.
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
