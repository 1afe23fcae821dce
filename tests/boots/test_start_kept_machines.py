"""A kept machine is never lost: not by kills while it starts, runs or stops, nor by rubbish."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.boots.harness import Bootwright
from tests.boots.kills import (
    COMMAND,
    MONITOR,
    Left,
    armed,
    differences,
    in_parallel,
    kill_at,
    left,
    pids,
    place,
    settle,
    steps,
)

pytestmark = pytest.mark.boot


@pytest.fixture(scope="session")
def template(bookworm: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a machine called db, which has run once and was shut down."""
    own = place(tmp_path_factory.mktemp("template"))
    done = own("run", bookworm, "--keep", "--name", "db", "--", "echo kept >/root/x")
    assert done.returncode == 0, done.stderr
    [row] = own.json("ps")
    assert (row["state"], row["detail"]) == ("stopped", "")
    return own.machines / "db"


def _with_db(folder: Path, template: Path) -> Bootwright:
    """Return bootwright with a machine of its own like the template."""
    own = place(folder)
    shutil.copytree(template, own.machines / "db")
    return own


def _state(own: Bootwright) -> str:
    [row] = own.json("ps")
    assert row["name"] == "db"
    return str(row["state"])


def _wrong(own: Bootwright, before: Left, done: subprocess.CompletedProcess[str]) -> str:
    """Say what is left that was not there before, of a machine that must still be there."""
    settle(own)
    wrong = differences(before, left(own)).split("; ")
    # The logs of the run before are set aside at a start; that much may have happened.
    wrong = [text for text in wrong if text and not text.endswith(".log")]
    if "Traceback" in done.stderr:
        wrong.append(done.stderr)
    if (state := _state(own)) not in ("stopped", "crashed"):
        wrong.append(f"it is {state}")
    return "; ".join(wrong)


def test_start_leaves_nothing_when_its_monitor_is_killed_at_any_step(
    template: Path, tmp_path: Path
) -> None:
    """Up to the first instruction of the guest, after which its disk changes."""
    whole = _with_db(tmp_path / "whole", template)
    every = steps(whole, MONITOR, ("start", "db"), tmp_path / "whole.log")
    assert whole("rm", "-f", "db").returncode == 0
    last = _vmm_start(every)
    disk = (template / "disk.qcow2").read_bytes()

    def at(step: int) -> str:
        own = _with_db(tmp_path / str(step), template)
        before = left(own)
        done = kill_at(own, MONITOR, step, ("start", "db"), tmp_path / f"{step}.log")
        wrong = _wrong(own, before, done)
        if (own.machines / "db/disk.qcow2").read_bytes() != disk:
            wrong += "; its disk has changed"
        return f"killed before step {every[step - 1]}: {wrong}" if wrong else ""

    assert in_parallel(range(1, last + 1), at) == []


def _vmm_start(every: list[str]) -> int:
    """Return the step in which a monitor starts the VMM."""
    return next(n for n, step in enumerate(every, 1) if " subprocess.Popen setpriv" in step)


@pytest.mark.acceptance
def test_stop_leaves_nothing_when_the_monitor_is_killed_at_any_step(
    template: Path, tmp_path: Path
) -> None:
    """From the VMM's start to the end of a clean shutdown; boots Debian for each step."""
    start = ("start", "db")
    whole = _with_db(tmp_path / "whole", template)
    log = tmp_path / "whole.log"
    steps(whole, MONITOR, start, log)
    assert whole("stop", "db").returncode == 0
    every = log.read_text().splitlines()

    def at(step: int) -> str:
        own = _with_db(tmp_path / str(step), template)
        before = left(own)
        log = tmp_path / f"{step}.log"
        done = armed(own, MONITOR, step, log)(*start)
        stopped = own("stop", "db")
        assert len(log.read_text().splitlines()) == step, (done.stderr, stopped.stderr)
        wrong = _wrong(own, before, stopped)
        return f"killed before step {every[step - 1]}: {wrong}" if wrong else ""

    cases = range(_vmm_start(every) + 1, len(every) + 1)
    assert len(cases) > 5, every
    assert in_parallel(cases, at) == []


@pytest.mark.acceptance
@pytest.mark.parametrize("verb", ["start", "stop"])
def test_start_leaves_nothing_when_the_command_is_killed_at_any_step(
    verb: str, template: Path, tmp_path: Path
) -> None:
    """Boots Debian for each step."""

    def begun(folder: Path) -> tuple[Bootwright, Left]:
        own = _with_db(folder, template)
        before = left(own)
        if verb == "stop":
            assert own("start", "db").returncode == 0
        return own, before

    whole, _ = begun(tmp_path / "whole")
    every = steps(whole, COMMAND, (verb, "db"), tmp_path / "whole.log")
    whole("rm", "--force", "db")
    # A start has let its machine go on alone before it makes the history's folder.
    history = f"os.mkdir {tmp_path / 'whole/state/bootwright'}"
    free = next((n for n, step in enumerate(every, 1) if step.endswith(history)), len(every) + 1)

    def at(step: int) -> str:
        own, before = begun(tmp_path / str(step))
        done = kill_at(own, COMMAND, step, (verb, "db"), tmp_path / f"{step}.log")
        if (verb == "stop" or step >= free) and _state(own) == "running":
            own("stop", "db")  # it had not been asked yet, or goes on as it should
        wrong = _wrong(own, before, done)
        return f"killed before step {every[step - 1]}: {wrong}" if wrong else ""

    assert in_parallel(range(1, len(every) + 1), at) == []


def test_start_boots_a_crashed_machine_again(template: Path, tmp_path: Path) -> None:
    own = _with_db(tmp_path, template)
    assert own("start", "db").returncode == 0
    assert own("ssh", "db", "--", "cat /root/x; echo more >/root/y; sync").stdout == "kept\n"
    [row] = own.json("ps")
    assert row["state"] == "running"
    os.kill(row["monitor_pid"], signal.SIGKILL)
    settle(own)
    [row] = own.json("ps")
    assert (row["state"], row["ports"]) == ("crashed", {})
    assert row["detail"] == "its monitor was killed, or the host went down, while it ran"
    assert "machine 'db' is not running" in own("stop", "db").stderr
    report = own.json("doctor")
    [check] = [check for check in report["checks"] if check["name"] == "machine db"]
    assert check["state"] == "note"
    assert "bootwright start db" in check["hint"]
    assert own("doctor", "--fix").stdout.endswith("nothing to fix\n")

    assert own("start", "db").returncode == 0
    assert own("ssh", "db", "--", "cat /root/x /root/y").stdout == "kept\nmore\n"
    # A guest that panics after it was let in: found, and told until it starts again.
    own("ssh", "db", "--", "echo c >/proc/sysrq-trigger")
    end = time.monotonic() + 60
    while _state(own) == "running":
        assert time.monotonic() < end
        time.sleep(0.1)
    [row] = own.json("ps")
    assert (row["state"], row["vmm_pid"]) == ("crashed", None)
    assert row["detail"] == "the guest's kernel panicked: sysrq triggered crash"
    assert "sysrq triggered crash" in own("logs", "db").stdout
    assert own("rm", "db").returncode == 0
    assert own.json("ps") == []


def test_doctor_fix_reclaims_what_a_dead_monitor_left(template: Path, tmp_path: Path) -> None:
    own = _with_db(tmp_path, template)
    folder = own.machines / "db"
    # As after a reboot of the host: rows of another time, and pids that belong to others now.
    rows = [
        {"event": "take", "kind": "process", "name": "monitor", "token": "0" * 32},
        {"event": "take", "kind": "file", "name": "control", "token": ""},
        {"event": "take", "kind": "process", "name": "vmm", "token": "1" * 32},
        {"event": "take", "kind": "file", "name": "initrd", "token": ""},
    ]
    (folder / "journal").write_text("".join(f"\n{json.dumps(row)}\n" for row in rows))
    (folder / "control").touch()
    (folder / "initrd").touch()
    (own.machines / ".new-12345678").mkdir()
    (own.machines / ".gone-12345678/half").mkdir(parents=True)
    (own.machines / "mine").mkdir()
    (own.machines / "mine/file").write_text("not bootwright's")
    report = own.json("doctor")
    fixable = [check["text"] for check in report["checks"] if check["fixable"]]
    assert any("is dead; left behind: file control, file initrd" in text for text in fixable)
    assert sum("incomplete, left behind by a crash" in text for text in fixable) == 2
    assert any("is not a machine: left alone" in c["text"] for c in report["checks"])
    assert (folder / "initrd").exists(), "only --fix changes anything"

    done = own("doctor", "--fix")
    assert "fixed: db: its monitor was dead; its resources were released" in done.stdout
    assert done.stdout.count("half made or half removed") == 2
    assert sorted(path.name for path in own.machines.iterdir()) == ["db", "mine"]
    assert (own.machines / "mine/file").read_text() == "not bootwright's"
    assert not (folder / "initrd").exists()
    assert _state(own) == "stopped"
    assert not any(check["fixable"] for check in own.json("doctor")["checks"])


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("machine.json", "cannot read"),
        ("identity.json", "cannot read"),
        ("disk.qcow2", "QEMU"),
    ],
)
@pytest.mark.parametrize("damage", ["cut short", "rubbish"])
def test_start_reports_damaged_state_with_a_hint(
    name: str, problem: str, damage: str, template: Path, tmp_path: Path
) -> None:
    own = _with_db(tmp_path, template)
    path = own.machines / "db" / name
    whole = path.read_bytes()
    path.write_bytes(whole[: min(len(whole) // 2, 40)] if damage == "cut short" else b"\xff}{ \x01")
    for command in (("ps",), ("doctor",), ("logs", "db"), ("stop", "db"), ("ps", "--json")):
        assert "Traceback" not in own(*command).stderr
    done = own("start", "db")
    assert done.returncode in (1, 2), done.stderr
    assert problem in done.stderr
    assert "Traceback" not in done.stderr
    assert "hint: " in done.stderr
    assert own("rm", "--force", "db").returncode == 0
    assert own.json("ps") == []


def test_start_and_rm_of_ten_machines_at_once(kernel: str, tmp_path: Path) -> None:
    own = place(tmp_path)
    before = left(own)
    started = [
        own.start(
            *("run", "--tiny", "--kernel", kernel, "--memory", "128M", "--name", f"t{number}"),
            *("--", "hostname; sleep 600"),
        )
        for number in range(10)
    ]
    end = time.monotonic() + 240
    while True:
        rows = own.json("ps")
        if len(rows) == 10 and {row["state"] for row in rows} == {"running"}:
            break
        assert time.monotonic() < end, rows
        time.sleep(0.2)
    assert len({row["vmm_pid"] for row in rows}) == 10
    macs = {
        json.loads((own.machines / row["name"] / "identity.json").read_bytes())["mac"]
        for row in rows
    }
    assert len(macs) == 10
    done = own("rm", "--force", *(row["name"] for row in rows))
    assert done.returncode == 0, done.stderr
    for number, process in enumerate(started):
        output, _ = process.communicate(timeout=60)
        assert f"\nt{number}\n".encode() in output
        assert b"Traceback" not in output
    settle(own)
    assert differences(before, left(own)) == ""
    assert pids(own, "qemu-system") == []
