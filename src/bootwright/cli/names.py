"""Completion of names in the shell."""

from __future__ import annotations

import click

from bootwright.home import locate_home


def images(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the images whose names begin so."""
    from bootwright.images.image import image_store

    return [name for name in image_store(locate_home()).names() if name.startswith(incomplete)]


def kernels(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the kernels whose names begin so."""
    from bootwright.kernels.kernel import kernel_store

    return [name for name in kernel_store(locate_home()).names() if name.startswith(incomplete)]


def profiles(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the kernel profiles whose names begin so."""
    from bootwright.kbuild.profile import profile_names

    return [name for name in profile_names() if name.startswith(incomplete)]


def configs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return what `kernel config` takes a config from: kernels and profiles."""
    return sorted({*kernels(ctx, param, incomplete), *profiles(ctx, param, incomplete)})


def machines(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the machines whose names begin so."""
    from bootwright.machines.folder import all_machines

    return [f.name for f in all_machines(locate_home()) if f.name.startswith(incomplete)]


def trims(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the trims whose names begin so."""
    from bootwright.trims import store

    return [name for name in store.names(locate_home()) if name.startswith(incomplete)]


def fast_defaults(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the defaults that are there for speed whose names begin so."""
    from bootwright.defaults.speed import FAST

    return [default.name for default in FAST if default.name.startswith(incomplete)]


REPLACE = click.option(
    "--replace", is_flag=True, help="Take NAME from what already has it, instead of failing."
)
BOOT_ID = click.IntRange(1, (1 << 63) - 1)
"""What SQLite can count to."""
_BOOTS = 50
"""So many boots are offered, the newest."""


def boots(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[click.shell_completion.CompletionItem]:
    """Return the ids of boots that begin so, the newest first, each with what it booted."""
    import time

    from bootwright.errors import BootwrightError
    from bootwright.history.boot import BootFilter
    from bootwright.history.history import History
    from bootwright.reports.text import age

    try:
        rows = History(locate_home().history).find(BootFilter(limit=None if incomplete else _BOOTS))
    except BootwrightError:
        return []  # what is wrong is said by the commands
    matching = [row for row in rows if str(row.id).startswith(incomplete)]
    return [
        click.shell_completion.CompletionItem(
            str(row.id), help=f"{row.image or '(tiny)'}, {age(row.began_s, time.time())}"
        )
        for row in matching[:_BOOTS]
    ]
