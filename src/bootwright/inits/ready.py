"""A script that the guest runs once its SSH server listens.

It is used for unattended guests: those without a network, and those on the virtual clock. Other
boots do not contain it.

Source: systemd.unit(5) for drop-ins; systemd.service(5), Type=exec: the boot does not wait for it.
"""

from __future__ import annotations

from bootwright.guest.initramfs import GUEST_RUN
from bootwright.inits.init import Init

PATH = "/run/bootwright/ready"
"""Where the guest has the script; its shell is the image's, and busybox lies beside it."""
CARRIED_PATH = f"{GUEST_RUN}/bootwright/ready"
"""Where the initramfs has it."""

_UNIT = f"""\
[Unit]
Description=Send bootwright the logs of this boot
After=multi-user.target ssh.service ssh.socket sshd.service sshd.socket

[Service]
Type=exec
ExecStart=/bin/sh {PATH}
"""

_WANTED = """\
[Unit]
Wants=bootwright-ready.service
"""


def guest_files(init: Init, script: str) -> dict[str, tuple[bytes, int]]:
    """Return what makes *init* start *script*: ``{path: (content, mode)}``.

    An init that runs one command starts nothing else: it is given the script as that command.
    """
    contents = {"bootwright/ready": script}
    if init.argv == ("/sbin/init",):
        contents["systemd/system/bootwright-ready.service"] = _UNIT
        contents["systemd/system/multi-user.target.d/50-bootwright.conf"] = _WANTED
    return {f"{GUEST_RUN}/{path}": (text.encode(), 0o644) for path, text in contents.items()}
