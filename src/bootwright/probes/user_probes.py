"""Probes that the user adds: a command, or a TOML file of probes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import msgspec

from bootwright import suggest
from bootwright.errors import InputError
from bootwright.probes.probe import Probe
from bootwright.probes.table import PROBES
from bootwright.recipes.recipe_file import toml_table

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,40}")
_LIMIT_S = 30

# What the command needs may still be starting: wait for the end of the start-up.
_WAIT_FOR_STARTUP = """\
case $init in systemd*) systemctl is-system-running --wait >/dev/null 2>&1 || : ;; esac
"""

EXAMPLE = """\
[web]
command = "curl -fs localhost:8080"
limit_s = 10
"""


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    command: str
    summary: str = ""
    limit_s: int = _LIMIT_S


def probe_of_command(command: str) -> Probe:
    """Return the probe that passes if *command*, run by the guest's shell as root, exits with 0.

    Raises:
        InputError: the command is empty.
    """
    words = re.findall(r"[a-z0-9]+", command.lower())
    if not command.strip():
        raise InputError(
            "--probe has no command", hint="for example: --probe 'curl -fs localhost:8080'"
        )
    return _probe("-".join(words)[:40].strip("-") or "command", _Entry(command=command))


def read_probes(path: Path) -> tuple[Probe, ...]:
    """Read a TOML file of probes: one table each, with its ``command``.

    Raises:
        InputError: it does not exist, is not TOML, or has an unknown field or a field of the
            wrong type.
    """
    table = toml_table(path, "probes", f"for example:\n{EXAMPLE}")
    if not table:
        raise InputError(f"{path} has no probes", hint=f"for example:\n{EXAMPLE}")
    probes = []
    for name, entry in table.items():
        if not _NAME.fullmatch(name):
            raise InputError(
                f"{path}: invalid probe name {name!r}",
                hint="use lower-case letters, digits, ., - and _; at most 41",
            )
        try:
            probes.append(_probe(name, msgspec.convert(entry, type=_Entry)))
        except msgspec.ValidationError as error:
            text = str(error).replace("`$.", "`").replace("Object contains", "it contains")
            raise InputError(
                f"{path}: [{name}]: {text.replace('Object missing', 'it lacks')}",
                hint=f"the fields are {', '.join(_Entry.__struct_fields__)}",
            ) from error
    return tuple(probes)


def select_probes(added: tuple[Probe, ...], only: tuple[str, ...]) -> tuple[Probe, ...]:
    """Return the built-in probes and *added*, or only those named in *only*.

    The added probes run before the shutdown.

    Raises:
        InputError: two have the same name, or a name in *only* is unknown.
    """
    last = [probe for probe in PROBES if probe.name in ("shutdown", "second-boot")]
    every = [*(probe for probe in PROBES if probe not in last), *added, *last]
    names = [probe.name for probe in every]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"two probes are named {name!r}", hint="rename yours in a file: --probes FILE"
            )
    for name in only:
        if name not in names:
            raise InputError(
                f"no probe is called {name!r}",
                hint=suggest.hint(name, names, "bootwright probe --list shows all of them"),
            )
    return tuple(probe for probe in every if not only or probe.name in only)


def _probe(name: str, entry: _Entry) -> Probe:
    # Any other exit status of the command means failure, even 77.
    script = f'{_WAIT_FOR_STARTUP}sh -c {shlex.quote(entry.command)} || fail "exit status $?"\n'
    return Probe(
        name=name,
        summary=entry.summary or entry.command,
        side="guest",
        script=script,
        limit_s=entry.limit_s,
    )
