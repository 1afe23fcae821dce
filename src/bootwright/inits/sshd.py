"""The configuration for logging in to a guest by its own SSH server."""

from __future__ import annotations

from bootwright.guest.initramfs import MARK_PORT

SERVER = "/usr/sbin/sshd"
"""The SSH server that an image needs."""

_CONFIG = """\
# For every option sshd takes the first value that it reads: these come before the image's own.
HostKey /run/bootwright/ssh_host_ed25519_key
AuthorizedKeysFile /run/bootwright/authorized_keys .ssh/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
Include /etc/ssh/sshd_config
"""

_MARK = f"""\
#!/bin/sh
# Tell the kernel's log, which has the guest's clock, that something has happened; then the host. In
# this order, as the clocks are aligned by what the host heard later.
read -r token </run/bootwright/token
printf '<6>bootwright: %s\\n' "$*" >/dev/kmsg
printf '%s %s\\n' "$token" "$*" >{MARK_PORT}
"""

CONFIG_FILE, MARK_FILE = "/run/bootwright/sshd_config", "/run/bootwright/mark"


def contents() -> dict[str, str]:
    """Return the files that every init with an SSH server has: ``{path below /run: content}``."""
    return {"bootwright/sshd_config": _CONFIG, "bootwright/mark": _MARK}
