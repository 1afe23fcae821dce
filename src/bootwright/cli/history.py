"""bootwright history ..."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, get_args

import click

from bootwright.cli import names, screen, times
from bootwright.cli import trend as trends
from bootwright.digest import is_digest, short_digest
from bootwright.errors import InputError
from bootwright.history import listing
from bootwright.history.boot import BootFilter, ListedBoot, StoredBoot
from bootwright.history.history import History
from bootwright.history.listing import BootList, BootRecord, PrunedBoots
from bootwright.home import locate_home
from bootwright.recipes.clock import CLOCKS
from bootwright.recipes.recipe import Clock, InitName
from bootwright.reports import text

_LIMIT = 20
_SHOWN = 10
"""So many of the boots that are to be removed are listed before it is asked."""


class _List(click.Group):
    """Lists when no command follows."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0].isdecimal():
            raise InputError(
                f"bootwright history has no command {args[0]!r}",
                hint=f"to show that boot: bootwright history show {args[0]}",
            )
        return super().resolve_command(ctx, args)


@click.group(
    "history",
    cls=_List,
    invoke_without_command=True,
    subcommand_metavar="[COMMAND [ARGS]...]",
    epilog="""\b
Examples:
  bootwright history                          the last 20 boots, the newest at the end
  bootwright history --image web --since 2d
  bootwright history --clock virtual --json | jq '.boots[].total_ns'
  bootwright history show 12                  its recipe, its host, its longest parts
  bootwright timeline --boot 12               all of it again, by today's analysis
  bootwright history trend web                how its measurements went
  bootwright history regress web              which of them first became slower
  bootwright history prune --older-than 30d
""",
)
@click.option(
    "--image", metavar="NAME", shell_complete=names.images, help="Only boots of this image."
)
@click.option(
    "--kernel", metavar="NAME", shell_complete=names.kernels, help="Only boots of this kernel."
)
@click.option(
    "--init",
    type=click.Choice(get_args(InitName)),
    help="Only boots with this PID 1; none: the tiny guest.",
)
@click.option("--clock", type=click.Choice(get_args(Clock)), help="Only boots on this clock.")
@click.option("--since", metavar="WHEN", help="Only since WHEN: an age (12h, 2d, 1w) or a date.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Show only the newest N; default: {_LIMIT}, with --json all.",
)
@click.option("--all", "everything", is_flag=True, help="Show all boots.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """List recorded boots, and show one again.

    Every boot of run, start and timeline is recorded with its recipe, its host and its evidence.
    """
    if ctx.invoked_subcommand is not None:
        given = [name for name, value in options.items() if value not in (None, False)]
        if given:
            raise InputError(
                "options before "
                f"{ctx.invoked_subcommand!r} are those of the list, which is not printed then",
                hint=f"bootwright history {ctx.invoked_subcommand} --help lists its own",
            )
        return
    _list(**options)


def _list(
    *,
    image: str | None,
    kernel: str | None,
    init: str | None,
    clock: str | None,
    since: str | None,
    limit: int | None,
    everything: bool,
    as_json: bool,
) -> None:
    if everything and limit is not None:
        raise InputError("--all and --limit contradict each other", hint="leave out one of them")
    if limit is None and not everything and not as_json:
        limit = _LIMIT
    wanted = BootFilter(
        image=image,
        kernel=kernel,
        init=init,
        clock=clock,
        since_s=None if since is None else times.moment_s("--since", since),
        # One more tells whether there are more.
        limit=None if limit is None else limit + 1,
    )
    history = History(locate_home().history)
    rows = history.find(wanted)
    shown = rows[:limit][::-1]
    if as_json:
        screen.print_json(BootList(boots=tuple(shown)))
    elif shown:
        click.echo(_table(shown))
        if len(rows) > len(shown):
            screen.say("older boots are not shown: use --all or --limit N")
    elif any(value is not None for value in (image, kernel, init, clock, since)):
        _say_none(history)
    else:
        screen.say("the history is empty; bootwright run and timeline add boots to it")


def _say_none(history: History) -> None:
    """Report that no boot matches, and which values exist."""
    rows = history.find()
    images = sorted({_name(row.image) for row in rows if row.image})
    kernels = sorted({_name(row.kernel) for row in rows})
    known = [
        f"{what}: {', '.join(found)}"
        for what, found in (("images", images), ("kernels", kernels))
        if found
    ]
    which = f" ({'; '.join(known)})" if known else ""
    screen.say(f"no match among {len(rows)} boots in the history{which}")


@command.command(
    epilog="""\b
Examples:
  bootwright history show 12
  bootwright history show 12 --recipe >web.toml; bootwright run --recipe web.toml -- true
"""
)
@click.argument("boot_id", metavar="ID", type=names.BOOT_ID, shell_complete=names.boots)
@click.option("--recipe", is_flag=True, help="Print only the recipe, as TOML.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(boot_id: int, recipe: bool, as_json: bool) -> None:
    """Show one boot: its longest spans, host and recipe."""
    if recipe and as_json:
        raise InputError("--recipe prints TOML, --json JSON", hint="leave out one of them")
    stored = History(locate_home().history).load(boot_id)
    if recipe:
        click.echo(_toml(stored), nl=False)
    elif as_json:
        screen.print_json(BootRecord.of(stored))
    else:
        click.echo("\n".join(_lines(stored)))


@command.command(epilog="Example: bootwright history rm 12 13")
@click.argument(
    "ids", metavar="ID...", nargs=-1, required=True, type=names.BOOT_ID, shell_complete=names.boots
)
def rm(ids: tuple[int, ...]) -> None:
    """Remove boots; if any ID is unknown, remove none."""
    History(locate_home().history).remove(ids)
    for boot_id in dict.fromkeys(ids):
        screen.say(f"boot {boot_id}: removed")


@command.command(
    epilog="""\b
Examples:
  bootwright history prune --keep 1000
  bootwright history prune --older-than 30d --dry-run
"""
)
@click.option("--keep", type=click.IntRange(min=0), metavar="N", help="Keep the newest N.")
@click.option("--older-than", metavar="AGE", help="Remove boots older than this: 12h, 30d, 8w.")
@click.option("--dry-run", is_flag=True, help="Show what would be removed, and remove nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; removes only with --yes.")
def prune(keep: int | None, older_than: str | None, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Remove old boots, after listing them."""
    if (keep is None) == (older_than is None):
        raise InputError(
            "no boots selected" if keep is None else "--keep and --older-than were both given",
            hint="use --keep 1000 or --older-than 30d",
        )
    before_s = None
    if older_than is not None:
        before_s = time.time() - times.age_s("--older-than", older_than)
    history = History(locate_home().history)
    going = history.find(BootFilter(before_s=before_s, skip=keep or 0))[::-1]
    if going and not as_json:
        _show_going(going, on_stderr=not dry_run)
    pruned = PrunedBoots(boots=tuple(row.id for row in going))
    if going and not dry_run:
        if not yes and not screen.confirmed("Delete these?", as_json=as_json):
            screen.say("nothing was removed")
            return 1
        pruned = listing.prune(history, going)
    if as_json:
        screen.print_json(pruned)
    elif pruned.removed:
        screen.say(f"removed {_boots(len(going))}, freed {text.size(pruned.freed_bytes)}")
    elif not going:
        screen.say("nothing to remove")
    return 0


def _show_going(going: list[ListedBoot], *, on_stderr: bool) -> None:
    click.echo(_table(going[:_SHOWN]), err=on_stderr)
    if len(going) > _SHOWN:
        until = times.shown(going[-1].began_s)
        click.echo(f"and {len(going) - _SHOWN} more, until {until}", err=on_stderr)


def _boots(count: int) -> str:
    return "1 boot" if count == 1 else f"{count} boots"


command.add_command(trends.trend)
command.add_command(trends.regress)


def _name(name: str) -> str:
    return short_digest(name) if is_digest(name) else name


def _table(rows: Iterable[ListedBoot]) -> str:
    header = [
        *("ID", "WHEN", "IMAGE", "KERNEL", "INIT", "ON", "START-UP", "WHOLE", "UNACCOUNTED"),
    ]
    now_s = time.time()
    lines = [
        [
            str(row.id),
            text.age(row.began_s, now_s),
            _name(row.image) or "(tiny)",
            _name(row.kernel),
            row.init,
            _on(row),
            _duration(row.start_up_ns),
            _duration(row.total_ns),
            _duration(row.unaccounted_ns),
        ]
        for row in rows
    ]
    return screen.table(header, lines, optional=("INIT", "UNACCOUNTED", "KERNEL", "ON", "START-UP"))


def _on(row: ListedBoot) -> str:
    if not CLOCKS[row.clock].is_repeatable:
        return row.accelerator
    return f"{row.clock}, seed {row.seed}"


def _duration(time_ns: int | None) -> str:
    return "-" if time_ns is None else text.duration(time_ns)


def _toml(stored: StoredBoot) -> str:
    from bootwright.recipes.recipe_file import to_toml

    return to_toml(stored.recipe)


def _lines(stored: StoredBoot) -> Iterable[str]:
    """Return a boot for people; what is not known is left out."""
    row, host = stored.row, stored.host
    yield f"boot {row.id}: {row.command} {_name(row.image) or '(tiny)'}, {times.shown(row.began_s)}"
    yield f"  start-up {_duration(row.start_up_ns)}, whole {_duration(row.total_ns)}" + (
        "" if row.unaccounted_ns is None else f", unaccounted {_duration(row.unaccounted_ns)}"
    )
    if row.total_ns is None and CLOCKS[row.clock].timed_by_guest:
        yield "  (without the guest's own measurements; host times only)"
    yield f"  show it again: bootwright timeline --boot {row.id}"
    title = "longest spans (ms)"
    width = max([len(title) - 2, *(len(stretch.name) for stretch in row.stretches)])
    yield f"\n{title:<{width + 2}} {'start':>10} {'length':>10}"
    for stretch in row.stretches:
        yield (
            f"  {stretch.name:<{width}} {stretch.start_ns / 1e6:>10.1f} "
            f"{stretch.duration_ns / 1e6:>10.1f}"
        )
    virtual = {None: "", True: ", itself a virtual machine", False: ""}[host.is_virtual]
    available = f"{text.size(host.available_bytes)} of {text.size(host.memory_bytes)} available"
    facts = {
        "CPU": host.cpu and f"{host.cpu}, {host.cpus} usable{virtual}",
        "kernel": host.kernel and f"{host.kernel} ({host.kernel_build})",
        "accelerator": row.accelerator,
        "VMM": f"{stored.recipe.get('vmm', '')} {row.vmm_build}".strip(),
        "bootwright": row.bootwright,
        "governor": host.governor,
        "load": "" if host.load is None else f"{host.load:g}",
        "memory": host.memory_bytes and available,
        "boot id": host.boot_id,
    }
    yield "\nhost"
    for name, fact in (*facts.items(), *_mitigations(host.mitigations)):
        yield from _wrapped(name, str(fact)) if fact else ()
    yield f"\nrecipe (bootwright history show {row.id} --recipe prints it alone)"
    yield from (f"  {line}".rstrip() for line in _toml(stored).splitlines())


def _wrapped(name: str, fact: str) -> Iterable[str]:
    """Return a fact as lines that fit the terminal; in a pipe it is one."""
    import textwrap

    first = f"  {name:<12} "
    return textwrap.wrap(
        fact, screen.width() or 10_000, initial_indent=first, subsequent_indent=" " * len(first)
    )


def _mitigations(known: dict[str, str]) -> Iterable[tuple[str, str]]:
    """Yield what the host's kernel does about its CPU's faults, the same answers together."""
    names: dict[str, list[str]] = {}
    for name, answer in known.items():
        names.setdefault(answer, []).append(name)
    head = "mitigations"
    for answer, those in names.items():
        yield head, f"{', '.join(those)}: {answer}"
        head = ""
