"""All probes, in the order in which they run."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

from bootwright.probes.probe import Probe, RunsOn

_CLOCK_TOLERANCE_S = 5
"""The clock may be off by this much, which allows for the time to report it."""


def _judge_clock(output: str, machine: str, now_s: float) -> str:
    seconds = output.rpartition("\n")[2]
    if not seconds.isdecimal():
        return f"unexpected output of date: {output!r}"
    behind_s = now_s - int(seconds)
    if abs(behind_s) <= _CLOCK_TOLERANCE_S:
        return ""
    return (
        f"its clock is {abs(behind_s):.0f} s {'behind' if behind_s > 0 else 'ahead of'} the host's"
    )


def _judge_hostname(output: str, machine: str, now_s: float) -> str:
    return "" if output == machine else f"its host name is {output}, not {machine}"


_JUDGES = {"clock": _judge_clock, "hostname": _judge_hostname}


def _probe(name: str, side: RunsOn, summary: str, *, limit_s: int = 20) -> Probe:
    script = files("bootwright.probes").joinpath("scripts", f"{name}.sh").read_text()
    made = Probe(name=name, summary=summary, side=side, script=script, limit_s=limit_s)
    return replace(made, judge=_JUDGES[name]) if name in _JUDGES else made


SHUTDOWN = Probe(
    name="shutdown",
    summary="it shuts down cleanly within the time limit",
    side="host",
    limit_s=30,
)
SECOND_BOOT = replace(
    _probe("second-boot", "guest", "its disk boots again, with what the first boot wrote"),
    # For the probe alone; the second boot has the time limit of any boot.
    limit_s=10,
)

PROBES: tuple[Probe, ...] = (
    _probe("login", "client", "root logs in over SSH and gets only the output of the command"),
    _probe("login-user", "client", "an ordinary user logs in (no /run/nologin)", limit_s=40),
    _probe("pty", "client", "ssh -tt allocates a terminal"),
    _probe("window-size", "client", "the terminal has the size of the client's"),
    _probe("job-control", "client", "Ctrl-Z stops a job"),
    _probe("interrupt", "client", "Ctrl-C interrupts the running command"),
    _probe("scp", "client", "scp copies files in and out"),
    _probe("sftp", "client", "sftp copies files in and out"),
    _probe("processes", "guest", "ps aux shows PID 1 and itself"),
    _probe("proc", "guest", "/proc is mounted"),
    _probe("sys", "guest", "/sys is mounted"),
    _probe("dev", "guest", "/dev has the usual nodes and links, for all users"),
    _probe("devpts", "guest", "/dev/pts is mounted, and all users can open /dev/ptmx"),
    _probe("shm", "guest", "/dev/shm is a tmpfs that all users can write to"),
    _probe("tmp", "guest", "all users can write to /tmp and /var/tmp"),
    _probe("run", "guest", "/run is a writable tmpfs"),
    _probe("hostname", "guest", "the host name is the machine's"),
    _probe("loopback", "guest", "the loopback interface is up"),
    _probe("network", "guest", "a network card is up, and there is a default route"),
    _probe("resolver", "guest", "names are resolved, if the host resolves them"),
    _probe("clock", "guest", "the clock is right"),
    _probe("randomness", "guest", "random numbers are ready (getrandom does not block)"),
    _probe("log", "guest", "the log of this boot is readable"),
    _probe("units", "guest", "the system is running, and no unit has failed", limit_s=120),
    _probe("service", "guest", "a new service runs", limit_s=40),
    _probe("timer", "guest", "a new timer fires", limit_s=40),
    _probe("orphans", "guest", "PID 1 reaps 50 orphans"),
    _probe("virtualization", "guest", "virtual machines run in it, if it has --nested"),
    SHUTDOWN,
    SECOND_BOOT,
)
