"""What a VMM is given: from a recipe and an identity to files and a placement."""

from __future__ import annotations

from pathlib import Path

from bootwright.disks.disk import Disk, Drive, Place
from bootwright.guest import initramfs, seed
from bootwright.guest.identity import Identity
from bootwright.home import Home
from bootwright.inits.ready import SEED_PATH as READY
from bootwright.machine.folder import MachineFolder
from bootwright.machine.marks import end_of
from bootwright.machine.parts import Parts, parts_of
from bootwright.machine.spec import MachineSpec
from bootwright.machine.ssh import Access
from bootwright.networks import user
from bootwright.networks.user import SSH_PORT, Forward
from bootwright.vmms.protocol import Placement


def write_initrd(
    home: Home,
    parts: Parts,
    identity: Identity,
    target: Path,
    *,
    authorized_key: str = "",
    command: tuple[str, ...] = (),
    new_disk: bool = True,
) -> None:
    """Write the modules that the kernel needs, and behind them the seed, to *target*.

    Args:
        new_disk: Whether no guest has run on the machine's disk yet, so that its filesystem may be
            smaller than the disk.

    Raises:
        FormatError: the kernel lacks a driver, or a guest file is not on this host.
    """
    recipe, vmm, init = parts.recipe, parts.vmm, parts.init
    drivers = vmm.drivers(recipe)
    root = seed.Root()
    if parts.root is not None:
        image, kind = parts.root.image, parts.root.disk
        root = seed.Root(
            device=vmm.block_device(recipe, 0, image.partition),
            filesystem=image.filesystem,
            options=kind.mount_options,
            volatile=kind.volatile,
            scratch=vmm.block_device(recipe, 1) if kind.is_joined else "",
            grow=new_disk and not kind.is_joined and recipe.disk_bytes > image.size_bytes,
        )
        drivers = [*drivers, image.filesystem, *kind.modules]
    modules = initramfs.make(parts.kernel, drivers, home.cache / "initramfs") if drivers else None
    wiring = seed.Wiring(
        modules=modules.modules if modules else (),
        root=root,
        init=init.argv if init else (),
        needs=init.needs if init else (),
        tools=bool(init and init.tools) or any(f.path == READY for f in recipe.guest_files),
        address=user.ADDRESS if recipe.network == "user" else "",
        gateway=user.GATEWAY,
        resolver=user.RESOLVER,
    )
    packed = seed.pack(
        home,
        recipe.guest_files,
        identity,
        wiring,
        authorized_key=authorized_key,
        command=command,
    )
    # The host key is in it: nobody else may read it.
    target.touch(mode=0o600)
    target.write_bytes((modules.archive if modules else b"") + packed)


def disk_of(
    home: Home, folder: MachineFolder, spec: MachineSpec, parts: Parts, device: str = ""
) -> tuple[Disk, Place] | None:
    """Return which kind of disk a machine has, and where; None for a machine without one.

    Args:
        device: What a block device of this run may be called.
    """
    if parts.root is None:
        return None
    image = parts.root.image
    place = Place(
        folder=folder.path,
        image=image.disk.absolute(),
        image_bytes=image.size_bytes,
        size_bytes=spec.recipe.disk_bytes,
        cache=home.cache,
        device=device,
        kept=spec.kept,
    )
    return parts.root.disk, place


def placement(
    folder: MachineFolder,
    spec: MachineSpec,
    parts: Parts,
    *,
    mac: str,
    drives: tuple[Drive, ...] = (),
    token: str = "",
) -> Placement:
    """Return where the parts of a machine lie."""
    forwards: tuple[Forward, ...] = ()
    if spec.recipe.network == "user":
        forwards = (Forward(host_port=0, guest_port=SSH_PORT), *spec.publish)
    counted_until = ""
    if spec.watch == "accesses":
        counted_until = f"{folder.identity().token} {end_of(spec.recipe)}"
    return Placement(
        name=spec.name,
        kernel=parts.kernel.folder / spec.recipe.kernel_file,
        initrd=folder.initrd,
        log=folder.vmm_log,
        mac=mac,
        drives=drives,
        forwards=forwards,
        token=token,
        counted_until=counted_until,
    )


def planned(
    home: Home, spec: MachineSpec, command: tuple[str, ...]
) -> list[tuple[str, tuple[str, ...]]]:
    """Return the commands that a start of *spec* would run, each with a comment.

    What is known only then stands for itself: the MAC address, the numbers of the sockets that the
    VMM inherits from the monitor, and the port that leads to the guest's SSH server.
    """
    folder = MachineFolder(home.machines / spec.name)
    parts = parts_of(home, spec.recipe)
    found = disk_of(home, folder, spec, parts)
    drives = found[0].drives(found[1]) if found else ()
    place = placement(folder, spec, parts, mac="52:54:00:00:00:00", drives=drives)
    argv = parts.vmm.plan(spec.recipe, place)
    steps = [("the VMM; sockets 3, 4, 5: QMP, console, mark port; paused until told to run", argv)]
    if spec.recipe.lets_in:
        reach = Access(
            name=spec.name,
            port=0,
            key=home.keys / "id_ed25519",
            known_hosts=folder.known_hosts,
        )
        steps.append(
            ("the log-in; port 0 stands for the one the VMM got", tuple(reach.ssh(command)))
        )
    return steps
