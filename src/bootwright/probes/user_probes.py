"""Probes of the user's own: a command, or a TOML file of them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import msgspec

from bootwright.errors import InputError
from bootwright.probes.probe import Probe
from bootwright.probes.table import PROBES
from bootwright.recipes.recipe_file import toml_table

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,40}")
_LIMIT_S = 30

# What the user's command needs may still be starting: it is asked when the start-up is over.
_SETTLED = """\
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
        InputError: there is no command.
    """
    words = re.findall(r"[a-z0-9]+", command.lower())
    if not command.strip():
        raise InputError("--probe has no command", hint="such as --probe 'curl -fs localhost:8080'")
    return _probe("-".join(words)[:40].strip("-") or "own", _Entry(command=command))


def read_probes(path: Path) -> tuple[Probe, ...]:
    """Read a file of probes: a table for each, with its ``command``.

    Raises:
        InputError: it is missing, no TOML, or has a field that is unknown or of the wrong kind.
    """
    table = toml_table(path, "probes", f"such as:\n{EXAMPLE}")
    if not table:
        raise InputError(f"{path} has no probe", hint=f"such as:\n{EXAMPLE}")
    probes = []
    for name, entry in table.items():
        if not _NAME.fullmatch(name):
            raise InputError(
                f"{path}: {name!r} cannot name a probe",
                hint="lower-case letters, digits, dots, - and _, at most 40",
            )
        try:
            probes.append(_probe(name, msgspec.convert(entry, type=_Entry)))
        except msgspec.ValidationError as error:
            text = str(error).replace("`$.", "`").replace("Object contains", "it contains")
            raise InputError(
                f"{path}: [{name}]: {text.replace('Object missing', 'it misses')}",
                hint=f"the fields are {', '.join(_Entry.__struct_fields__)}",
            ) from error
    return tuple(probes)


def select_probes(own: tuple[Probe, ...], only: tuple[str, ...]) -> tuple[Probe, ...]:
    """Return the probes to try: ours and *own*, or those that *only* names.

    The user's own come before the shutdown.

    Raises:
        InputError: two have one name, or *only* names none.
    """
    last = [probe for probe in PROBES if probe.name in ("shutdown", "second-boot")]
    every = [*(probe for probe in PROBES if probe not in last), *own, *last]
    names = [probe.name for probe in every]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"two probes are called {name!r}", hint="give your own another name, in a file"
            )
    for name in only:
        if name not in names:
            raise InputError(f"no probe is called {name!r}", hint=f"there are: {', '.join(names)}")
    return tuple(probe for probe in every if not only or probe.name in only)


def _probe(name: str, entry: _Entry) -> Probe:
    # An exit status of the user's own means nothing but failure, whatever the number.
    script = f'{_SETTLED}sh -c {shlex.quote(entry.command)} || fail "exit status $?"\n'
    return Probe(
        name=name,
        summary=entry.summary or entry.command,
        side="guest",
        script=script,
        limit_s=entry.limit_s,
    )
