"""Checking KVM without booting a guest.

A device node proves little: in some sandboxes it opens, makes VMs and vCPUs, and then cannot run an
ordinary guest. `defaults.kvm_trial` tests that.
"""

from __future__ import annotations

import errno
import fcntl
import os

DEVICE = "/dev/kvm"
_KVM_GET_API_VERSION = 0xAE00
_API_VERSION = 12


def unusable_because() -> str:
    """Return why KVM cannot be used; empty if it may work.

    Source: Documentation/virt/kvm/api.rst, KVM_GET_API_VERSION.
    """
    try:
        device = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        match error.errno:
            case errno.ENOENT:
                return f"there is no {DEVICE} (virtualization is off in the firmware, or no module)"
            case errno.EACCES | errno.EPERM:
                return f"no permission for {DEVICE} (join its group: sudo usermod -aG kvm $USER)"
            case _:
                return f"{DEVICE} cannot be opened: {error.strerror}"
    try:
        version = fcntl.ioctl(device, _KVM_GET_API_VERSION)
    except OSError as error:
        return f"{DEVICE} does not answer: {error.strerror}"
    finally:
        os.close(device)
    return "" if version == _API_VERSION else f"its API is version {version}, not {_API_VERSION}"
