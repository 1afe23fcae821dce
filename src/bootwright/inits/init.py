"""The description of an init: what runs as PID 1 after the initramfs."""

from __future__ import annotations

from collections.abc import Callable

from bootwright.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Init:
    """One init, as the initramfs hands over to it."""

    name: str
    summary: str
    """A one-line description."""
    argv: tuple[str, ...]
    """What the initramfs executes in the image's root."""
    needs: tuple[str, ...]
    """Programs that the image must have."""
    tools: bool
    """Whether it uses the initramfs's busybox, laid as /run/bootwright/busybox."""
    guest_files: Callable[[], dict[str, tuple[bytes, int]]]
    """What the initramfs carries for it: ``{path: (content, mode)}``."""
