"""bootwright ps: a machine in each of its states, as a table and as JSON."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from bootwright.home import Home
from bootwright.machines import control
from bootwright.machines.folder import claimed_folder
from bootwright.machines.messages import AskStatus, Status
from bootwright.machines.spec import EndReason, LastEnd
from tests.machines.fakes import FakeMonitor, held_elsewhere
from tests.machines.samples import SPEC, STATUS, at_rest, made

Cli = Callable[..., Any]

AT_REST: dict[str, Any] = {
    "name": "web",
    "state": "stopped",
    "detail": "",
    "image": "2" * 12,
    "kernel": "1" * 12,
    "accelerator": "tcg",
    "ports": {},
    "started_s": None,
    "ended_s": None,
    "monitor_pid": None,
    "vmm_pid": None,
}


def listed(bootwright: Cli, home: Home) -> dict[str, Any]:
    """Return the one machine that there is, less where it lies."""
    done = bootwright("ps", "--json")
    assert (done.status, done.err) == (0, "")
    [row] = json.loads(done.out)
    assert row.pop("folder") == str(home.machines / row["name"])
    return dict(row)


def test_ps_without_machines_says_how_to_make_one(bootwright: Cli, home: Home) -> None:
    done = bootwright("ps")
    assert (done.status, done.out) == (0, "")
    assert done.err == "no machines; start one: bootwright run IMAGE\n"
    done = bootwright("ps", "--json")
    assert (done.status, done.out, done.err) == (0, "[]\n", "")
    made(home)  # its monitor is dead, and it was not to be kept
    assert bootwright("ps", "--json").out == "[]\n"


@pytest.mark.parametrize(
    ("reason", "state", "detail", "time"),
    [
        ("stopped", "stopped", "", "ended_s"),
        ("powered-off", "stopped", "", "ended_s"),
        ("ended", "stopped", "why it ended", "ended_s"),
        ("panicked", "crashed", "why it ended", "ended_s"),
        ("vmm-died", "crashed", "why it ended", "ended_s"),
        ("lost", "crashed", "why it ended", "started_s"),
    ],
)
def test_ps_shows_how_a_machine_ended(
    reason: EndReason, state: str, detail: str, time: str, bootwright: Cli, home: Home
) -> None:
    at_rest(home, end=LastEnd(reason=reason, text="why it ended", ended_s=1_700_000_000))
    assert listed(bootwright, home) == {
        **AT_REST,
        "state": state,
        "detail": detail,
        time: 1_700_000_000,
    }


def test_ps_shows_a_machine_that_has_never_run(bootwright: Cli, home: Home) -> None:
    at_rest(home)
    assert listed(bootwright, home) == AT_REST


@pytest.mark.parametrize(
    "status",
    [
        STATUS,
        structs.replace(STATUS, state="paused", detail="the disk of /m is full"),
        structs.replace(STATUS, state="stopping"),
    ],
    ids=lambda status: str(status.state),
)
def test_ps_asks_the_monitor_of_a_running_machine(
    status: Status, bootwright: Cli, home: Home
) -> None:
    with FakeMonitor(at_rest(home), status=status).running() as monitor:
        assert listed(bootwright, home) == {
            **AT_REST,
            "state": status.state,
            "detail": status.detail,
            "ports": {"22": 40001, "80": 8080},
            "started_s": 1_700_000_000,
            "monitor_pid": 4711,
            "vmm_pid": 4712,
        }
    assert monitor.heard == [AskStatus()]


def test_ps_shows_a_starting_machine_without_a_vmm(bootwright: Cli, home: Home) -> None:
    status = structs.replace(STATUS, state="starting", detail="vmm.exec", vmm_pid=0, ports={})
    with FakeMonitor(made(home), status=status).running():
        row = listed(bootwright, home)
    assert (row["state"], row["detail"], row["vmm_pid"]) == ("starting", "vmm.exec", None)


def test_ps_shows_a_monitor_that_does_not_listen_yet_as_starting(
    bootwright: Cli, home: Home
) -> None:
    with held_elsewhere(made(home).lock):
        assert listed(bootwright, home) == {**AT_REST, "state": "starting"}


def test_ps_shows_a_monitor_that_does_not_answer(
    bootwright: Cli, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_ANSWER_S", 0.05)
    with FakeMonitor(at_rest(home), status=None).running():
        assert listed(bootwright, home) == {
            **AT_REST,
            "state": "unresponsive",
            "detail": "its monitor does not answer",
        }


def test_ps_lists_a_damaged_machine(bootwright: Cli, home: Home) -> None:
    folder = at_rest(home)
    (folder.path / "machine.json").write_text("{")
    row = listed(bootwright, home)
    assert (row["state"], row["image"], row["kernel"]) == ("damaged", "", "")
    assert row["detail"].startswith(f"cannot read {folder.path / 'machine.json'}: ")


def test_ps_shows_a_machine_without_an_end_as_crashed(bootwright: Cli, home: Home) -> None:
    end = at_rest(home).path / "end.json"
    end.write_text("")
    assert listed(bootwright, home) == {
        **AT_REST,
        "state": "crashed",
        "detail": "how it ended is unknown",
        "started_s": int(end.stat().st_mtime),
    }


def test_ps_shows_names_of_images_and_kernels(bootwright: Cli, home: Home) -> None:
    at_rest(home)
    for shelf, name, digit in ((home.images, "bookworm", "2"), (home.kernels, "debian", "1")):
        (shelf / "names").mkdir(parents=True)
        (shelf / "names" / name).symlink_to(f"../sha256-{digit * 64}")
    row = listed(bootwright, home)
    assert (row["image"], row["kernel"]) == ("bookworm", "debian")


def test_ps_shows_no_image_for_a_tiny_guest(bootwright: Cli, home: Home) -> None:
    recipe = SPEC.recipe
    tiny = replace(recipe, image=None, init="none", disk="none", disk_bytes=0, network="none")
    with claimed_folder(home, replace(SPEC, recipe=tiny)):
        assert listed(bootwright, home)["image"] == "(tiny)"


def test_ps_table_has_only_the_columns_it_needs(bootwright: Cli, home: Home) -> None:
    now = int(time.time())
    at_rest(home, "db", end=LastEnd(reason="stopped", text="", ended_s=now - 7300))
    status = structs.replace(STATUS, started_s=now - 200)
    with FakeMonitor(at_rest(home), status=status).running():
        done = bootwright("ps")
        at_rest(home, "x", end=LastEnd(reason="panicked", text="it panicked", ended_s=now))
        with_detail = bootwright("ps").out.splitlines()
    assert (done.status, done.err) == (0, "")
    assert [line.split() for line in done.out.splitlines()] == [
        ["NAME", "STATE", "IMAGE", "KERNEL", "ACCEL", "PORTS", "SINCE"],
        ["db", "stopped", "2" * 12, "1" * 12, "tcg", "ended", "2", "hours", "ago"],
        [
            *("web", "running", "2" * 12, "1" * 12, "tcg", "40001→22", "8080→80"),
            *("started", "3", "minutes", "ago"),
        ],
    ]
    assert with_detail[0].endswith("  DETAIL")
    assert with_detail[3].startswith("x ")
    assert with_detail[3].endswith("  it panicked")


def test_ps_watch_prints_each_change(home: Home) -> None:
    argv = [sys.executable, "-m", "bootwright", "ps", "--watch", "--json"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watching:
        assert watching.stdout is not None
        assert json.loads(watching.stdout.readline()) == []
        folder = at_rest(home)
        [row] = json.loads(watching.stdout.readline())
        assert (row["name"], row["state"]) == ("web", "stopped")
        with FakeMonitor(folder).running():
            [row] = json.loads(watching.stdout.readline())
            assert (row["state"], row["monitor_pid"]) == ("running", 4711)
        [row] = json.loads(watching.stdout.readline())
        assert row["state"] == "stopped"
        watching.send_signal(signal.SIGINT)
        assert watching.communicate(timeout=60) == (b"", b"")
    assert watching.returncode == 0
