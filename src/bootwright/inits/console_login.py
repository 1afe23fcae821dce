"""A root shell on the guest's console without a password, for who asks for one.

Only the user who owns the machine reaches its console, by a socket in the machine's folder; so a
password would protect nothing, and could be found. The image and the disk are not changed: the
drop-in lies in the guest's /run.

Source: agetty(8), ``--autologin``; systemd-getty-generator(8), which starts serial-getty@ttyS0 for
``console=ttyS0``.
"""

from __future__ import annotations

from bootwright.guest.initramfs import GUEST_RUN

_DROP_IN = """\
[Service]
ExecStart=
ExecStart=-/sbin/agetty --autologin root --noclear --keep-baud 115200,57600,38400,9600 - $TERM
"""


def guest_files() -> dict[str, tuple[bytes, int]]:
    """Return what the initramfs carries for it: ``{path: (content, mode)}``."""
    folder = f"{GUEST_RUN}/systemd/system/serial-getty@ttyS0.service.d"
    return {f"{folder}/50-bootwright-login.conf": (_DROP_IN.encode(), 0o644)}
