"""Debian's kernel packages, unpacked without installing them."""

from __future__ import annotations

from bootwright.errors import BootwrightError, BuildError, InputError
from bootwright.events import Observer, Progress, ignore
from bootwright.home import Home
from bootwright.host import commands, space, tools
from bootwright.kernels import local
from bootwright.kernels.kernel import Kernel, kernel_store, load_kernel
from bootwright.kernels.naming import DEFAULT_FLAVOUR, DEFAULT_SUITE, default_name
from bootwright.kernels.package import download_package, package_title
from bootwright.store import check_name

_NEEDED_BYTES = 400 << 20


def add(
    home: Home,
    *,
    suite: str = DEFAULT_SUITE,
    flavour: str = DEFAULT_FLAVOUR,
    name: str | None = None,
    mirror: str | None = None,
    replace: bool = False,
    observe: Observer = ignore,
) -> Kernel:
    """Fetch the newest kernel of a Debian suite and store its parts.

    The System.map in Debian's package is a placeholder (the real one is in the debug package); it
    is made from the symbols that the kernel itself carries.

    Args:
        suite: Such as ``bookworm``.
        flavour: The end of the package's name: ``linux-image-FLAVOUR``.
        replace: Whether to take the name from another kernel that has it, such as an older one.

    Raises:
        InputError: another kernel has the name.
        BuildError: the package cannot be fetched.
        HostError: a program is missing, or the disk is full.
    """
    name = check_name(name or default_name(suite, flavour), "a kernel")
    if not flavour.replace("-", "").isalnum():
        raise InputError(
            f"invalid kernel flavour {flavour!r}",
            hint="use a flavour such as cloud-amd64 or amd64",
        )
    if not replace:
        _check_name_before_download(home, name, suite)
    dpkg_deb, _ = tools.require("dpkg-deb", "mmdebstrap")
    space.require(home.kernels, _NEEDED_BYTES, "adding a kernel")
    with (
        kernel_store(home).staged() as staged,
        space.disk_full_explained(home.kernels, "a kernel was fetched"),
    ):
        package = staged / "kernel.deb"
        observe(Progress(step=f"fetching linux-image-{flavour} from {suite}", share=0.1))
        download_package(
            f"linux-image-{flavour}",
            suite,
            mirror,
            package,
            hint="use a flavour such as cloud-amd64, amd64 or rt-amd64",
        )
        observe(Progress(step="unpacking the package", share=0.5))
        tree = staged / "tree"
        unpacked = commands.run([dpkg_deb, "-x", package, tree])
        if unpacked.returncode:
            raise BuildError("unpacking the kernel package failed", evidence=unpacked.stderr)
        [image] = (tree / "boot").glob("vmlinuz-*")
        release = image.name.removeprefix("vmlinuz-")
        modules = tree if (tree / "lib" / "modules").is_dir() else tree / "usr"
        observe(Progress(step="extracting vmlinux, resolving modules", share=0.7))
        return local.add(
            home,
            image,
            name=name,
            source=f"Debian {suite}, {package_title(package)}",
            modules=modules,
            config=tree / "boot" / f"config-{release}",
            replace=replace,
        )


def _check_name_before_download(home: Home, name: str, suite: str) -> None:
    """Refuse a name that another kernel has, unless it may be the one that is about to be fetched.

    Raises:
        InputError: it is not of this suite.
    """
    store = kernel_store(home)
    if name in store.names():
        try:
            is_alike = load_kernel(home, name).source.startswith(f"Debian {suite},")
        except BootwrightError:
            is_alike = False  # damaged
        if not is_alike:
            store.require_free(name)
