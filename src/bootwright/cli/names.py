"""Completing the names of images, kernels, machines and trims in the shell."""

from __future__ import annotations

import click

from bootwright import home as homes


def images(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the images whose names begin so."""
    from bootwright.images.image import shelf

    return [name for name in shelf(homes.locate()).names() if name.startswith(incomplete)]


def kernels(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the kernels whose names begin so."""
    from bootwright.kernels.kernel import shelf

    return [name for name in shelf(homes.locate()).names() if name.startswith(incomplete)]


def machines(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the machines whose names begin so."""
    from bootwright.machine.folder import every

    return [f.name for f in every(homes.locate()) if f.name.startswith(incomplete)]


def trims(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the trims whose names begin so."""
    from bootwright.inits import trims

    return [name for name in trims.names(homes.locate()) if name.startswith(incomplete)]
