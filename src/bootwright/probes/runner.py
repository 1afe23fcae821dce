"""The runner: a POSIX shell script that runs probes on the host, over SSH or in the guest.

It is the same script everywhere, so the result of a probe does not depend on where it runs.
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
"""The last message of a guest that probes itself."""

_TIMED_OUT = (124, 137)
"""The exit statuses of timeout(1) after a time-out: it sent SIGTERM, or then SIGKILL."""
_DOES_NOT_APPLY = 77
_LONGEST_TEXT = 4000

_SAY_HERE = "say() { printf '%s\\n' \"$*\"; }"
_SAY_OVER_PORT = f"""\
read -r token </run/bootwright/token
say() {{ printf '%s %s\\n' "$token" "$*" >{MARK_PORT}; }}"""


def text(probes: Iterable[Probe], variables: Mapping[str, str], *, remember: bool = False) -> str:
    """Return the runner for *probes*; it reports on its standard output.

    Args:
        variables: The variables that ``scripts/prelude.sh`` lists.
        remember: Whether to write the file that the second boot looks for.
    """
    lines = [_SAY_HERE, _head(variables), *map(_call, probes)]
    return "\n".join([*lines, *(["remember"] if remember else []), ""])


def text_for_port(
    probes: Iterable[Probe], second_boot: Probe | None, variables: Mapping[str, str], *, end: bool
) -> str:
    """Return the runner for a guest that probes itself; it reports over the mark port.

    Args:
        second_boot: The only probe to run in the second boot of a disk.
        end: Whether the guest shuts down afterwards.
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
    """Turns the messages of a runner into outcomes.

    Args:
        host_name: The host name that the machine should have.
        probes: The probes of the runner.
        on_begin: Called when a probe begins.
        on_outcome: Called when a probe ends.
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
        self._output: list[str] = []
        self._began_ns = 0
        self.running: Probe | None = None
        """The probe that is running."""
        self.done: set[str] = set()
        """The names of the probes that have ended."""

    def take(self, line: str) -> None:
        """Process a line; lines that are not from the runner are ignored."""
        word, _, rest = line.partition(" ")
        name, _, detail = rest.partition(" ")
        probe = self._probes.get(name)
        if probe is None:
            return
        if word == "probe.begin":
            self._output, self._began_ns, self.running = [], now_ns(), probe
            self._on_begin(probe)
        elif word == "probe.says" and sum(map(len, self._output)) < _LONGEST_TEXT:
            self._output.append(detail)
        elif word == "probe.end" and detail.isdecimal():
            self.running = None
            self.done.add(name)
            self._on_outcome(self._outcome(probe, int(detail), now_ns() - self._began_ns))

    def give_up(self, probes: Iterable[Probe], why: str) -> None:
        """Fail those of *probes* that have not ended."""
        for probe in probes:
            if probe.name not in self.done:
                began = probe == self.running
                text = "no answer" if began else "did not run"
                self.done.add(probe.name)
                self._on_outcome(failed(probe, f"{text}: {why}"))
        self.running = None

    def _outcome(self, probe: Probe, status: int, duration_ns: int) -> Outcome:
        fix = "; ".join(
            line.removeprefix("fix: ") for line in self._output if line.startswith("fix: ")
        )
        output = "\n".join(line for line in self._output if not line.startswith("fix: ")).strip()
        if status == _DOES_NOT_APPLY:
            return does_not_apply(probe, output, duration_ns=duration_ns)
        if status in _TIMED_OUT:
            output = f"timed out after {probe.limit_s} s" + (f": {output}" if output else "")
        elif status == 0:
            why = probe.judge(output, self._host_name, time.time())
            if not why:
                return passed(probe, output, duration_ns=duration_ns)
            output = why
        why = output or f"script exited with status {status}"
        return failed(probe, why, fix=fix, duration_ns=duration_ns)
