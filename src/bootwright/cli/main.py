"""The root of the command line: its commands, imported when used, and how errors are shown.

Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted, 143 terminated. Commands
that run something in a guest pass its status on; there 125 is our own failure and 255 a guest that
went away.
"""

from __future__ import annotations

import gc
import importlib
import re
import sys
from collections.abc import Sequence

import click

from bootwright import __version__
from bootwright.cli import interrupts, streams
from bootwright.errors import BootwrightError, HostError, InputError, LostGuestError

FAILED, WRONG_USAGE, OWN_FAILURE, LOST_GUEST = 1, 2, 125, 255

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LONG_WORD = re.compile(r"[^\s/]{300,}")
"""No name of a file is as long."""

# command: (module, one line of help). Only the module of the command that is used is imported.
COMMANDS = {
    "run": ("run", "Boot a machine and log in, or run a command in it."),
    "ps": ("ps", "List machines."),
    "ssh": ("ssh", "Log in to a running machine, or run a command in it."),
    "cp": ("cp", "Copy files into or out of a running machine."),
    "stop": ("stop", "Shut machines down."),
    "start": ("start", "Start a kept machine again."),
    "rm": ("rm", "Remove machines."),
    "logs": ("logs", "Print a machine's console."),
    "console": ("console", "Attach to a running machine's console."),
    "timeline": ("timeline", "Show where every millisecond of a boot goes."),
    "measure": ("measure", "Boot many times and report how long each phase takes."),
    "compare": ("compare", "Compare the boot times of two configurations."),
    "check": ("check", "Fail if a boot exceeds its time budget; for CI."),
    "history": ("history", "List, show and remove recorded boots."),
    "probe": ("probe", "Check that a guest works like a real computer."),
    "trim": ("trim", "Make an image boot faster by masking systemd units it does not need."),
    "image": ("image", "Build, import and list root filesystems."),
    "disk": ("disk", "Show which disk types work on this host, and what each costs."),
    "kernel": ("kernel", "Build, add and list kernels; compare their configs."),
    "recipe": ("recipe", "Show a boot's complete configuration."),
    "doctor": ("doctor", "Check this host, and clean up what bootwright left behind."),
    "prune": ("prune", "Remove unused files and machines, after listing them."),
    "completion": ("completion", "Print a shell's completion script."),
}
_WITHOUT_HOME = {"completion", "doctor"}
"""They use no home, or report what is wrong with it."""
_PASS_STATUS = {"run", "ssh"}
_BOOTS = {"run", "start", "timeline", "measure", "compare", "check", "probe", "trim"}


class LazyGroup(click.Group):
    """Knows its commands by name and imports one when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which people use them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"bootwright.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: bootwright image build web --debian bookworm; bootwright run web -- uname -a",
)
@click.version_option(__version__, message="bootwright %(version)s")
@click.option("--debug", is_flag=True, help="Print each command that is run, ready to paste.")
@click.pass_context
def cli(context: click.Context, debug: bool) -> None:
    """Boot real Linux VMs fast, and see where every millisecond of a boot goes."""
    from bootwright.cli.tables import colors

    context.color = colors()
    interrupts.raise_interrupts()
    if not gc.isenabled():  # see __main__; by now the command's module is imported
        gc.freeze()
        gc.enable()
    if debug:
        import logging

        logging.basicConfig(level=logging.DEBUG, format="%(message)s", stream=sys.stderr)
        logging.getLogger("asyncio").setLevel(logging.WARNING)
    if context.invoked_subcommand not in _WITHOUT_HOME and not _asks_for_help(sys.argv):
        from bootwright.home import locate_home
        from bootwright.host.home_check import check_home

        check_home(locate_home())


def _asks_for_help(words: Sequence[str]) -> bool:
    """Say whether help is asked for; what stands behind ``--`` is a guest's command."""
    own = words[: words.index("--")] if "--" in words else words
    return "--help" in own or "-h" in own


def run(arguments: Sequence[str], entered_ns: int) -> int:
    """Carry out one command line and return its exit status.

    Args:
        entered_ns: When the command was entered, on the host's monotonic clock.
    """
    if _asks_for_help(arguments) or arguments[:1] not in (["run"], ["start"]):
        from bootwright.cli import helptext

        click.Context.formatter_class = helptext.Formatter
    command = next((word for word in arguments if not word.startswith("-")), "")
    own_failure = OWN_FAILURE if command in _PASS_STATUS else FAILED
    wrong_usage = OWN_FAILURE if command in _PASS_STATUS else WRONG_USAGE
    try:
        status = cli.main(
            args=list(arguments), prog_name="bootwright", standalone_mode=False, obj=entered_ns
        )
        return status if isinstance(status, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return wrong_usage
    except click.UsageError as error:
        from bootwright.cli import usage

        tell(usage.translated(error))
        return wrong_usage
    except click.Abort as error:  # click makes it of an interrupt, and of the end of the input
        if isinstance(error.__cause__, KeyboardInterrupt):
            return _interrupted(error.__cause__, command)
        return interrupts.INTERRUPTED
    except KeyboardInterrupt as interrupt:
        return _interrupted(interrupt, command)
    except BrokenPipeError:
        # The reader of our output has seen enough (bootwright ps | head).
        streams.discard_output()
        return own_failure
    except streams.OutputError as error:
        return _not_written(error, own_failure)
    except LostGuestError as error:
        tell(error)
        return LOST_GUEST
    except InputError as error:
        tell(error)
        return wrong_usage
    except BootwrightError as error:
        tell(error)
        return own_failure
    except OSError as error:
        # A folder without permission, a disk that went away: the system's own words say it best.
        import logging

        from bootwright.home import locate_home
        from bootwright.host.home_check import explain_refusal

        logging.getLogger(__name__).debug("", exc_info=True)
        other = HostError(f"the system refused: {error}", hint="bootwright --debug says where")
        tell(explain_refusal(error, locate_home()) or other)
        return own_failure


def tell(error: BootwrightError) -> None:
    """Print a foreseen error: what failed, what was seen, what to try."""
    # Whatever is quoted of what was given stays readable, and one line.
    message = _CONTROL.sub(lambda found: repr(found[0])[1:-1], str(error))
    lines = [f"bootwright: error: {_LONG_WORD.sub(_shortened, message)}"]
    lines += [f"  | {line}" for line in error.evidence.splitlines()]
    if error.hint:
        lines.append(f"  hint: {_LONG_WORD.sub(_shortened, error.hint)}")
    click.echo("\n".join(lines), err=True)


def _shortened(word: re.Match[str]) -> str:
    return f"{word[0][:40]}…{word[0][-20:]} ({len(word[0])} characters)"


def finish(status: int) -> int:
    """Write what is still to be printed; return the exit status."""
    failed = status or FAILED
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        return failed
    except streams.OutputError as error:
        return _not_written(error, failed)
    return status


def _not_written(error: streams.OutputError, status: int) -> int:
    streams.discard_output()
    tell(HostError(f"cannot write to standard output: {error.strerror}"))
    return status


def _interrupted(interrupt: KeyboardInterrupt, command: str) -> int:
    """Say in one line what is left of an interrupted command; return its exit status."""
    what = "terminated" if isinstance(interrupt, interrupts.Terminated) else "interrupted"
    left = getattr(interrupt, "__notes__", ["nothing is left"] if command in _BOOTS else [])
    click.echo(f"bootwright: {': '.join([what, *left[:1]])}", err=True)
    return interrupts.status_of(interrupt)
