"""The options of every command that boots, and the draft of a recipe that they make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from bootwright.cli import names, screen
from bootwright.errors import InputError
from bootwright.home import Home
from bootwright.inits.table import INITS
from bootwright.machine import draft as drafts
from bootwright.machine.complete import DEFAULT_KERNEL, complete
from bootwright.machine.draft import Draft
from bootwright.machine.trial import Choice
from bootwright.recipe import MIB, Disk, Recipe

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--tiny", is_flag=True, help="No image: a guest that runs COMMAND and powers off."
    ),
    click.option(
        "--recipe",
        "recipe_file",
        type=click.Path(path_type=Path),
        help="Take what is not given here from this TOML file.",
    ),
    click.option(
        "--kernel", metavar="NAME", shell_complete=names.kernels, help="Kernel; default: debian."
    ),
    click.option(
        "--init",
        type=click.Choice(list(INITS)),
        help="PID 1: " + "; ".join(f"{name}: {init.summary}" for name, init in INITS.items()) + ".",
    ),
    click.option(
        "--trim",
        metavar="NAME",
        shell_complete=names.trims,
        help="What systemd-trimmed leaves out; see bootwright trim.",
    ),
    click.option("--memory", metavar="SIZE", help="Such as 512M (the default) or 2G."),
    click.option("--cpus", type=int, help="vCPUs; default: 2 with KVM, 1 with TCG."),
    click.option("--append", metavar="ARGS", multiple=True, help="Add to the kernel command line."),
    click.option(
        "--without",
        metavar="NAME",
        multiple=True,
        shell_complete=names.fast_defaults,
        help="Switch off what is there for speed; bootwright recipe show --why lists it.",
    ),
    click.option("--stock", is_flag=True, help="Switch off all of it."),
    click.option(
        "--accel",
        type=click.Choice(["auto", "kvm", "tcg"]),
        default="auto",
        help="auto: KVM where it really runs a guest, else TCG.",
    ),
    click.option("--machine", type=click.Choice(["q35", "microvm"]), help="QEMU's machine type."),
    click.option(
        "--disk",
        type=click.Choice(["auto", *(kind for kind in get_args(Disk) if kind != "none")]),
        help="Where what is written goes; auto: the best that works; see bootwright disk list.",
    ),
    click.option("--disk-size", metavar="SIZE", help="Disk larger than the image, such as 20G."),
    click.option(
        "--clock",
        type=click.Choice(["wall", "virtual"]),
        help="virtual: guest time is a nanosecond an instruction, the same in every boot.",
    ),
    click.option(
        "--seed",
        type=int,
        metavar="N",
        help="Of the guest's random numbers; default: the host's own, 1 on the virtual clock.",
    ),
)


def boot_options(function: F) -> F:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def draft_of(image: str | None, options: dict[str, Any]) -> Draft:
    """Return the draft that the options of `boot_options` describe.

    Raises:
        InputError: there is neither an image nor --tiny, or both, or a size is no size.
    """
    given = Draft(
        image=image,
        kernel=options["kernel"],
        init=options["init"],
        trim=options["trim"],
        append=tuple(word for words in options["append"] for word in words.split()),
        without=_without(options["without"], options["stock"]),
        accelerator=None if options["accel"] == "auto" else options["accel"],
        machine=options["machine"],
        memory_mib=_size(options["memory"], MIB, unit="m"),
        vcpus=options["cpus"],
        disk=options["disk"],
        disk_bytes=_size(options["disk_size"], 1),
        random_seed=options["seed"],
        clock=options["clock"],
    )
    if options["recipe_file"]:
        base = drafts.read(options["recipe_file"])
        given = drafts.merged(base, given)
        if given.image is None and base.init == "seed":
            return given
    if options["tiny"] and given.image is not None:
        raise InputError(
            f"--tiny has no image, but {given.image!r} was given",
            hint="put the command behind --: bootwright run --tiny -- uname -a",
        )
    if not options["tiny"] and given.image is None:
        raise InputError(
            "no image was given",
            hint="bootwright image list shows them; --tiny boots without one",
        )
    return given


def _without(names: tuple[str, ...], stock: bool) -> tuple[str, ...]:
    if not stock:
        return names
    from bootwright.machine.defaults import FAST

    return tuple(default.name for default in FAST)


def completed(home: Home, draft: Draft, *, quiet: bool = False) -> tuple[Recipe, Choice]:
    """Complete a draft, fetching Debian's kernel where there is none yet."""
    from bootwright.images import image as images
    from bootwright.kernels import kernel as kernels

    if draft.image is not None:
        images.load(home, draft.image)  # an unknown one is said before anything is fetched
    if draft.kernel is None and DEFAULT_KERNEL not in kernels.shelf(home).names():
        from bootwright.kernels import debian

        if not quiet:
            screen.say("no kernel yet: fetching Debian's (bootwright kernel add debian)")
        with screen.observer("kernel", quiet=quiet) as observe:
            debian.add(home, observe=observe)
    return complete(home, draft, (lambda text: None) if quiet else screen.say)


def _size(text: str | None, divisor: int, *, unit: str = "") -> int | None:
    return None if text is None else drafts.parse_size(text, unit=unit) // divisor


def check_timeout(timeout_s: float | None) -> None:
    """Refuse a --timeout that no start-up could keep.

    Raises:
        InputError: it is not more than 0.
    """
    if timeout_s is not None and timeout_s <= 0:
        raise InputError(
            f"--timeout is {timeout_s:g}, but must be more than 0", hint="give seconds"
        )
