"""The runner: one text for a POSIX shell that runs probes, on the host, over SSH or in the guest.

The same text runs wherever it is, so a probe's result does not depend on the way in.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files

from bootwright.guest.initramfs import MARK_PORT
from bootwright.host.clock import now_ns
from bootwright.machines.shutdown import COMMAND as POWER_OFF
from bootwright.probes.probe import Outcome, Probe, does_not_apply, failed, passed

DONE = "probe.done"
"""The last word of a guest that probes itself."""

_TIMED_OUT = (124, 137)
"""What timeout(1) exits with when the time was up: it sent SIGTERM, or then SIGKILL."""
_DOES_NOT_APPLY = 77
_LONGEST_TEXT = 4000

_SAY_HERE = "say() { printf '%s\\n' \"$*\"; }"
_SAY_OVER_PORT = f"""\
read -r token </run/bootwright/token
say() {{ printf '%s %s\\n' "$token" "$*" >{MARK_PORT}; }}"""


def text(probes: Iterable[Probe], variables: Mapping[str, str], *, remember: bool = False) -> str:
    """Return the runner for *probes*; it tells of them on its standard output.

    Args:
        variables: What ``scripts/prelude.sh`` names.
        remember: Whether to write what a second boot is to find.
    """
    lines = [_SAY_HERE, _head(variables), *map(_call, probes)]
    return "\n".join([*lines, *(["remember"] if remember else []), ""])


def text_for_port(
    probes: Iterable[Probe], second_boot: Probe | None, variables: Mapping[str, str], *, end: bool
) -> str:
    """Return the runner for a guest that probes itself; it tells over the mark port.

    Args:
        second_boot: What is tried in the second boot of a disk, and nothing else then.
        end: Whether the guest is to shut down afterwards.
    """
    lines = [_SAY_OVER_PORT, _head(variables), "become_client"]
    if second_boot is None:
        lines += map(_call, probes)
    else:
        lines += ["if [ -e /var/lib/bootwright-probe ]; then", _call(second_boot)]
        lines += ["else", *map(_call, probes), "remember", "fi"]
    lines += [f"say {DONE}", *([POWER_OFF] if end else []), ""]
    return "\n".join(lines)


def _head(variables: Mapping[str, str]) -> str:
    folder = files("bootwright.probes")
    settings = {"scratches": "", "ssh_config": "", **variables}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in settings.items()]
    prelude = folder.joinpath("scripts", "prelude.sh").read_text()
    lines.append(f"prelude={shlex.quote(prelude)}")
    lines.append(folder.joinpath("runner.sh").read_text())
    return "\n".join(lines)


def _call(probe: Probe) -> str:
    function = "client_probe" if probe.side == "client" else "probe"
    return shlex.join([function, probe.name, str(probe.limit_s), probe.script])


class Reader:
    """Makes outcomes of what a runner tells.

    Args:
        host_name: Of the machine that is probed.
        probes: Those that the runner has.
        on_begin: Called with each probe as it begins.
        on_outcome: Called with each outcome as it comes.
    """

    def __init__(
        self,
        host_name: str,
        probes: Iterable[Probe],
        on_begin: Callable[[Probe], None],
        on_outcome: Callable[[Outcome], None],
    ) -> None:
        self._host_name = host_name
        self._probes = {probe.name: probe for probe in probes}
        self._on_begin = on_begin
        self._on_outcome = on_outcome
        self._said: list[str] = []
        self._began_ns = 0
        self.running: Probe | None = None
        """The one that has begun and not ended."""
        self.done: set[str] = set()
        """The names of those that have ended."""

    def take(self, line: str) -> None:
        """Take in a line; one that is none of the runner's is passed over."""
        word, _, rest = line.partition(" ")
        name, _, detail = rest.partition(" ")
        probe = self._probes.get(name)
        if probe is None:
            return
        if word == "probe.begin":
            self._said, self._began_ns, self.running = [], now_ns(), probe
            self._on_begin(probe)
        elif word == "probe.says" and sum(map(len, self._said)) < _LONGEST_TEXT:
            self._said.append(detail)
        elif word == "probe.end" and detail.isdecimal():
            self.running = None
            self.done.add(name)
            self._on_outcome(self._outcome(probe, int(detail), now_ns() - self._began_ns))

    def give_up(self, probes: Iterable[Probe], why: str) -> None:
        """Let those of *probes* that have not ended fail."""
        for probe in probes:
            if probe.name not in self.done:
                tried = probe == self.running
                text = "there was no answer any more" if tried else "it was not tried"
                self.done.add(probe.name)
                self._on_outcome(failed(probe, f"{text}: {why}"))
        self.running = None

    def _outcome(self, probe: Probe, status: int, duration_ns: int) -> Outcome:
        fix = "; ".join(
            line.removeprefix("fix: ") for line in self._said if line.startswith("fix: ")
        )
        said = "\n".join(line for line in self._said if not line.startswith("fix: ")).strip()
        if status == _DOES_NOT_APPLY:
            return does_not_apply(probe, said, duration_ns=duration_ns)
        if status in _TIMED_OUT:
            said = f"it took longer than {probe.limit_s} s" + (f": {said}" if said else "")
        elif status == 0:
            why = probe.judge(said, self._host_name, time.time())
            if not why:
                return passed(probe, said, duration_ns=duration_ns)
            said = why
        why = said or f"its script ended with exit status {status}"
        return failed(probe, why, fix=fix, duration_ns=duration_ns)
