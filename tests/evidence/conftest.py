"""The fixtures of the machines' tests, for those of evidence."""

from __future__ import annotations

from tests.machines.conftest import add_image, add_kernel, fake, kept, quiet_monitors, tiny

__all__ = ["add_image", "add_kernel", "fake", "kept", "quiet_monitors", "tiny"]
