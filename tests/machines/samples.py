"""Values that several tests vary, and machines made of them; nothing in them could boot."""

from __future__ import annotations

from dataclasses import replace

from bootwright.digest import Digest
from bootwright.guest.identity import Identity
from bootwright.home import Home
from bootwright.machines.folder import MachineFolder, claimed_folder
from bootwright.machines.messages import Status
from bootwright.machines.spec import LastEnd, MachineSpec
from bootwright.recipes.recipe import Recipe

RECIPE = Recipe(
    kernel=Digest("sha256-" + "1" * 64),
    image=Digest("sha256-" + "2" * 64),
    init="systemd",
    cmdline=("quiet",),
    vmm="qemu",
    vmm_build="7.2.0",
    accelerator="tcg",
    machine_type="q35",
    cpu="qemu64",
    memory_mib=512,
    vcpus=1,
    disk="qcow2",
    disk_bytes=512,
    network="user",
)
SPEC = MachineSpec(name="web", recipe=RECIPE)
IDENTITY = Identity(
    hostname="web",
    machine_id="0123456789abcdef0123456789abcdef",
    mac="52:54:00:01:02:03",
    token="feedface00000001",
    host_key="-----BEGIN PRIVATE-----\nsecret\n-----END-----\n",
    host_key_public="ssh-ed25519 AAAA root@web",
)
STATUS = Status(
    state="running",
    monitor_pid=4711,
    vmm_pid=4712,
    started_s=1_700_000_000,
    ports={22: 40001, 80: 8080},
)


def made(
    home: Home,
    name: str = "web",
    *,
    kept: bool = False,
    logged_in: bool = False,
    end: LastEnd | None = None,
) -> MachineFolder:
    """Make a machine whose monitor is gone."""
    with claimed_folder(home, replace(SPEC, name=name, kept=kept)) as folder:
        folder.write(IDENTITY)
        if logged_in:
            folder.note_login()
        if end is not None:
            folder.write(end)
        (folder.path / "disk.qcow2").write_text("a disk")
    return folder


def at_rest(home: Home, name: str = "web", end: LastEnd | None = None) -> MachineFolder:
    """Make a machine that is kept and has nothing to give back."""
    return made(home, name, kept=True, logged_in=True, end=end)


def entries(home: Home) -> list[str]:
    """Return what lies among the machines."""
    return sorted(path.name for path in home.machines.iterdir())
