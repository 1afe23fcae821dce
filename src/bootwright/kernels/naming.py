"""What Debian's kernels are called in the store. Apart from `debian`, which is long to import."""

from __future__ import annotations

DEFAULT_SUITE = "bookworm"
DEFAULT_FLAVOUR = "cloud-amd64"
PROFILES = ("micro", "firecracker-ci", "debian-cloud")
"""The profiles of `kbuild`, which a boot does not import."""


def default_name(suite: str, flavour: str = DEFAULT_FLAVOUR) -> str:
    """Return the default name of a kernel: debian, debian-trixie, ..."""
    parts = ["debian"]
    if suite != DEFAULT_SUITE:
        parts.append(suite)
    if flavour != DEFAULT_FLAVOUR:
        parts.append(flavour)
    return "-".join(parts)


def making(name: str) -> str:
    """Return the command that makes the kernel *name*, as far as its name tells."""
    from bootwright import suggest  # here: no boot waits for it
    from bootwright.host.suites import SUITES

    start, _, rest = name.partition("-")
    suite = next((suite for suite in SUITES if rest == suite or rest.startswith(f"{suite}-")), "")
    flavour = rest.removeprefix(suite).removeprefix("-")
    if start == "debian":
        words = [f"--suite {suite}"] if suite else []
        words += [f"--flavour {flavour}"] if flavour else []
        return " ".join(["bootwright kernel add debian", *words])
    if profile := suggest.nearest(name, PROFILES):
        return f"bootwright kernel build {profile}"
    return "bootwright kernel add debian"
