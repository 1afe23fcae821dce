"""Debian root filesystems, built by mmdebstrap."""

from __future__ import annotations

import os
import re
import subprocess
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bootwright.digest import Digest, digest_of_bytes
from bootwright.errors import BuildError, HostError, InputError
from bootwright.events import Observer, Progress, ignore, within
from bootwright.home import Home
from bootwright.host import archive, commands, space, suites, tools
from bootwright.host.namespaces import NAMESPACE_HINT, end_sealed, sealed
from bootwright.images import ext4
from bootwright.images.image import Image, image_store, load_image, note_include, store_image
from bootwright.store import check_name

SYSTEM_PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "udev",
    "openssh-server",
    "iproute2",
    "procps",
)
"""What makes a minimal Debian a computer that one can log in to."""

_NEEDED_BYTES = 2 << 30
_PACKAGE_PATTERN = re.compile(r"[a-z0-9][a-z0-9.+-]+")

# mmdebstrap copies the host's name and resolver into the system, and the SSH server's package
# makes host keys: an image that many machines share must have none of them.
_FORGET_HOST = (
    '--customize-hook=rm -f "$1/etc/hostname" "$1/etc/resolv.conf" "$1"/etc/ssh/ssh_host_*_key*'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """All that decides what a Debian image holds, but for the day on which it is built."""

    suite: str
    include: tuple[str, ...] = ()
    minimal: bool = False
    mirror: str | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9-]*", self.suite):
            raise InputError(f"{self.suite!r} is not a Debian suite", hint=suites.hint(self.suite))
        for package in self.include:
            if not _PACKAGE_PATTERN.fullmatch(package):
                raise InputError(
                    f"{package!r} is no package name", hint="give one package per --include"
                )

    @property
    def packages(self) -> list[str]:
        """The packages beyond Debian's essential and required ones, sorted."""
        return sorted({*self.include, *(() if self.minimal else SYSTEM_PACKAGES)})


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBuild:
    """An image that was built from a description, now or before."""

    image: Image
    built: bool
    """Whether it was built just now."""


def build(
    home: Home,
    name: str,
    what: Build,
    *,
    replace: bool = False,
    observe: Observer = ignore,
) -> ImageBuild:
    """Build an image, or take the one that was built from the same description before.

    Args:
        replace: Whether to take the name from another image that has it.
        observe: Given each step, and the share of all steps that is done.

    Raises:
        InputError: another image has the name.
        BuildError: a step failed; the message names the package or the step.
        HostError: a program or space is missing.
    """
    check_name(name, "an image")
    key = digest_of_bytes(msgspec.json.encode((what, what.packages)))
    built = home.images / "built" / key
    if built.is_symlink():
        digest = Digest(os.readlink(built))
        if image_store(home).path(digest).is_dir():
            image_store(home).tag(name, digest, replace=replace)
            if load_image(home, name).include != what.include:
                note_include(home, load_image(home, name), what.include)
            return ImageBuild(image=load_image(home, name), built=False)
    if not replace:
        image_store(home).require_free(name)  # before minutes of work
    tools.require("mmdebstrap", "mke2fs", "tar")
    space.require(home.images, _NEEDED_BYTES, "building an image")
    with (
        image_store(home).staged() as staged,
        space.disk_full_explained(home.images, "an image was built"),
    ):
        _mmdebstrap(what, staged, observe)
        observe(Progress(step="writing ext4", share=0.85))
        folder = staged / "image"
        folder.mkdir()
        ext4.write(staged / "root.tar", folder / "disk.raw")
        image = store_image(
            home,
            folder,
            name=name,
            source=_title(what),
            filesystem="ext4",
            suite=what.suite,
            include=what.include,
            replace=replace,
            observe=within(observe, 0.95, 1),
        )
    built.parent.mkdir(exist_ok=True)
    built.unlink(missing_ok=True)
    built.symlink_to(image.digest)
    return ImageBuild(image=image, built=True)


def _title(what: Build) -> str:
    extra = f" + {', '.join(sorted(what.include))}" if what.include else ""
    return f"Debian {what.suite}{' minimal' if what.minimal else ''}{extra}"


def _mmdebstrap(what: Build, staged: Path, observe: Observer) -> None:
    [mmdebstrap] = tools.require("mmdebstrap")
    command: list[str | Path] = [
        *sealed(),
        mmdebstrap,
        "--verbose",
        "--variant=minbase",
        "--format=tar",
        _FORGET_HOST,
    ]
    if what.packages:
        command.append("--include=" + ",".join(what.packages))
    command += [what.suite, staged / "root.tar"]
    command += archive.sources(what.suite, what.mirror)
    environment = dict(os.environ, LC_ALL="C.UTF-8")
    if os.geteuid() == 0:
        # What a kill leaves behind is then swept with the staging folder. Without root,
        # mmdebstrap's other user ids could not reach a folder of ours.
        environment["TMPDIR"] = str(staged)
    log = BuildLog(observe)
    commands.announce(command)
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
        start_new_session=True,  # a terminal's Ctrl-C is for us, who then end it
    )
    assert process.stdout is not None
    with process.stdout:
        try:
            for line in process.stdout:
                log.read(line.rstrip())
        except BaseException:
            end_sealed(process)
            # The pipe ends with the last process that holds it: then nobody writes there any more.
            for _ in process.stdout:
                pass
            raise
        finally:
            process.wait()
    if process.returncode:
        raise log.failure(what.suite)


# step: share of the whole build when it begins
_BEGINS = {
    "running apt-get update": 0.0,
    "downloading packages with apt": 0.05,
    "installing essential packages": 0.15,
    "installing remaining packages inside the chroot": 0.45,
    "cleaning package lists and apt cache": 0.80,
    "creating tarball": 0.82,
}


class BuildLog:
    """Reads mmdebstrap's verbose output: how far it is, and what went wrong."""

    def __init__(self, observe: Observer) -> None:
        self._observe = observe
        self._step = "starting"
        self._begin = 0.0
        self._end = 0.05
        self._shown = 0.0
        self._packages = 0
        self._expected = 1
        self._done = 0
        self._errors: list[str] = []
        self._tail: deque[str] = deque(maxlen=15)

    def read(self, line: str) -> None:
        """Take in one line."""
        self._tail.append(line)
        step = line.removeprefix("I: ").removesuffix("...")
        if line.startswith("I: ") and step in _BEGINS:
            self._step = step
            self._begin = _BEGINS[step]
            later = [share for share in _BEGINS.values() if share > self._begin]
            self._end = min(later, default=0.85)
            # The essential packages are those that were downloaded: apt does not count them again.
            self._expected, self._done = max(1, self._packages), 0
        elif found := re.search(r"(\d+) newly installed", line):
            self._packages = self._expected = int(found.group(1))
        elif line.startswith(self._counted()):
            self._done += 1
        elif line.startswith(("E: ", "Err:")) or "dpkg: error processing" in line:
            self._errors.append(line)
        share = min(1.0, self._done / max(1, self._expected))
        self._shown = max(self._shown, self._begin + share * (self._end - self._begin))
        self._observe(Progress(step=self._step, share=self._shown))

    def _counted(self) -> str:
        """Return how a line begins that tells of one more package done in this step."""
        return "Get:" if "download" in self._step else "Setting up "

    def failure(self, suite: str) -> BuildError | HostError:
        """Return the error, which names the suite, the package or the step."""
        errors = "\n".join(self._errors)
        evidence = "\n".join(self._errors[:4]) or "\n".join(self._tail)
        everything = errors + "\n".join(self._tail)
        if "No space left on device" in everything:
            return HostError(
                f"the disk ran full while {self._step}",
                hint="free some space, or put BOOTWRIGHT_HOME and TMPDIR on another disk",
            )
        if "does not have a Release file" in errors:
            return BuildError(
                f"the archive has no suite {suite!r}",
                hint=suites.hint(suite),
                evidence=evidence,
            )
        if found := re.findall(r"Unable to locate package (\S+)", errors):
            return BuildError(
                f"{suite} has no package {', '.join(found)}",
                hint="look it up with apt-cache search",
                evidence=evidence,
            )
        if found := re.findall(r"dpkg: error processing (?:package|archive) (\S+)", errors):
            return BuildError(f"package {found[0]} could not be installed", evidence=evidence)
        no_users = ("unable to pick chroot mode", "newuidmap", "subuid")
        if any(words in everything for words in no_users) or "unshare" in errors:
            return HostError(
                "this host does not let an ordinary user build images",
                hint=NAMESPACE_HINT,
                evidence=evidence,
            )
        return BuildError(f"mmdebstrap failed while {self._step}", evidence=evidence)
