"""What a guest with virtualization of its own needs: of its kernel, and of the host's KVM."""

from __future__ import annotations

from bootwright.defaults.kvm_trial import Choice
from bootwright.errors import HostError, InputError
from bootwright.host import kvm
from bootwright.kernels.kernel import Kernel

MEMORY_MIB = 2048
"""Enough for guests of the default size inside the guest, and an operating system around them."""

TCG_CMDLINE = ("tsc=reliable",)
"""While its own guests run, a guest is late for the timer that it checks its TSC against, and would
take a slower clock."""


def check_kernel(kernel: Kernel) -> None:
    """See that *kernel* has KVM, as far as this is known without booting it.

    Raises:
        InputError: it has not.
    """
    from bootwright.kernels import modules  # here: few boots need it

    missing = modules.missing(kernel, ["kvm", "kvm_amd", "kvm_intel"])
    if "kvm" in missing or len(missing) == 2:
        options = ", ".join(modules.CONFIG_OF[name] for name in missing)
        raise InputError(
            f"kernel {kernel.release} cannot run virtual machines: it has no {', '.join(missing)}",
            hint=f"leave out --nested, or use a kernel with {options}, such as debian",
        )


def emulated(wanted: str | None) -> Choice | None:
    """Return TCG where the host's KVM gives its guests no virtualization; None: it may.

    Args:
        wanted: The accelerator that was asked for.

    Raises:
        HostError: that is KVM.
    """
    reason, command = kvm.nested_off_because()
    if reason and wanted == "kvm":
        raise HostError(
            f"KVM cannot be used here for a guest with --nested: {reason}",
            hint=f"{command}; --accelerator tcg emulates it, slower",
        )
    return Choice(accelerator="tcg", reason=f"{reason}; {command}") if reason else None
