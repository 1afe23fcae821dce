"""KVM and the other device nodes, and user namespaces: what the kernel lets us use."""

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


def kvm_works(memory: TrialResults, *, boot_id: str, vmm_build: str) -> Iterator[Check]:
    """Say whether guests run with KVM.

    Args:
        memory: What a trial guest found out; it holds for one boot of the host and one build of
            the VMM.
        boot_id: This boot of the host.
        vmm_build: The VMM's build now; empty where that is not known.
    """
    if reason := kvm.unusable_because():
        yield Check(area="host", name="KVM", state="warning", text=f"{reason}: {_SLOWER}")
    elif memory.boot_id != boot_id:
        yield _not_tried("since the host was started")
    elif vmm_build not in ("", memory.vmm_build):
        yield _not_tried(f"with this QEMU, {vmm_build}")
    elif memory.kvm_runs:
        yield Check(area="host", name="KVM", state="ok", text="a guest ran with it")
    else:
        reasons = "; ".join(dict.fromkeys(memory.fails_with.values()))
        yield Check(
            area="host",
            name="KVM",
            state="warning",
            text=f"{kvm.DEVICE} is there, but no guest ran with it ({reasons}): {_SLOWER}",
            hint="in a virtual machine or a sandbox, ask for nested virtualization; "
            "another --kernel is tried anew",
        )


def _not_tried(when: str) -> Check:
    text = f"{kvm.DEVICE} is there, not tried yet {when}: the first run tries it"
    return Check(area="host", name="KVM", state="note", text=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceNode:
    """A device node that something optional needs."""

    name: str
    path: Path
    module: str
    lack: str
    """What cannot be done without it, and what can."""

    def opens(self) -> Iterator[Check]:
        """Say whether it can be opened, which changes nothing, and if not, what of it is lacking.

        Source: open(2): ENODEV or ENXIO where a node has no driver behind it.
        """
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CLOEXEC))
        except OSError as error:
            match error.errno:
                case errno.ENOENT | errno.ENOTDIR:
                    reason, hint = f"there is no {self.path}", f"sudo modprobe {self.module}"
                case errno.ENODEV | errno.ENXIO:
                    reason = f"{self.path} is there, but this kernel has no driver behind it"
                    hint = f"sudo modprobe {self.module}"
                case errno.EACCES | errno.EPERM if os.geteuid() == 0:
                    reason = f"no permission for {self.path}, not even for root"
                    hint = f"if this is a container, give it the device {self.path}"
                case errno.EACCES | errno.EPERM:
                    reason, hint = f"no permission for {self.path}", "run as root where you need it"
                case _:
                    reason, hint = f"{self.path} cannot be opened: {error.strerror}", ""
            yield Check(
                area="host", name=self.name, state="note", text=f"{reason}: {self.lack}", hint=hint
            )
        else:
            yield Check(area="host", name=self.name, state="ok", text=f"{self.path} opens")


DEVICES = (
    DeviceNode(
        name="tap",
        path=Path("/dev/net/tun"),
        module="tun",
        lack="no tap networks; user-mode networking works without",
    ),
    DeviceNode(
        name="loop devices",
        path=Path("/dev/loop-control"),
        module="loop",
        lack="no disks on loop devices; qcow2 disks work without",
    ),
    DeviceNode(
        name="device mapper",
        path=Path("/dev/mapper/control"),
        module="dm-snapshot",
        lack="no dm-snapshot disks; qcow2 disks work without",
    ),
    DeviceNode(
        name="vsock",
        path=Path("/dev/vhost-vsock"),
        module="vhost_vsock",
        lack="no vsock between host and guest; serial ports and SSH work without",
    ),
)


def user_namespaces(
    *,
    uid: int | None = None,
    attempt: Callable[[], str] | None = None,
    sysctls: Path = Path("/proc/sys"),
    etc: Path = Path("/etc"),
) -> Iterator[Check]:
    """Say whether a user can build images, which takes a user namespace with many users in it.

    It is tried; files of the kernel and the host only explain why it fails.

    Args:
        uid: The user; this process's own where it is not given.
        attempt: Returns why a user namespace was refused, or nothing.
    """
    uid = os.geteuid() if uid is None else uid
    if uid == 0:
        yield _namespaces_are_well("not needed: root builds images without them")
    elif refusal := (attempt or _refused_because)():
        cause, hint = next(_causes(uid, sysctls, etc), (refusal, NAMESPACE_HINT))
        yield Check(
            area="host",
            name="user namespaces",
            state="note",
            text=f"{cause}: images cannot be built without root; booting works without",
            hint=hint,
        )
    else:
        yield _namespaces_are_well("images can be built without root")


def _namespaces_are_well(text: str) -> Check:
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
        return "unshare gave no answer in 5 s"
    if done.returncode == 0:
        return ""
    return done.stderr.strip().partition("\n")[0] or f"unshare ended with status {done.returncode}"


def _causes(uid: int, sysctls: Path, etc: Path) -> Iterator[tuple[str, str]]:
    """Yield what keeps an ordinary user from user namespaces, and what to do about it.

    Source: namespaces(7), subuid(5). The last two settings are Debian's and Ubuntu's own.
    """
    for name, refusing, allowing in (
        ("user.max_user_namespaces", "0", "15000"),
        ("kernel.unprivileged_userns_clone", "0", "1"),
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ):
        path = sysctls / name.replace(".", "/")
        if path.exists() and path.read_text().strip() == refusing:
            yield f"the setting {name} is {refusing}", f"sudo sysctl {name}={allowing}"
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
                f"{path} has no line for {user}",
                f"sudo usermod --add-{file_name}s {start}-{start + 65535} {user}",
            )
    if tools.find("newuidmap") is None:
        yield "newuidmap is not installed", "on Debian: sudo apt-get install uidmap"
