"""Copying files and folders into and out of a guest, as a tar stream through ssh.

Symbolic links are copied as links. The owner is who receives the copy: root in the guest, this
process's user on the host; modes and times are kept. What is no file, folder or link is skipped.

What a guest sends is not trusted: nothing is written outside the target.

Source: tar(5); ssh(1).
"""

from __future__ import annotations

import io
import os
import shlex
import stat
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from bootwright.errors import (
    BootwrightError,
    GuestError,
    HostError,
    InputError,
    NotFoundError,
    find_all,
)
from bootwright.events import Notice, Observer, ignore
from bootwright.host import commands
from bootwright.machines.ssh import LOST_STATUS, SshEndpoint
from bootwright.machines.unpacking import Unpacking

_HAS_TAR = "command -v tar >/dev/null || { echo 'no tar' >&2; exit 127; }\nexport LC_ALL=C\n"
# Prints what the target is, and its name, then unpacks there. GNU tar would replace a link to a
# folder, such as /bin, by a folder.
_INTO = (
    _HAS_TAR
    + """
target=${1:-.}
[ ! -L "$target" ] || [ ! -e "$target" ] || target=$(readlink -f -- "$target")
place=$(dirname -- "$target")
kind=missing
[ ! -d "$place" ] || kind=free
[ ! -e "$target" ] && [ ! -L "$target" ] || kind=file
[ ! -d "$target" ] || { kind=folder; place=$target; }
echo "$kind $(basename -- "$target")"
[ $kind != missing ] || exit 0
keep=
tar --version 2>/dev/null | grep -q GNU && keep=--keep-directory-symlink
exec tar -xp $keep -f - -C "$place"
"""
)
# Sends what is at a path; with a second argument, what the link there leads to.
_OUT_OF = (
    _HAS_TAR
    + """
[ -e "$1" ] || [ -L "$1" ] || exit 66
source=$1
[ -z "$2" ] || source=$(readlink -f -- "$1")
place=$(dirname -- "$source") name=$(basename -- "$source")
case $name in . | .. | /) place=$source name=. ;; esac
case $(readlink -f -- "$1") in
/proc | /proc/* | /sys | /sys/*)
    # Files there do not say how long they are, so tar would take them for empty.
    if [ ! -L "$source" ]; then
        [ -f "$source" ] || exit 67
        place=$(mktemp -d) || exit 1
        cat -- "$source" >"$place/$name" && tar -cf - -C "$place" -- "./$name"
        status=$?
        rm -rf "$place"
        exit $status
    fi
    ;;
esac
exec tar -cf - -C "$place" -- "./$name"
"""
)
_MISSING_STATUS, _KERNEL_STATUS, _NO_TAR_STATUS = 66, 67, 127
_KERNEL_FOLDERS = ("/proc/", "/sys/")
_CHANGED = ("file changed as we read it", "File removed before we read it", "socket ignored")


class Copier:
    """Copies between this host and one machine; blocking.

    Args:
        follow: Copy what a source that is a symbolic link leads to, instead of the link.
    """

    def __init__(
        self, reach: SshEndpoint, *, follow: bool = False, observe: Observer = ignore
    ) -> None:
        self._reach = reach
        self._follow = follow
        self._observe = observe
        self._process: subprocess.Popen[bytes] | None = None
        self._is_cancelled = False

    def copy_in(self, sources: Sequence[str], target: str) -> None:
        """Copy files and folders of this host into the guest.

        Args:
            sources: With ``/.`` at its end, what is in the folder.
            target: A folder that exists, or the new name of the only source. Relative to root's
                home.

        Raises:
            InputError: a source or the target's folder is missing, or they do not go together.
            HostError: a source cannot be read.
            GuestError: the guest cannot be reached or written to.
        """
        find_all(sources, _check_source)
        for source in sources:
            with self._ssh(_INTO, target) as (process, errors):
                assert process.stdin is not None
                assert process.stdout is not None
                kind, _, name = process.stdout.readline().decode().rstrip("\n").partition(" ")
                if not kind:
                    raise self._failure(process, errors, f"{self._place(target)}")
                self._check_target(kind, source, target, several=len(sources) > 1)
                try:
                    self._pack(source, kind, name, process.stdin)
                    process.stdin.close()
                except BrokenPipeError:
                    pass  # its status and messages say why
                if process.wait():
                    raise self._failure(process, errors, f"to {self._place(target)}")
            if os.path.islink(source) and not self._follow:
                self._note_link(source, os.readlink(source))

    def copy_out(self, sources: Sequence[str], target: str) -> None:
        """Copy files and folders of the guest to this host; the reverse of `copy_in`.

        Raises:
            InputError: a source or the target's folder is missing, or they do not go together.
            HostError: the target cannot be written.
            GuestError: the guest cannot be reached, or sends what must not be written.
        """
        for source in sources:
            unpacking = Unpacking(source, target, several=len(sources) > 1)
            with self._ssh(_OUT_OF, source, "1" if self._follow else "") as (process, errors):
                assert process.stdout is not None
                try:
                    unpacking.run(process.stdout)
                except tarfile.TarError as error:
                    if process.wait() == 0:
                        raise GuestError(
                            f"{self._place(source)} arrives damaged: {error}"
                        ) from error
                # What follows the archive's end is padding.
                while process.stdout.read(1 << 16):
                    pass
                if process.wait():
                    self._judge(process, errors, source)
            if unpacking.skipped and not unpacking.is_any:
                raise InputError(
                    f"{self._place(source)} is no file, folder or link", hint="give one of these"
                )
            self._note_skipped(self._place(source), unpacking.skipped)
            self._note_link(self._place(source), unpacking.link)

    def cancel(self) -> None:
        """End what is being copied; called from another thread."""
        self._is_cancelled = True
        if self._process is not None:
            self._process.kill()

    @contextmanager
    def _ssh(self, script: str, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
        argv = self._reach.ssh(("sh", "-c", script, "cp", *words))
        commands.announce(argv)
        with tempfile.TemporaryFile() as errors:
            self._process = process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
            )
            try:
                if self._is_cancelled:
                    process.kill()
                yield process, errors
            finally:
                process.kill()
                process.wait()
                for stream in (process.stdin, process.stdout):
                    assert stream is not None
                    with suppress(BrokenPipeError):
                        stream.close()
                self._process = None

    def _pack(self, source: str, kind: str, name: str, stream: IO[bytes]) -> None:
        base = os.path.basename(source.rstrip("/"))
        is_content = base in ("", ".", "..")
        if kind != "folder":
            base = name
        skipped = 0

        def owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
            nonlocal skipped
            if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
                skipped += 1
                return None
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            return member

        place = os.path.realpath(source) if self._follow or is_content else source.rstrip("/")
        try:
            with tarfile.open(fileobj=stream, mode="w|", format=tarfile.GNU_FORMAT) as tar:
                if is_content and kind == "folder":
                    # The folder itself stays as it is.
                    for child in sorted(os.listdir(place)):
                        tar.add(os.path.join(place, child), child, filter=owned_by_root)
                elif os.path.realpath(place).startswith(_KERNEL_FOLDERS) and os.path.isfile(place):
                    # Such a file does not say how long it is.
                    content = Path(place).read_bytes()
                    member = tarfile.TarInfo(base)
                    member.size, member.mode = len(content), os.stat(place).st_mode & 0o777
                    tar.addfile(member, io.BytesIO(content))
                else:
                    tar.add(place, base, filter=owned_by_root)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise HostError(
                f"cannot read {error.filename or source}: {error.strerror or error}"
            ) from error
        self._note_skipped(source, skipped)

    def _note_link(self, source: str, leads_to: str) -> None:
        if leads_to:
            text = f"{source} is a link to {leads_to}; --follow copies what it leads to"
            self._observe(Notice(text=text))

    def _note_skipped(self, source: str, count: int) -> None:
        if count:
            what = "1 device or pipe" if count == 1 else f"{count} devices and pipes"
            self._observe(Notice(text=f"{source}: skipped {what}"))

    def _check_target(self, kind: str, source: str, target: str, *, several: bool) -> None:
        if kind == "missing" or (kind == "free" and (several or target.endswith("/"))):
            folder = target if several or target.endswith("/") else os.path.dirname(target)
            raise NotFoundError(
                f"machine {self._reach.name!r} has no folder {folder}",
                hint=f"bootwright ssh {self._reach.name} -- mkdir -p {shlex.quote(folder)}",
            )
        if kind == "file" and (several or target.endswith("/")):
            raise InputError(
                f"{self._place(target)} is not a folder", hint="give a folder that exists"
            )
        is_folder = os.path.isdir(source) and (self._follow or not os.path.islink(source))
        if kind == "file" and is_folder:
            raise InputError(
                f"cannot copy folder {source} over file {self._place(target)}",
                hint="give a folder, or a name that is free",
            )

    def _judge(self, process: subprocess.Popen[bytes], errors: IO[bytes], source: str) -> None:
        """Raise the error of a guest that sent a source; a file that changed is only noted."""
        if process.returncode == _MISSING_STATUS:
            name, folder = self._reach.name, os.path.dirname(source.rstrip("/")) or "."
            raise NotFoundError(
                f"machine {name!r} has no {source}",
                hint=f"bootwright ssh {name} -- ls -la {shlex.quote(folder)}",
            )
        if process.returncode == _KERNEL_STATUS:
            raise InputError(
                f"{self._place(source)} is a folder of the kernel's, which cannot be copied",
                hint="copy single files of it",
            )
        lines = _text(errors).splitlines()
        if process.returncode == 1 and all(line.endswith(_CHANGED) for line in lines):
            for line in lines:
                self._observe(Notice(text=line.removeprefix("tar: ")))
            return
        raise self._failure(process, errors, f"from {self._place(source)}")

    def _failure(
        self, process: subprocess.Popen[bytes], errors: IO[bytes], where: str
    ) -> BootwrightError:
        """Return the error for a copy that the guest's end failed."""
        status, name, text = process.wait(), self._reach.name, _text(errors)
        if status == LOST_STATUS or status < 0:
            return GuestError(
                f"cannot copy {where}: the connection to machine {name!r} failed",
                hint=f"bootwright logs {name}",
                evidence=text,
            )
        if status == _NO_TAR_STATUS:
            return GuestError(
                f"machine {name!r} has no tar, which copies files",
                hint=f"install it there, or: bootwright ssh {name} -- 'cat >FILE' <FILE",
            )
        for told, meaning in (
            ("Wrote only ", f"the disk of machine {name!r} is full"),
            ("No space left on device", f"the disk of machine {name!r} is full"),
            ("Read-only file system", "its filesystem is read-only"),
            ("Permission denied", "permission denied"),
            ("Operation not permitted", "operation not permitted"),
        ):
            if told in text:
                return GuestError(f"cannot copy {where}: {meaning}", evidence=text)
        return GuestError(f"cannot copy {where}: tar in the guest failed", evidence=text)

    def _place(self, path: str) -> str:
        return f"{self._reach.name}:{path}"


def _check_source(source: str) -> None:
    try:
        mode = os.lstat(source).st_mode
    except FileNotFoundError:
        raise NotFoundError(
            f"there is no {source}", hint="a path in a machine is NAME:PATH"
        ) from None
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror}") from error
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
        raise InputError(f"{source} is no file, folder or link", hint="give one of these")


def _text(errors: IO[bytes]) -> str:
    errors.seek(0)
    return "\n".join(errors.read().decode("utf-8", "replace").splitlines()[:5])
