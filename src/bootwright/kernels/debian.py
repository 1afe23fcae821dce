"""Debian's kernel packages, taken apart without installing them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bootwright.errors import BuildError, InputError
from bootwright.home import Home
from bootwright.host import archive, commands, space, suites, tools
from bootwright.host.namespaces import sealed
from bootwright.kernels import local
from bootwright.kernels.kernel import Kernel, shelf
from bootwright.store import check_name

DEFAULT_SUITE = "bookworm"
DEFAULT_FLAVOUR = "cloud-amd64"
_NEEDED_BYTES = 400 << 20

# mmdebstrap makes an apt for the suite, with its keys; this asks that apt for one package.
# The package linux-image-FLAVOUR is empty and depends on the one with the newest kernel.
_DOWNLOAD = """
cd "$1" && export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
real=$(apt-cache depends "linux-image-{flavour}" |
    sed -n 's/^ *Depends: \\(linux-image-[0-9][^ ]*\\)$/\\1/p' | head -n 1)
[ -n "$real" ] || {{ echo "E: no kernel package linux-image-{flavour}" >&2; exit 1; }}
apt-get download "$real" && mv "$real"_*.deb kernel.deb
"""


def default_name(suite: str, flavour: str) -> str:
    """Return what a kernel is called where the user gives no name: debian, debian-trixie, ..."""
    parts = ["debian"]
    if suite != DEFAULT_SUITE:
        parts.append(suite)
    if flavour != DEFAULT_FLAVOUR:
        parts.append(flavour)
    return "-".join(parts)


def add(
    home: Home,
    *,
    suite: str = DEFAULT_SUITE,
    flavour: str = DEFAULT_FLAVOUR,
    name: str | None = None,
    mirror: str | None = None,
    progress: Callable[[str, float], None] = lambda step, share: None,
) -> Kernel:
    """Fetch the newest kernel of a Debian suite and store its parts.

    The System.map in Debian's package is a placeholder (the real one is in the debug package); it
    is made from the symbols that the kernel itself carries.

    Args:
        suite: Such as ``bookworm``.
        flavour: The end of the package's name: ``linux-image-FLAVOUR``.
        progress: Called with the step and the share done, 0 to 1.

    Raises:
        BuildError: the package cannot be had.
        HostError: a program is missing, or the disk is full.
    """
    name = check_name(name or default_name(suite, flavour), "a kernel")
    if not flavour.replace("-", "").isalnum():
        raise InputError(f"{flavour!r} is no kernel flavour", hint="such as cloud-amd64 or amd64")
    dpkg_deb, _ = tools.require("dpkg-deb", "mmdebstrap")
    space.require(home.kernels, _NEEDED_BYTES, "adding a kernel")
    with shelf(home).staged() as staged, space.full_disk_named(home.kernels, "fetching a kernel"):
        package = staged / "kernel.deb"
        progress(f"fetching linux-image-{flavour} from {suite}", 0.1)
        _download(suite, flavour, mirror, package)
        progress("taking the package apart", 0.5)
        tree = staged / "tree"
        unpacked = commands.run([dpkg_deb, "-x", package, tree])
        if unpacked.returncode:
            raise BuildError("unpacking the kernel package failed", evidence=unpacked.stderr)
        [image] = (tree / "boot").glob("vmlinuz-*")
        release = image.name.removeprefix("vmlinuz-")
        modules = tree if (tree / "lib" / "modules").is_dir() else tree / "usr"
        progress("extracting vmlinux, resolving modules", 0.7)
        return local.add(
            home,
            image,
            name=name,
            source=f"Debian {suite}, {_title(dpkg_deb, package)}",
            modules=modules,
            config=tree / "boot" / f"config-{release}",
        )


def _download(suite: str, flavour: str, mirror: str | None, target: Path) -> None:
    [mmdebstrap] = tools.require("mmdebstrap")
    command: list[str | Path] = [
        *sealed(),
        mmdebstrap,
        "--variant=custom",
        "--format=null",
        f"--customize-hook={_DOWNLOAD.format(flavour=flavour)}",
        f"--customize-hook=download kernel.deb {target}",
        suite,
        "/dev/null",
        *archive.sources(suite, mirror),
    ]
    done = commands.run(command)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith(("E:", "Err:"))]
        if any("does not have a Release file" in line for line in errors):
            raise BuildError(
                f"the archive has no suite {suite!r}",
                hint=suites.hint(suite),
                evidence="\n".join(errors[:4]),
            )
        raise BuildError(
            f"linux-image-{flavour} of {suite} cannot be fetched",
            hint="flavours are such as cloud-amd64, amd64, rt-amd64",
            evidence="\n".join(errors[:4]) or done.stderr[-600:],
        )


def _title(dpkg_deb: Path, package: Path) -> str:
    fields = commands.run([dpkg_deb, "--show", "--showformat=${Package} ${Version}", package])
    return fields.stdout
