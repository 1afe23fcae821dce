"""All probes: what "a real computer" means here, in the order in which they are tried."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

from bootwright.probes.probe import Probe, RunsOn

_CLOCK_TOLERANCE_S = 5
"""What the way from the guest's clock to us may take."""


def _judge_clock(said: str, machine: str, now_s: float) -> str:
    seconds = said.rpartition("\n")[2]
    if not seconds.isdecimal():
        return f"date says {said!r}"
    behind_s = now_s - int(seconds)
    if abs(behind_s) <= _CLOCK_TOLERANCE_S:
        return ""
    return f"its clock is {abs(behind_s):.0f} s {'behind' if behind_s > 0 else 'before'} the host's"


def _judge_hostname(said: str, machine: str, now_s: float) -> str:
    return "" if said == machine else f"its host name is {said}, but the machine is {machine}"


_JUDGES = {"clock": _judge_clock, "hostname": _judge_hostname}


def _probe(name: str, side: RunsOn, summary: str, *, limit_s: int = 20) -> Probe:
    script = files("bootwright.probes").joinpath("scripts", f"{name}.sh").read_text()
    made = Probe(name=name, summary=summary, side=side, script=script, limit_s=limit_s)
    return replace(made, judge=_JUDGES[name]) if name in _JUDGES else made


SHUTDOWN = Probe(
    name="shutdown",
    summary="asked to shut down, it does, by itself and in time",
    side="host",
    limit_s=30,
)
SECOND_BOOT = replace(
    _probe("second-boot", "guest", "its disk boots again, and has what the first boot wrote"),
    # Of what is done in the second boot; the boot itself has the time of any boot.
    limit_s=10,
)

PROBES: tuple[Probe, ...] = (
    _probe("login", "client", "root logs in over SSH, and the command's output is all that comes"),
    _probe("login-user", "client", "an ordinary user logs in (no nologin is left)", limit_s=40),
    _probe("pty", "client", "ssh -tt gives a terminal"),
    _probe("window-size", "client", "the terminal has the size of the one at our end"),
    _probe("job-control", "client", "Ctrl-Z stops a job, and the shell knows it"),
    _probe("interrupt", "client", "Ctrl-C interrupts what runs"),
    _probe("scp", "client", "scp copies files in and out"),
    _probe("sftp", "client", "sftp copies files in and out"),
    _probe("processes", "guest", "ps aux shows PID 1 and itself"),
    _probe("proc", "guest", "/proc is there"),
    _probe("sys", "guest", "/sys is there"),
    _probe("dev", "guest", "/dev has what every program expects, for everybody"),
    _probe("devpts", "guest", "/dev/pts is mounted, /dev/ptmx is for everybody"),
    _probe("shm", "guest", "/dev/shm is shared memory for everybody"),
    _probe("tmp", "guest", "/tmp and /var/tmp can be written by everybody"),
    _probe("run", "guest", "/run can be written, and is gone with the boot"),
    _probe("hostname", "guest", "the host name is the machine's"),
    _probe("loopback", "guest", "the loopback is up"),
    _probe("network", "guest", "a network card is up, and a default route leads out"),
    _probe("resolver", "guest", "names are resolved, where the host resolves them"),
    _probe("clock", "guest", "the clock is right"),
    _probe("randomness", "guest", "random numbers come at once (getrandom does not block)"),
    _probe("log", "guest", "the log of this boot can be read"),
    _probe("units", "guest", "the system is running, and no unit has failed", limit_s=120),
    _probe("service", "guest", "a service that a user writes runs", limit_s=40),
    _probe("timer", "guest", "a timer that a user writes fires", limit_s=40),
    _probe("orphans", "guest", "PID 1 reaps 50 orphans"),
    SHUTDOWN,
    SECOND_BOOT,
)
