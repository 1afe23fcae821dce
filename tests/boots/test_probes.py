"""Probes pass on every init and both ways, and each fails for the right reason."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bootwright.machines.ssh import SshEndpoint
from bootwright.probes import runner
from bootwright.probes.probe import Outcome
from bootwright.probes.runner import Reader
from bootwright.probes.table import PROBES
from tests.boots.harness import Bootwright, commands, until

pytestmark = pytest.mark.boot

_BY_NAME = {probe.name: probe for probe in PROBES}
_NEEDS_NESTED = {"virtualization"}
_NEEDS_UNITS = {"units", "service", "timer"}
_NEEDS_LOG_IN = {p.name for p in PROBES if p.side != "guest"} | {"second-boot"}


def _results(own: Bootwright, *arguments: str) -> dict[str, str]:
    """Probe, and return what came of each; nothing may have failed."""
    done = own("probe", *arguments, "--json", timeout_s=600)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["passed"] is True
    assert [probe["name"] for probe in found["probes"]] == list(_BY_NAME)
    # Whether names are resolved depends on the host.
    return {p["name"]: p["result"] for p in found["probes"] if p["name"] != "resolver"}


def _not_applying(results: dict[str, str]) -> set[str]:
    return {name for name, result in results.items() if result != "pass"}


def test_probe_passes_for_stock_debian(bootwright: Bootwright, bookworm: str) -> None:
    # With --nested every probe applies.
    assert _not_applying(_results(bootwright, bookworm, "--nested")) == set()


def test_probe_passes_for_trimmed_debian(
    bootwright: Bootwright, trixie: str, debian_13_kernel: str
) -> None:
    trim = "probed"
    bootwright("trim", "rm", trim)  # of a run that was killed
    assert bootwright("trim", trixie, "--name", trim).returncode == 0
    try:
        results = _results(bootwright, trixie, "--kernel", debian_13_kernel, "--trim", trim)
    finally:
        bootwright("trim", "rm", trim)
    assert _not_applying(results) == _NEEDS_NESTED


def test_probe_over_the_serial_port_agrees_with_ssh(
    bootwright: Bootwright, bookworm: str, tmp_path: Path
) -> None:
    shown = bootwright("recipe", "show", bookworm, "--init", "tini").stdout
    recipe = tmp_path / "tini.toml"
    recipe.write_text(shown.replace('network = "user"', 'network = "none"'))
    by_itself = _results(bootwright, "--recipe", str(recipe))
    assert _not_applying(by_itself) == _NEEDS_UNITS | _NEEDS_NESTED | {"network"}
    over_ssh = _results(bootwright, bookworm, "--init", "tini")
    assert over_ssh == by_itself | {"network": "pass"}


def test_probe_of_init_bare_lists_what_does_not_apply(
    bootwright: Bootwright, bookworm: str
) -> None:
    results = _results(bootwright, bookworm, "--init", "bare")
    assert _not_applying(results) == _NEEDS_UNITS | _NEEDS_NESTED | _NEEDS_LOG_IN


@dataclass(frozen=True, slots=True, kw_only=True)
class _Guest:
    """A running machine whose parts are broken one by one."""

    own: Bootwright
    name: str
    init: str

    def do(self, line: str) -> None:
        done = self.own("ssh", self.name, "--", line)
        assert done.returncode == 0, done.stderr

    def tried(self, name: str, *, shell: str = "sh -s", **more: str) -> Outcome:
        """Return what came of one probe."""
        [outcome] = self.tried_together(name, shell=shell, **more)
        return outcome

    def tried_together(self, *names: str, shell: str = "sh -s", **more: str) -> list[Outcome]:
        """Return what came of probes that are all tried from the same side."""
        probes = [_BY_NAME[name] for name in names]
        probes = [replace(p, limit_s=3) if p.name == "randomness" else p for p in probes]
        [machine] = self.own.json("ps")
        folder = self.own.machines / self.name
        reach = SshEndpoint(
            name=self.name,
            port=int(machine["ports"]["22"]),
            key=Path(self.own.environment["XDG_DATA_HOME"]) / "bootwright/keys/id_ed25519",
            known_hosts=folder / "known_hosts",
        )
        variables = {"init": self.init, "network": "user", "resolves": "", **more}
        argv = reach.ssh([shell])
        if probes[0].side == "client":
            scratch = folder / "broken"
            scratch.mkdir(exist_ok=True)
            config = scratch / "ssh_config"
            config.write_text(reach.config())
            variables |= {"ssh_config": str(config), "scratches": str(scratch)}
            argv = ["sh"]
        text = runner.text(probes, variables)
        done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=200)
        found: list[Outcome] = []
        reader = Reader(self.name, probes, lambda probe: None, found.append)
        for line in done.stdout.splitlines():
            reader.take(line)
        reader.give_up(probes, done.stderr)
        return found


def _detached(own: Bootwright, image: str, init: str) -> Iterator[_Guest]:
    done = own("run", image, "--init", init, "--detach", "--name", f"broken-{init}")
    assert done.returncode == 0, done.stderr
    try:
        yield _Guest(own=own, name=f"broken-{init}", init=init)
    finally:
        assert own("rm", "--force", f"broken-{init}").returncode == 0
    assert own.processes() == []


@pytest.fixture(scope="module")
def tini(tmp_path_factory: pytest.TempPathFactory, bookworm: str) -> Iterator[_Guest]:
    yield from _detached(commands(tmp_path_factory.mktemp("tini")), bookworm, "tini")


@pytest.fixture(scope="module")
def systemd(tmp_path_factory: pytest.TempPathFactory, bookworm: str) -> Iterator[_Guest]:
    yield from _detached(commands(tmp_path_factory.mktemp("systemd")), bookworm, "systemd")


_SHELL = """
cat >/root/shell && chmod 755 /root/shell && sed -i '1s,[^:]*$,/root/shell,' /etc/passwd
"""
_OWN_SHELL = "sed -i '1s,[^:]*$,/bin/bash,' /etc/passwd"


def _shell(text: str) -> str:
    return f"printf %s '{text}' | ({_SHELL.strip()})"


# probe: what breaks it, what it says, what the fix says, what mends it
_BROKEN_LOG_INS = {
    "login-user": (
        "echo 'System is booting up. See pam_nologin(8)' >/run/nologin",
        "an ordinary user cannot log in (pam_nologin): System is booting up",
        "systemd-user-sessions.service",
        "rm /run/nologin",
    ),
    "pty": (
        "umount -l /dev/pts",
        "PTY allocation request failed: the guest has no usable /dev/pts or /dev/ptmx",
        "mount -t devpts -o gid=5,mode=0620,ptmxmode=0666 devpts /dev/pts",
        "mount -t devpts -o gid=5,mode=0620,ptmxmode=0666 devpts /dev/pts",
    ),
    "window-size": (
        "printf '#!/bin/sh\\necho 24 80\\n' >/root/stty && chmod 755 /root/stty"
        " && mount --bind /root/stty /usr/bin/stty",
        "a terminal of 33 rows and 101 columns has another size in the guest: 24 80",
        "",
        "umount /usr/bin/stty",
    ),
    "job-control": (
        _shell('#!/bin/sh\n[ "$1" != -c ] || exec sh "$@"\nexec setsid -w sh -i\n'),
        "Ctrl-Z does not stop a job; the terminal showed:",
        "",
        _OWN_SHELL,
    ),
    "interrupt": (
        _shell('#!/bin/sh\nstty -isig 2>/dev/null\nexec sh "$@"\n'),
        "Ctrl-C does not interrupt the running command; the terminal showed: is-ready ^Cslept-on",
        "",
        _OWN_SHELL,
    ),
    "scp": (
        "mount --bind /bin/false /usr/lib/openssh/sftp-server",
        "cannot copy a file into the guest: ",
        "",
        "true",
    ),
    "sftp": (
        "true",
        "sftp does not work: ",
        "Subsystem sftp internal-sftp",
        "umount /usr/lib/openssh/sftp-server",
    ),
}


@pytest.mark.parametrize("name", _BROKEN_LOG_INS)
def test_probe_login_fails_for_the_right_reason(tini: _Guest, name: str) -> None:
    broken, said, fix, mended = _BROKEN_LOG_INS[name]
    tini.do(broken)
    try:
        outcome = tini.tried(name)
    finally:
        tini.do(mended)
    assert outcome.result == "fail", outcome
    assert said in outcome.text
    assert fix in outcome.fix


# The same for what a shell in the guest tries; all are broken at once, but for /proc.
_BROKEN_PARTS = {
    "sys": ("umount -l /sys", "/sys is not mounted", "mount -t sysfs sysfs /sys"),
    "dev": ("rm /dev/fd", "/dev/fd is missing", "ln -s /proc/self/fd /dev/fd"),
    "devpts": (
        "chmod 0 /dev/ptmx",
        "/dev/ptmx is not accessible to all users (ptmxmode=0666): c---------",
        "",
    ),
    "shm": (
        "umount -l /dev/shm",
        "/dev/shm is not a tmpfs",
        "mount -t tmpfs -o mode=1777 shm /dev/shm",
    ),
    "tmp": ("chmod 755 /tmp", "/tmp is not writable by all users: drwxr-xr-x", "chmod 1777 /tmp"),
    "run": (
        "mount --bind /run /run; mount -o remount,bind,ro /run",
        "cannot write to /run",
        "",
    ),
    "hostname": ("hostname other", "the host name is other, but /etc/hostname says broken", ""),
    "clock": ("date -s @978307200", "behind the host's", ""),
    "log": ("mount --bind /bin/false /usr/bin/dmesg", "dmesg fails", ""),
}
_BROKEN_PROC = {
    "processes": ("umount -l /proc", "ps aux fails: Error", "mount -t proc proc /proc"),
    "proc": ("true", "/proc is not mounted", "mount -t proc proc /proc"),
    "randomness": (
        "mv /dev/random /dev/kept; mkfifo /dev/random",
        "timed out after 3 s",
        "",
    ),
}
_BROKEN_NETWORK = {
    "loopback": ("ip link set lo down", "the loopback interface is down", "ip link set lo up"),
    "network": (
        "ip route del default",
        "eth0 is up, but there is no default route",
        "ip route add default",
    ),
}


@pytest.mark.parametrize("broken", [_BROKEN_NETWORK, _BROKEN_PARTS, _BROKEN_PROC])
def test_probe_of_broken_parts_fails_for_the_right_reason(
    broken: dict[str, tuple[str, str, str]], bootwright: Bootwright, bookworm: str
) -> None:
    for tini in _detached(bootwright, bookworm, "tini"):
        tini.do("; ".join(line for line, _, _ in broken.values()))
        outcomes = tini.tried_together(*broken)
    for outcome in outcomes:
        _, said, fix = broken[outcome.name]
        assert outcome.result == "fail", outcome
        assert said in outcome.text
        assert fix in outcome.fix


def test_probe_finds_names_that_are_not_resolved(tini: _Guest) -> None:
    tini.do(": >/etc/resolv.conf")
    outcome = tini.tried("resolver", resolves="example.com")
    assert outcome.result == "fail"
    assert outcome.text == ("cannot resolve example.com, but the host can; servers: none")
    assert "/etc/resolv.conf must name a server" in outcome.fix
    tini.do("echo 192.0.2.1 example.com >>/etc/hosts")
    outcome = tini.tried("resolver", resolves="example.com")
    assert (outcome.result, outcome.text.split()) == ("pass", ["192.0.2.1", "example.com"])


def test_probe_finds_orphans_that_nobody_reaps(tini: _Guest) -> None:
    # perl's system waits for its own child and for no other.
    first = "unshare --pid --fork --mount-proc perl -e 'system(qw(sh -s))'"
    outcome = tini.tried("orphans", shell=first)
    assert outcome.result == "fail"
    assert "PID 1 has not reaped 50 of 50 orphans: it is perl" in outcome.text


def test_probe_finds_failed_units(systemd: _Guest) -> None:
    systemd.do("systemd-run --quiet --unit=sick /bin/false; sleep 1")
    outcome = systemd.tried("units")
    systemd.do("systemctl reset-failed")
    assert outcome.result == "fail"
    assert "sick.service failed: " in outcome.text
    assert "systemctl is-system-running prints degraded" in outcome.text
    assert "sick.service" in outcome.fix


def test_probe_finds_services_that_do_not_run(systemd: _Guest) -> None:
    systemd.do(
        "mkdir -p /etc/systemd/system/service.d; "
        "printf '[Service]\\nExecStartPre=/bin/false\\n' >/etc/systemd/system/service.d/sick.conf"
    )
    outcome = systemd.tried("service")
    systemd.do("rm /etc/systemd/system/service.d/sick.conf; systemctl daemon-reload")
    assert outcome.result == "fail"
    assert "a new service does not run: Job for bootwright-probe" in (outcome.text)


def test_probe_finds_timers_that_do_not_fire(systemd: _Guest) -> None:
    systemd.do(
        "mkdir -p /etc/systemd/system/timer.d; "
        "printf '[Unit]\\nConditionPathExists=/no\\n' >/etc/systemd/system/timer.d/sick.conf"
    )
    outcome = systemd.tried("timer")
    systemd.do("rm /etc/systemd/system/timer.d/sick.conf; systemctl daemon-reload")
    assert outcome.result == "fail"
    assert "a timer of 1 s did not fire within 10 s" in outcome.text


def test_probe_finds_a_journal_that_is_not_kept(systemd: _Guest) -> None:
    systemd.do(
        "systemctl stop systemd-journald.socket systemd-journald-dev-log.socket "
        "systemd-journald-audit.socket systemd-journald 2>&1; "
        "rm -rf /run/log/journal /var/log/journal"
    )
    outcome = systemd.tried("log")
    assert outcome.result == "fail"
    assert "the journal is empty: " in outcome.text
    assert "systemd-journald.service must run" in outcome.fix


def test_probe_finds_a_refused_login(tini: _Guest) -> None:
    # The last with this guest: nobody gets in any more to mend it.
    tini.do("mv /run/bootwright/authorized_keys /run/bootwright/gone")
    outcome = tini.tried("login")
    assert outcome.result == "fail"
    assert "root cannot log in: " in outcome.text
    assert "Permission denied" in outcome.text
    # What needs a shell in the guest did not run, and says why.
    outcome = tini.tried("proc")
    assert outcome.result == "fail"
    assert "did not run: " in outcome.text
    assert "Permission denied" in outcome.text


def test_probe_finds_a_hanging_shutdown_and_a_disk_that_loses_writes(
    bootwright: Bootwright, bookworm: str, tmp_path: Path
) -> None:
    probes = tmp_path / "sick.toml"
    probes.write_text(
        "[stay]\ncommand = \"printf '#!/bin/sh\\\\n' >/run/bootwright/poweroff\"\n"
        '[forget]\ncommand = "mount -t tmpfs tmpfs /var/lib"\n'
    )
    only = [
        word for name in ("stay", "forget", "shutdown", "second-boot") for word in ("--only", name)
    ]
    done = bootwright(
        "probe", bookworm, "--init", "tini", "--probes", probes, *only, "--json", timeout_s=600
    )
    assert done.returncode == 1, done.stderr
    found = {probe["name"]: probe for probe in json.loads(done.stdout)["probes"]}
    assert found["stay"]["result"] == found["forget"]["result"] == "pass", found
    assert found["shutdown"]["result"] == "fail"
    assert found["shutdown"]["text"] == "it did not shut down within 30 s"
    assert found["second-boot"]["result"] == "fail"
    assert "the disk does not have what the first boot wrote" in found["second-boot"]["text"]


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("moment", ["first boot", "second boot"])
def test_probe_interrupted_leaves_nothing(
    bootwright: Bootwright, bookworm: str, blow: signal.Signals, moment: str
) -> None:
    only = {"first boot": "units", "second boot": "second-boot"}[moment]
    slow = ["--probe", "sleep 300", "--only", "sleep-300"] if moment == "first boot" else []
    process = bootwright.start(
        "probe", bookworm, "--init", "tini", *slow, *([] if slow else ["--only", only])
    )

    def reached() -> bool:
        folders = list(bootwright.machines.glob("[!.]*"))
        consoles = "console.log" if slow else "console.previous.log"
        return any((folder / consoles).exists() for folder in folders)

    until(reached, moment)
    time.sleep(3)  # somewhere in it
    os.kill(process.pid, blow)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == (130 if blow == signal.SIGINT else -blow), output
    # A monitor whose command was killed shuts its machine down before it goes.
    until(lambda: bootwright.json("ps") == [] and bootwright.processes() == [], "the end", 90)


def test_probe_runs_inside_a_guest_on_the_virtual_clock(
    bootwright: Bootwright, bookworm: str
) -> None:
    results = _results(bootwright, bookworm, "--init", "tini", "--clock", "virtual")
    closed = {"network", "clock", "second-boot"}
    assert _not_applying(results) == _NEEDS_UNITS | _NEEDS_NESTED | closed
