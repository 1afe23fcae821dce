"""What Debian's kernels are called in the store. Apart from `debian`, which is long to import."""

from __future__ import annotations

DEFAULT_SUITE = "bookworm"
DEFAULT_FLAVOUR = "cloud-amd64"


def default_name(suite: str, flavour: str = DEFAULT_FLAVOUR) -> str:
    """Return the default name of a kernel: debian, debian-trixie, ..."""
    parts = ["debian"]
    if suite != DEFAULT_SUITE:
        parts.append(suite)
    if flavour != DEFAULT_FLAVOUR:
        parts.append(flavour)
    return "-".join(parts)
