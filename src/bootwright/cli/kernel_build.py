"""bootwright kernel build"""

from __future__ import annotations

from pathlib import Path

import click

from bootwright.cli import names, screen
from bootwright.home import locate_home
from bootwright.kbuild.profile import load_profile


@click.command(
    "build",
    epilog="""\b
Profiles:
  micro           all that a Debian with sshd and containers needs, and nothing else
  firecracker-ci  Firecracker's published guest config for Linux 6.1
  debian-cloud    Debian's cloud kernel, without debug info
  NAME.fragment   a file of your own: a line "# base: profile micro", and options with reasons
                  such as "CONFIG_ISO9660_FS=y  # cloud-init's seeds"

\b
Examples:
  bootwright kernel build micro
  bootwright kernel build micro --source ~/linux --name mine -j 8
  bootwright kernel build ./mine.fragment
  bootwright run web --kernel micro -- uname -r
""",
)
@click.argument("profile", shell_complete=names.profiles)
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A kernel source tree; default: Debian's linux-source, fetched once.",
)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1),
    help="Number of parallel compilers; default: one per CPU.",
)
@click.option("--name", help="Default: the profile's name.")
@names.REPLACE
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    profile: str,
    source: Path | None,
    jobs: int | None,
    name: str | None,
    replace: bool,
    as_json: bool,
) -> None:
    """Build a kernel from PROFILE, a small piece of config with reasons.

    Sources stay as they are: it is built in the cache. What was interrupted, or failed, goes on
    where it stopped when the same command is given again; what was built before is there at once.
    """
    chosen = load_profile(profile)
    # Imported here: completion and --help are to be quick.
    from bootwright.kbuild import build

    with screen.observer("kernel") as observe:
        kernel = build.build(
            locate_home(),
            chosen,
            name=name,
            tree=source,
            jobs=jobs,
            replace=replace,
            observe=observe,
        )
    screen.warn(kernel.dropped)
    screen.say(
        f"kernel {kernel.name}: {kernel.release} ({', '.join(kernel.parts)}; "
        f"{kernel.options_on} options y, {kernel.objects} files compiled; "
        + ("built)" if kernel.built else "built before)")
    )
    if as_json:
        screen.print_json(kernel)
