"""Preparing the files and the launch plan of a VMM from a recipe and an identity."""

from __future__ import annotations

from pathlib import Path

from bootwright.disks.disk import DiskKind, DiskLocation, Drive
from bootwright.guest import initramfs, nested
from bootwright.guest.identity import Identity
from bootwright.home import Home
from bootwright.inits.ready import CARRIED_PATH as READY
from bootwright.machines.folder import MachineFolder
from bootwright.machines.parts import Parts, parts_of
from bootwright.machines.spec import MachineSpec
from bootwright.monitor.mark_reader import end_of
from bootwright.networks import user
from bootwright.networks.user import SSH_PORT, Forward
from bootwright.vmms.protocol import LaunchPlan


def write_initrd(
    home: Home,
    parts: Parts,
    identity: Identity,
    target: Path,
    *,
    authorized_key: str = "",
    command: tuple[str, ...] = (),
    input: bytes = b"",
    new_disk: bool = True,
    console_login: bool = False,
) -> None:
    """Write the kernel's modules, followed by the initramfs, to *target*.

    Args:
        command: As for `initramfs.pack_initramfs`, and *input* too.
        new_disk: Whether the disk is new, so that its filesystem may be smaller than the disk.
        console_login: Whether the console has a root shell.

    Raises:
        FormatError: the kernel lacks a driver, or a guest file is not on this host.
    """
    recipe, vmm, init = parts.recipe, parts.vmm, parts.init
    drivers = vmm.drivers(recipe)
    if parts.root is not None:
        drivers = [*drivers, parts.root.image.filesystem, *parts.root.disk.modules]
    drivers = [*drivers, *nested.required(recipe)]
    modules = None
    if drivers:
        from bootwright.guest import module_archive  # here: many kernels have all drivers built in

        modules = module_archive.make_module_archive(
            parts.kernel,
            drivers,
            home.cache / "initramfs",
            optional=nested.optional(recipe),
        )
    settings = initramfs.InitSettings(
        modules=modules.modules if modules else (),
        root=_root_mount(parts, new_disk),
        init=init.argv if init else (),
        needs=init.needs if init else (),
        tools=bool(init and init.tools) or any(f.path == READY for f in recipe.guest_files),
        address=user.ADDRESS if recipe.network == "user" else "",
        gateway=user.GATEWAY,
        resolver=user.RESOLVER,
        nested=recipe.nested,
    )
    own_files = {}
    if console_login:
        from bootwright.inits import console_login as login  # here: few machines have one

        own_files = login.guest_files()
    packed = initramfs.pack_initramfs(
        home,
        recipe.guest_files,
        identity,
        settings,
        authorized_key=authorized_key,
        command=command,
        own_files=own_files,
        input=input,
    )
    # It contains the host key: only its owner may read it.
    target.touch(mode=0o600)
    with target.open("wb") as file:
        file.write(modules.archive if modules else b"")
        file.write(packed)


def _root_mount(parts: Parts, new_disk: bool) -> initramfs.RootMount:
    if parts.root is None:
        return initramfs.RootMount()
    recipe, vmm, image, kind = parts.recipe, parts.vmm, parts.root.image, parts.root.disk
    return initramfs.RootMount(
        device=vmm.block_device(recipe, 0, image.partition),
        filesystem=image.filesystem,
        options=",".join(filter(None, (kind.mount_options, image.mount_options))),
        volatile=kind.volatile,
        scratch=vmm.block_device(recipe, 1) if kind.is_joined else "",
        grow=new_disk and not kind.is_joined and recipe.disk_bytes > image.size_bytes,
    )


def disk_of(
    home: Home, folder: MachineFolder, spec: MachineSpec, parts: Parts, device: str = ""
) -> tuple[DiskKind, DiskLocation] | None:
    """Return a machine's kind of disk and its location; None if it has no disk.

    Args:
        device: The name for a block device of this run.
    """
    if parts.root is None:
        return None
    image = parts.root.image
    place = DiskLocation(
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
) -> LaunchPlan:
    """Return the launch plan of a machine."""
    forwards: tuple[Forward, ...] = ()
    if spec.recipe.network == "user":
        forwards = (Forward(host_port=0, guest_port=SSH_PORT), *spec.publish)
    counted_until = ""
    if spec.watch == "accesses":
        counted_until = f"{folder.identity().token} {end_of(spec.recipe)}"
    return LaunchPlan(
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

    Values known only at the start are placeholders: the MAC address, the numbers of the
    inherited sockets, and the forwarded SSH port.
    """
    folder = MachineFolder(home.machines / spec.name)
    parts = parts_of(home, spec.recipe)
    found = disk_of(home, folder, spec, parts)
    drives = found[0].drives(found[1]) if found else ()
    place = placement(folder, spec, parts, mac="52:54:00:00:00:00", drives=drives)
    argv = parts.vmm.plan(spec.recipe, place)
    steps = [("the VMM, started paused; sockets 3, 4, 5: QMP, console, mark port", argv)]
    if spec.recipe.allows_login:
        from bootwright.machines.ssh import SshEndpoint

        reach = SshEndpoint(
            name=spec.name,
            port=0,
            key=home.keys / "id_ed25519",
            known_hosts=folder.known_hosts,
        )
        steps.append(
            (
                "the log-in; port 0 is a placeholder for the forwarded port",
                tuple(reach.ssh(command)),
            )
        )
    return steps
