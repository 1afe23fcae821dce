"""Images from a user's own files. What a file is shows its content, not its name: what is packed is
unpacked, what is something else is refused by its name, and what is broken or cut short as well."""

from __future__ import annotations

import shlex
from pathlib import Path

import msgspec

from bootwright.errors import BuildError, FormatError, HostError, InputError
from bootwright.events import Notice, Observer, Progress, ignore, within
from bootwright.home import Home
from bootwright.host import commands, space, tools
from bootwright.images import disklayout, ext4, filesystems, formats, rootfs, unpacking
from bootwright.images.disklayout import Root
from bootwright.images.image import Image, image_store, store_image
from bootwright.images.rootfs import Rootfs
from bootwright.store import check_name

_DEEPEST = 5
"""A disk may be a qcow2 in a tar in an xz; what goes deeper is made to tease."""


def add(
    home: Home,
    name: str,
    file: Path,
    *,
    replace: bool = False,
    observe: Observer = ignore,
) -> Image:
    """Store a copy of *file* as an image.

    Args:
        replace: Whether to take the name from another image that has it.
        observe: Given each step, and a `Notice` of what keeps the image from booting as it is.

    Raises:
        FormatError: it is damaged or cut short, or holds no root filesystem that we can boot.
        InputError: there is no such file, or another image has the name.
        HostError: a program that reads it is missing.
    """
    check_name(name, "an image")
    try:
        _check_file(file)
    except OSError as error:
        raise InputError(
            f"cannot read {file}: {error.strerror}",
            hint="use sudo, or copy it to where you can read it",
        ) from error
    space.require(home.images, file.stat().st_blocks * 512, f"importing {file.name}")
    with (
        image_store(home).staged() as staged,
        space.disk_full_explained(home.images, "an image was imported"),
    ):
        folder = staged / "image"
        folder.mkdir()
        disk = folder / "disk.raw"
        try:
            is_ours = _Unwrapping(file, staged, disk, observe).run()
            observe(Progress(step="looking for the root filesystem", share=0.8))
            found = _root_on(disk, name, observe)
            if not is_ours:
                observe(Progress(step=f"checking {found.root.filesystem}", share=0.85))
                if notice := filesystems.check(disk, found.root).notice:
                    observe(Notice(text=f"image {name}: its {found.root.filesystem} {notice}"))
        except FormatError as error:
            if str(error).startswith(str(file)):
                raise
            text = str(error).replace(str(disk), "its disk")
            raise FormatError(
                f"{file} cannot be imported: {text}",
                hint=error.hint.replace("FILE", shlex.quote(str(file))),
                evidence=error.evidence,
            ) from error
        if found.missing:
            observe(Notice(text=_cannot_boot(name, found)))
        return store_image(
            home,
            folder,
            name=name,
            source=str(file.absolute()),
            filesystem=found.root.filesystem,
            partition=found.root.partition,
            subvolume=found.root.subvolume,
            suite=found.suite,
            replace=replace,
            observe=within(observe, 0.9, 1),
        )


def _check_file(file: Path) -> None:
    path = shlex.quote(str(file))
    if file.is_dir():
        raise InputError(
            f"{file} is a folder",
            hint=f"pack it, as root: tar -C {path} -cf root.tar . ; then import root.tar",
        )
    if file.is_block_device():
        raise InputError(
            f"{file} is a device",
            hint=f"copy it while nothing is mounted from it: qemu-img convert -O qcow2 {path} "
            "disk.qcow2; then import disk.qcow2",
        )
    if "://" in str(file) or str(file).startswith(("http:/", "https:/")):
        raise InputError(f"{file} is an address", hint="download it, and give the file")
    if file.exists() and not file.is_file():
        raise InputError(
            f"{file} is not a regular file", hint="write what comes from it into a file first"
        )
    if not file.is_file():
        raise InputError(f"there is no file {file}", hint="give an ext4, raw, qcow2 or tar file")
    file.open("rb").close()


class _Unwrapping:
    """Takes off what a disk is wrapped in, one layer after the other."""

    def __init__(self, file: Path, staged: Path, disk: Path, observe: Observer) -> None:
        self._file = file
        self._staged = staged
        self._disk = disk
        self._observe = observe
        self._layers: list[str] = []
        self._name = file.name  # of what is left to unwrap

    def run(self) -> bool:
        """Write the raw disk.

        Returns:
            Whether we made its filesystem just now, so that it is sound.
        """
        source = self._file
        while True:
            found = _recognised(source)
            if found is None:
                self._take(source)
                return False
            if found.action == "refuse":
                raise self._refusal(found)
            if len(self._layers) >= _DEEPEST:
                raise FormatError(
                    "it is packed more than five times: " + ", in ".join(self._layers[::-1])
                )
            self._layers.append(found.name)
            target = self._staged / f"layer-{len(self._layers)}" / self._file.stem
            target.parent.mkdir()
            if found.action == "archive":
                inside = unpacking.look_into(source, target)
                if not inside.disk:
                    self._observe(Progress(step="writing ext4 from the archive", share=0.4))
                    ext4.write(source, self._disk)
                    self._forget(source)
                    return True
                self._observe(Progress(step=f"taking {inside.disk} out of the archive", share=0.3))
                self._name = inside.disk
            elif found.action == "unpack":
                self._observe(Progress(step=f"unpacking {found.name}", share=0.1))
                unpacking.unpack(source, found, target)
                self._name = Path(self._name).stem
            else:
                self._observe(Progress(step="converting from qcow2", share=0.4))
                _convert(source, target)
            self._forget(source)
            source = target

    def _take(self, source: Path) -> None:
        """Make *source* the disk."""
        if source != self._file:
            source.rename(self._disk)
        else:
            self._observe(Progress(step="copying", share=0.1))
            _run(["cp", "--sparse=always", "--reflink=auto", source, self._disk], source)
            self._disk.chmod(0o644)
        if self._disk.stat().st_size % 512:
            raise FormatError(
                "it is not a disk: its size is not a multiple of 512 bytes",
                hint="give an ext4, xfs or btrfs filesystem, a raw or qcow2 disk, or a tar",
            )

    def _refusal(self, found: formats.Format) -> FormatError:
        if not self._layers:
            return FormatError(f"it is {found.name}", hint=found.hint)
        within_what = " in ".join(self._layers[::-1])
        hint = found.hint
        if "FILE" in hint:
            inside = shlex.quote(self._name)
            hint = f"unpack FILE; then {hint.replace(' first', '', 1).replace('FILE', inside)}"
        return FormatError(f"it holds {found.name} (in {within_what})", hint=hint)

    def _forget(self, source: Path) -> None:
        if source != self._file:
            source.unlink()


def _recognised(source: Path) -> formats.Format | None:
    with source.open("rb") as file:
        return formats.recognise(file)


def _root_on(disk: Path, name: str, observe: Observer) -> Rootfs:
    """Return the filesystem on *disk* that holds a root; of several, the one that boots.

    Raises:
        FormatError: none does; the error is about what else holds it, or about the likeliest one.
    """
    with disk.open("rb") as file:
        roots = disklayout.find_roots(file)
        elsewhere = disklayout.elsewhere(file)
    found: list[Rootfs] = []
    faults: list[FormatError] = []
    for root in roots:
        try:
            found.append(rootfs.look(disk, root))
        except FormatError as error:
            faults.append(_damage(disk, root) or error)
        except HostError as error:
            if not found:
                observe(Notice(text=f"image {name}: not looked into: {error}"))
                return _unseen(root)
    if found:
        # A /usr of its own looks like a root, and is often larger.
        return min(found, key=lambda one: len(one.missing))
    failed = [fault for fault in faults if not isinstance(fault, rootfs.NoRootError)]
    raise (failed or [elsewhere or faults[0]])[0]


def _damage(disk: Path, root: Root) -> FormatError | None:
    try:
        filesystems.check(disk, root)
    except FormatError as error:
        return error
    return None


def _unseen(root: Root) -> Rootfs:
    return Rootfs(root=root, missing=(), suite="")


def _cannot_boot(name: str, found: Rootfs) -> str:
    without = " and no ".join(found.missing)
    needs = "systemd is not started" if rootfs.INIT in found.missing else "nobody can log in"
    return (
        f"image {name} has no {without}, so {needs}; to run one command in it: "
        f"bootwright run {name} --init bare -- COMMAND"
    )


def _convert(file: Path, target: Path) -> None:
    """Write the raw disk that is in a qcow2.

    Raises:
        FormatError: it is damaged, encrypted, or not whole.
    """
    [qemu_img] = tools.require("qemu-img")
    _refuse_references(qemu_img, file)
    checked = commands.run([qemu_img, "check", "-f", "qcow2", file])
    # 3: clusters that nobody uses, which costs room alone. Source: qemu-img(1), check.
    if checked.returncode not in (0, 3):
        raise FormatError(
            "its qcow2 is damaged or cut short",
            hint="fetch or copy it again; qemu-img check FILE shows all that is wrong",
            evidence="\n".join((checked.stderr + checked.stdout).splitlines()[-6:]),
        )
    _run([qemu_img, "convert", "-f", "qcow2", "-O", "raw", file, target], file)


def _refuse_references(qemu_img: Path, file: Path) -> None:
    """Refuse a qcow2 that names other files: whoever made it could have our files read."""
    described = commands.run([qemu_img, "info", "--output=json", "-f", "qcow2", file])
    if described.returncode:
        raise FormatError(
            "it is not a readable qcow2 file",
            hint="qemu-img check FILE says more",
            evidence=described.stderr[-600:],
        )
    table = msgspec.json.decode(described.stdout)
    specific = table.get("format-specific", {}).get("data", {})
    if other := table.get("backing-filename") or specific.get("data-file"):
        raise FormatError(
            f"it is not whole: it refers to {other}",
            hint="make it whole first: qemu-img convert -O qcow2 FILE whole.qcow2",
        )
    if table.get("encrypted"):
        raise FormatError(
            "it is an encrypted qcow2",
            hint="decrypt it first, with its secret: qemu-img convert (see qemu-img(1), --object "
            "secret)",
        )


def _run(command: list[str | Path], file: Path) -> None:
    done = commands.run(command)
    if done.returncode:
        space.raise_if_full(done.stderr)
        raise BuildError(f"reading {file} failed", evidence=done.stderr[-1000:])
