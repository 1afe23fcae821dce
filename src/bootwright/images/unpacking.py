"""Compressed files and tar archives that hold a disk, unpacked; holes are made where zeros were."""

from __future__ import annotations

import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from bootwright.errors import FormatError
from bootwright.host import commands, tools
from bootwright.images import formats
from bootwright.images.formats import Format

_CHUNK_BYTES = 64 << 10
_CUT_SHORT = "it was cut short or damaged on its way: fetch it again"
ROOT_FOLDERS = frozenset(("bin", "sbin", "usr", "etc"))
"""A root filesystem has one of these at its top."""
_DOCKER_HINT = (
    "export a container's filesystem instead: docker create --name x IMAGE; "
    "docker export -o root.tar x; then import root.tar"
)


def unpack(source: Path, compression: Format, target: Path) -> None:
    """Write what is compressed in *source* to *target*.

    Raises:
        FormatError: it is damaged, or not whole.
        HostError: the program that unpacks it is missing.
    """
    [program] = tools.require(compression.program)
    argv = [str(program), "-dc"]
    commands.announce([*argv, str(source)])
    with (
        source.open("rb") as given,
        subprocess.Popen(
            argv, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            copy_sparse(process.stdout, target)
        except BaseException:
            process.kill()
            raise
        said = process.stderr.read().decode(errors="replace")
    if process.returncode:
        raise FormatError(
            f"it is not a complete {compression.name} file",
            hint=_CUT_SHORT,
            # bzip2 goes on with advice that does not apply here.
            evidence="\n".join([line for line in said.splitlines() if line.strip()][:2]),
        )


def copy_sparse(source: IO[bytes], target: Path) -> None:
    """Write all of *source* to *target*, leaving out zeros."""
    with target.open("wb") as file:
        while chunk := source.read(_CHUNK_BYTES):
            if chunk.count(0) == len(chunk):
                file.seek(len(chunk), 1)
            else:
                file.write(chunk)
        file.truncate(file.tell())


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What a tar archive turned out to hold."""

    disk: str = ""
    """The path of the one disk image in it; empty: a root filesystem."""


def look_into(archive: Path, target: Path) -> Inside:
    """Find out what a tar archive holds; a disk in it is written to *target*.

    Raises:
        FormatError: it is damaged or not whole, or holds neither a disk nor a root filesystem.
    """
    try:
        with tarfile.open(archive, "r:") as opened:
            members = opened.getmembers()
            end = opened.offset
            _check_end(archive, end)
            tops = {_parts(member.name)[0] for member in members if _parts(member.name)}
            if tops & ROOT_FOLDERS:
                return Inside()
            _refuse_known(tops, members)
            disks = [member for member in members if member.isreg() and _is_disk(opened, member)]
            if not disks:
                raise _no_root(members, tops)
            if len(disks) > 1:
                raise FormatError(
                    f"its archive holds {len(disks)} disks: "
                    + ", ".join(member.name for member in disks[:5]),
                    hint="tar -xf FILE, then import the one with the root filesystem",
                )
            content = opened.extractfile(disks[0])
            assert content is not None
            copy_sparse(content, target)
            return Inside(disk=disks[0].name)
    except tarfile.TarError as error:
        raise FormatError(f"it is not a complete tar archive: {error}", hint=_CUT_SHORT) from error


def _check_end(archive: Path, end: int) -> None:
    """See that the headers end with a block of zeros, as every whole archive does.

    Source: tar(5): "The end of the archive is indicated by two records consisting entirely of zero
    bytes"; Python's tarfile stops without a word where they are missing.
    """
    with archive.open("rb") as file:
        file.seek(end)
        block = file.read(512)
    if len(block) < 512:
        raise FormatError("it is not a complete tar archive: its end is missing", hint=_CUT_SHORT)
    if any(block):
        raise FormatError(
            f"it is a damaged tar archive: no member begins at byte {end}",
            hint=_CUT_SHORT,
        )


def _parts(name: str) -> list[str]:
    return [part for part in name.split("/") if part not in ("", ".")]


def _is_disk(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bool:
    """Say whether a member is a disk, or what must be unpacked or converted to become one."""
    if member.size < 4096:
        return False
    content = archive.extractfile(member)
    if content is None:
        return False
    seekable: BinaryIO = content  # type: ignore[assignment]
    found = formats.recognise(seekable)
    if found is None:
        if formats.extent(seekable, 0) is not None:
            return True
        seekable.seek(510)
        return seekable.read(2) == b"\x55\xaa"  # a partition table
    if found.action == "unpack":
        return any(ending in member.name for ending in (".img.", ".raw.", ".qcow2."))
    return found.action == "convert" or "qemu-img convert" in found.hint


def _refuse_known(tops: set[str], members: list[tarfile.TarInfo]) -> None:
    """Refuse what is known not to hold a root filesystem as it is.

    Source: the OCI image layout specification; docker-image-save(1); DMTF DSP0243 (OVF).
    """
    layers = "repositories" in tops or any(name.name.endswith("layer.tar") for name in members)
    if "oci-layout" in tops or ("manifest.json" in tops and ("blobs" in tops or layers)) or layers:
        raise FormatError(
            "it is an image of docker save (layers, not a root filesystem)",
            hint=_DOCKER_HINT,
        )
    if any(name.endswith(".ovf") for name in tops):
        raise FormatError(
            "it is a virtual appliance (ova)",
            hint="tar -xf FILE; qemu-img convert -O qcow2 DISK.vmdk disk.qcow2; then "
            "import disk.qcow2",
        )


def _no_root(members: list[tarfile.TarInfo], tops: set[str]) -> FormatError:
    shown = ", ".join(sorted(tops)[:5]) or "nothing"
    below = {
        "/".join(parts[:-1])
        for parts in map(_parts, (m.name for m in members))
        if len(parts) > 1 and parts[-1] in ROOT_FOLDERS
    }
    hint = "an archive of a root filesystem has bin, etc, usr at its top"
    if below:
        folder = min(below, key=lambda path: (path.count("/"), path))
        hint = (
            f"its root is the folder {folder}, so as root: tar -xf FILE; "
            f"tar -C {folder} -cf root.tar . ; then import root.tar"
        )
    return FormatError(
        f"its archive holds neither a root filesystem nor a disk; at its top: {shown}", hint=hint
    )
