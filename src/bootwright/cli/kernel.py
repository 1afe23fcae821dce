"""bootwright kernel ..."""

from __future__ import annotations

import time
from pathlib import Path

import click

from bootwright.cli import kernel_build, kernel_compare, kernel_config, machines, names, screen
from bootwright.digest import short_digest
from bootwright.errors import InputError
from bootwright.home import locate_home
from bootwright.kernels import debian as debian_kernels
from bootwright.kernels import listing, naming
from bootwright.kernels.listing import DamagedKernel, KernelInfo
from bootwright.pruning import stores
from bootwright.reports import text


@click.group("kernel", epilog="Example: bootwright kernel add debian --suite trixie")
def command() -> None:
    """Build, add, list and compare kernels."""


command.add_command(kernel_build.command)
command.add_command(kernel_compare.command)
command.add_command(kernel_config.command)


@command.command(
    epilog="""\b
Examples:
  bootwright kernel add debian
  bootwright kernel add debian --suite trixie --flavour amd64
  bootwright kernel add ~/linux/arch/x86/boot/bzImage --name mine --config ~/linux/.config
"""
)
@click.argument("what", metavar="debian|PATH")
@click.option("--name", help="Default: debian, debian-SUITE, or the file's name.")
@click.option("--suite", metavar="SUITE", help="With debian; default: bookworm.")
@click.option("--flavour", metavar="F", help="With debian; default: cloud-amd64.")
@click.option(
    "--mirror", metavar="URL", help="With debian; default: the archive this host's apt uses."
)
@click.option(
    "--modules", type=click.Path(path_type=Path), help="With PATH: folder of lib/modules/RELEASE."
)
@click.option("--config", type=click.Path(path_type=Path), help="With PATH: its .config.")
@click.option("--system-map", type=click.Path(path_type=Path), help="With PATH: its System.map.")
@names.REPLACE
def add(
    what: str,
    name: str | None,
    suite: str | None,
    flavour: str | None,
    mirror: str | None,
    modules: Path | None,
    config: Path | None,
    system_map: Path | None,
    replace: bool,
) -> None:
    """Add Debian's newest kernel, or your own.

    Debian's package is taken apart and not installed.

    PATH is a bzImage (arch/x86/boot/bzImage, /boot/vmlinuz-*) or a vmlinux.
    """
    home = locate_home()
    for_debian = {"--suite": suite, "--flavour": flavour, "--mirror": mirror}
    for_path = {"--modules": modules, "--config": config, "--system-map": system_map}
    wrong = for_path if what == "debian" else for_debian
    if given := [option for option, value in wrong.items() if value is not None]:
        raise InputError(
            f"{given[0]} does not go with {what}",
            hint=f"kernel add {what} takes "
            + ", ".join(for_debian if what == "debian" else for_path),
        )
    if what == "debian":
        with screen.observer("kernel") as observe:
            kernel = debian_kernels.add(
                home,
                suite=suite or naming.DEFAULT_SUITE,
                flavour=flavour or naming.DEFAULT_FLAVOUR,
                name=name,
                mirror=mirror,
                replace=replace,
                observe=observe,
            )
        name = name or naming.default_name(
            suite or naming.DEFAULT_SUITE, flavour or naming.DEFAULT_FLAVOUR
        )
    else:
        from bootwright.kernels import local

        path = Path(what)
        name = name or local.default_name(path)
        kernel = local.add(
            home,
            path,
            name=name,
            modules=modules,
            config=config,
            system_map=system_map,
            replace=replace,
        )
    screen.say(f"kernel {name}: {kernel.release} ({', '.join(kernel.parts)}; {kernel.source})")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> int:
    """List kernels."""
    found = listing.kernels(locate_home())
    status = 1 if any(isinstance(kernel, DamagedKernel) for kernel in found) else 0
    if as_json:
        screen.print_json(found)
    elif found:
        rows = [_row(kernel, time.time()) for kernel in found]
        header = ["NAME", "RELEASE", "DIGEST", "ADDED", "SOURCE"]
        click.echo(screen.table(header, rows, optional=("DIGEST",)))
    else:
        screen.say("no kernels; add one: bootwright kernel add debian")
    return status


def _row(kernel: KernelInfo | DamagedKernel, now_s: float) -> list[str]:
    row = [kernel.name, kernel.release or "", short_digest(kernel.digest)]
    if isinstance(kernel, DamagedKernel):
        return [*row, "", f"damaged: bootwright kernel rm {kernel.name}"]
    return [*row, text.age(kernel.added_s, now_s), kernel.source]


@command.command()
@click.argument("name", shell_complete=names.kernels)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, as_json: bool) -> None:
    """Show the details of kernel NAME."""
    kernel = listing.info(locate_home(), name)
    if as_json:
        screen.print_json(kernel)
    else:
        click.echo(screen.fields(kernel))


@command.command()
@click.argument("names_", metavar="NAME...", nargs=-1, required=True, shell_complete=names.kernels)
def rm(names_: tuple[str, ...]) -> None:
    """Remove kernel names; delete kernels that have no other name.

    If one cannot be removed, none is.
    """
    # A dead machine holds on to nothing.
    stores.remove_kernels(machines.home(), *names_)
    for name in dict.fromkeys(names_):
        screen.say(f"kernel {name}: removed")
