"""Checks of KVM, other device nodes and user namespaces."""

from __future__ import annotations

import errno
import os
import pwd
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bootwright.defaults.kvm_trial import TrialResults
from bootwright.doctor.check import Check
from bootwright.errors import HostError
from bootwright.host import kvm, tools
from bootwright.host.namespaces import NAMESPACE_HINT, as_namespace_root

_SLOWER = "machines run under TCG, which is slower"


def kvm_works(memory: TrialResults, now: TrialResults, trial: Path) -> Iterator[Check]:
    """Check whether guests run with KVM.

    Args:
        memory: What trial boots have found out so far.
        now: The circumstances that hold now; its VMM is empty if there is none.
        trial: The file that remembers trials.
    """
    if reason := kvm.unusable_because():
        yield Check(area="host", name="KVM", state="warning", text=f"{reason}: {_SLOWER}")
    elif memory.boot_id != now.boot_id:
        yield _not_tried("since the host booted")
    elif now.vmm_build and (memory.vmm_build, memory.program) != (now.vmm_build, now.program):
        yield _not_tried(f"with this QEMU, {now.vmm_build}")
    elif memory.kvm != now.kvm:
        yield _not_tried("since KVM's module was loaded")
    elif memory.kvm_runs:
        yield Check(area="host", name="KVM", state="ok", text="works: a guest ran with it")
        reason, command = kvm.nested_off_because()
        if reason:
            text = f"{reason}: guests with --nested run under TCG"
            yield Check(area="host", name="nested KVM", state="note", text=text, hint=command)
    else:
        found = (memory.refused, *memory.fails_with.values())
        reasons = "; ".join(dict.fromkeys(reason for reason in found if reason))
        yield Check(
            area="host",
            name="KVM",
            state="warning",
            text=f"{kvm.DEVICE} exists, but no guest ran with it ({reasons}): {_SLOWER}",
            hint="in a virtual machine or a sandbox, ask for nested virtualization; "
            f"rm {trial} tries it again",
        )


def _not_tried(when: str) -> Check:
    text = f"{kvm.DEVICE} exists; not yet tried {when}: the next run tries it"
    return Check(area="host", name="KVM", state="note", text=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceNode:
    """A device node that an optional feature needs."""

    name: str
    path: Path
    module: str
    without: str
    """What does not work without it, and what still does."""

    def opens(self) -> Iterator[Check]:
        """Check whether the node can be opened; opening it changes nothing.

        Source: open(2): ENODEV or ENXIO if no driver serves the node.
        """
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CLOEXEC))
        except OSError as error:
            match error.errno:
                case errno.ENOENT | errno.ENOTDIR:
                    reason, hint = f"{self.path} does not exist", f"sudo modprobe {self.module}"
                case errno.ENODEV | errno.ENXIO:
                    reason = f"{self.path} exists, but the kernel has no driver for it"
                    hint = f"sudo modprobe {self.module}"
                case errno.EACCES | errno.EPERM if os.geteuid() == 0:
                    reason = f"no permission for {self.path}, even as root"
                    hint = f"if this is a container, give it the device {self.path}"
                case errno.EACCES | errno.EPERM:
                    reason, hint = (
                        f"no permission for {self.path}",
                        "run bootwright as root if you need it",
                    )
                case _:
                    reason, hint = f"cannot open {self.path}: {error.strerror}", ""
            yield Check(
                area="host",
                name=self.name,
                state="note",
                text=f"{reason}: {self.without}",
                hint=hint,
            )
        else:
            yield Check(area="host", name=self.name, state="ok", text=f"{self.path} can be opened")


DEVICES = (
    DeviceNode(
        name="tap",
        path=Path("/dev/net/tun"),
        module="tun",
        without="no tap networks; user-mode networking works without it",
    ),
    DeviceNode(
        name="loop devices",
        path=Path("/dev/loop-control"),
        module="loop",
        without="no disks on loop devices; qcow2 disks work without it",
    ),
    DeviceNode(
        name="device mapper",
        path=Path("/dev/mapper/control"),
        module="dm-snapshot",
        without="no dm-snapshot disks; qcow2 disks work without it",
    ),
    DeviceNode(
        name="vsock",
        path=Path("/dev/vhost-vsock"),
        module="vhost_vsock",
        without="no vsock between host and guest; serial ports and SSH work without it",
    ),
)


def user_namespaces(
    *,
    uid: int | None = None,
    attempt: Callable[[], str] | None = None,
    sysctls: Path = Path("/proc/sys"),
    etc: Path = Path("/etc"),
) -> Iterator[Check]:
    """Check whether a user can create the user namespace that building images needs.

    One is created; settings and files are read only to explain a failure.

    Args:
        uid: The user; default: that of this process.
        attempt: Returns why a user namespace was refused, or "".
    """
    uid = os.geteuid() if uid is None else uid
    if uid == 0:
        yield _namespaces_ok("not needed: root builds images without them")
    elif refusal := (attempt or _refused_because)():
        cause, hint = next(_causes(uid, sysctls, etc), (refusal, NAMESPACE_HINT))
        yield Check(
            area="host",
            name="user namespaces",
            state="note",
            text=f"{cause}: building images needs root; booting does not",
            hint=hint,
        )
    else:
        yield _namespaces_ok("images can be built without root")


def _namespaces_ok(text: str) -> Check:
    return Check(area="host", name="user namespaces", state="ok", text=text)


def _refused_because() -> str:
    try:
        done = subprocess.run(
            [*as_namespace_root(), "true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=5,
        )
    except HostError as error:
        return str(error)
    except subprocess.TimeoutExpired:
        return "unshare did not answer within 5 s"
    if done.returncode == 0:
        return ""
    return done.stderr.strip().partition("\n")[0] or f"unshare exited with status {done.returncode}"


def _causes(uid: int, sysctls: Path, etc: Path) -> Iterator[tuple[str, str]]:
    """Yield what prevents an ordinary user from using user namespaces, and a fix for each.

    Source: namespaces(7), subuid(5). The last two settings exist only on Debian and Ubuntu.
    """
    for name, refusing, allowing in (
        ("user.max_user_namespaces", "0", "15000"),
        ("kernel.unprivileged_userns_clone", "0", "1"),
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ):
        path = sysctls / name.replace(".", "/")
        if path.exists() and path.read_text().strip() == refusing:
            yield f"{name} is {refusing}", f"sudo sysctl {name}={allowing}"
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    for file_name in ("subuid", "subgid"):
        path = etc / file_name
        lines = path.read_text().split() if path.exists() else []
        ranges = [line.split(":") for line in lines]
        if not any(owner in (user, str(uid)) for owner, _, _ in ranges):
            start = max([100_000, *(int(first) + int(count) for _, first, count in ranges)])
            yield (
                f"{path} has no entry for {user}",
                f"sudo usermod --add-{file_name}s {start}-{start + 65535} {user}",
            )
    if tools.find("newuidmap") is None:
        yield "newuidmap is not installed", "on Debian: sudo apt-get install uidmap"
