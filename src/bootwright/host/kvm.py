"""Checking KVM without booting a guest.

A device node proves little: in some sandboxes it opens, makes VMs and vCPUs, and then cannot run an
ordinary guest. `defaults.kvm_trial` tests that.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

DEVICE = "/dev/kvm"
_KVM_GET_API_VERSION = 0xAE00
_API_VERSION = 12
_VENDOR_MODULES = ("kvm_intel", "kvm_amd")


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


def identity(device: str = DEVICE, modules: Path = Path("/sys/module")) -> str:
    """Return what tells this KVM from another in the same boot of the host; empty without one.

    A module that is loaded again makes its device node anew, with another inode; modules other
    than those of the kernel's package have another source version.

    Source: Documentation/ABI/testing/sysfs-module, srcversion.
    """
    try:
        status = os.stat(device)
    except OSError:
        return ""
    words = [f"{status.st_rdev}-{status.st_ino}"]
    for name in ("kvm", "kvm_intel", "kvm_amd"):
        try:
            words.append(f"{name}-{(modules / name / 'srcversion').read_text().strip()}")
        except OSError:
            continue  # built in, or not loaded
    return " ".join(words)


def nested_off_because(modules: Path = Path("/sys/module")) -> tuple[str, str]:
    """Return why a KVM guest gets no virtualization of its own, and the command that changes it.

    Both are empty if it may get it, or if this cannot be known: a kernel with KVM built in may hide
    the parameter, and the guest then reports what is missing.

    Source: Documentation/virt/kvm/x86/running-nested-guests.rst.
    """
    for module in _VENDOR_MODULES:
        try:
            value = (modules / module / "parameters/nested").read_text().strip()
        except OSError:
            continue
        if value in ("1", "Y"):
            return "", ""
        return (
            f"nested virtualization is off ({module}: nested={value})",
            f"with no VM running: sudo modprobe -r {module} && sudo modprobe {module} nested=1",
        )
    return "", ""


def is_cpu_emulated(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether this host is itself a virtual machine with QEMU's own CPU, as TCG emulates it.

    Source: QEMU's target/i386/cpu.c, the names of the models qemu64 and max.
    """
    try:
        models = [
            line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
    except OSError:
        return False
    return any(line.partition(": ")[2].startswith("QEMU ") for line in models)
