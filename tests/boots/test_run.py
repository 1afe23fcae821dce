"""`run`: from nothing to a command in a real Debian, and what it says of the time."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
import tomllib
from pathlib import Path

import pytest
import tomli_w

from bootwright.history.history import History
from tests.boots.harness import Bootwright, home_of

pytestmark = pytest.mark.boot

_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
"""The kernel tells when a process was started to a tick."""

PHASES = [
    ("host preparation", "command.entered", "vmm.exec"),
    ("VMM start", "vmm.exec", "vmm.running"),
    ("firmware and kernel", "vmm.running", "initramfs.start"),
    ("initramfs", "initramfs.start", "initramfs.done"),
    ("PID 1 to sshd", "initramfs.done", "sshd.listening"),
    ("SSH log-in", "sshd.listening", "ssh.login"),
    ("command", "ssh.login", "command.end"),
    ("clean-up", "command.end", "machine.gone"),
]


def test_run_boots_debian_12_and_measures_every_phase(
    bootwright: Bootwright, bookworm: str
) -> None:
    before_ns = time.monotonic_ns()
    done = bootwright(
        *("run", bookworm, "--json", "--name", "first", "--"),
        "cat /proc/1/comm /etc/hostname /etc/debian_version; systemctl is-system-running --wait; "
        "cat /etc/machine-id; echo to-stderr >&2; exit 7",
    )
    stopwatch_ns = time.monotonic_ns() - before_ns
    assert done.returncode == 7
    result = json.loads(done.stdout)
    assert result["exit_status"] == 7
    assert result["error_output"] == "to-stderr\n"
    init, hostname, version, state, machine_id = result["output"].splitlines()
    assert (init, hostname, state) == ("systemd", "first", "running")
    assert version.startswith("12.")
    assert len(machine_id) == 32
    assert result["accelerator"] in ("kvm", "tcg")
    assert result["accelerator_reason"]

    marks = [(p["name"], p["start_mark"], p["end_mark"]) for p in result["phases"]]
    assert marks == PHASES
    end_ns = 0
    for phase in result["phases"]:
        assert phase["start_ns"] == end_ns
        assert phase["duration_ns"] > 0
        end_ns += phase["duration_ns"]
    assert result["total_ns"] == end_ns
    assert result["start_up_ns"] == sum(p["duration_ns"] for p in result["phases"][:6])
    # The stopwatch also holds the start of a process here and its end.
    assert result["total_ns"] < stopwatch_ns + _TICK_NS


def test_run_boots_debian_13_and_prints_the_phase_table(
    bootwright: Bootwright, trixie: str
) -> None:
    done = bootwright("run", trixie, input=b"cat /etc/debian_version; exit 3\n")
    assert done.returncode == 3
    assert done.stdout.splitlines()[-1].startswith("13.")
    for name, start, end in PHASES[:6]:
        assert any(
            line.startswith(name) and f"{start} → {end}" in line
            for line in done.stderr.splitlines()
        ), done.stderr
    assert "start-up" in done.stderr
    assert "whole " in done.stderr


def test_run_total_spans_the_whole_command_and_is_in_the_history(
    bootwright: Bootwright, kernel: str
) -> None:
    totals: list[int] = []
    for boot_id in (1, 2):
        before_ns = time.monotonic_ns()
        process = bootwright.start("run", "--tiny", "--kernel", kernel, "--json", "--", "true")
        executed_ns = time.monotonic_ns()  # the program is executed once Popen returns
        output, _ = process.communicate()
        after_ns = time.monotonic_ns()
        totals.append(json.loads(output)["total_ns"])
        stored = History(home_of(bootwright).history).load(boot_id)
        marks = {mark.name: mark.time_ns for mark in stored.evidence.clean.marks}
        assert before_ns - _TICK_NS <= marks["command.entered"] <= executed_ns + _TICK_NS
        assert marks["machine.gone"] <= after_ns
        assert totals[-1] == marks["machine.gone"] - marks["command.entered"]
    boots = bootwright.json("history")["boots"]
    assert [(boot["id"], boot["total_ns"]) for boot in boots] == list(enumerate(totals, start=1))
    assert {(boot["image"], boot["kernel"], boot["init"]) for boot in boots} == {
        ("", kernel, "none")
    }


def test_run_machines_share_an_image_and_nothing_else(
    bootwright: Bootwright, bookworm: str
) -> None:
    digest = bootwright.json("image", "show", bookworm)["digest"]
    command = (
        "cat /etc/machine-id /sys/class/net/eth0/address; ls /root /root/.ssh 2>&1; "
        "ssh-keygen -lf /run/bootwright/ssh_host_ed25519_key.pub; echo mine >/root/mine; "
        "sshd -T -f /run/bootwright/sshd_config | grep -i '^passwordauthentication'"
    )
    outputs = []
    for _ in range(2):
        result = bootwright.json("run", bookworm, "--", command)
        lines = result["output"].splitlines()
        assert lines[-1] == "passwordauthentication no"
        assert "mine" not in lines
        outputs.append((lines[0], lines[1], lines[-2]))
    for first, second in zip(*outputs, strict=True):
        assert first != second
    # Imported again, the disk must still have the content that its name was made from.
    path = bootwright.json("image", "show", bookworm)["path"]
    try:
        assert bootwright("image", "import", "copy", path).returncode == 0
        assert bootwright.json("image", "show", "copy")["digest"] == digest
    finally:
        bootwright("image", "rm", "copy")


def test_run_recipe_reads_recipe_show_and_dry_run_starts_nothing(
    bootwright: Bootwright, bookworm: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("recipe") / "web.toml"
    shown = bootwright("recipe", "show", bookworm, "--memory", "384M", "--append", "bw.test=1")
    assert shown.returncode == 0, shown.stderr
    file.write_text(shown.stdout)
    assert bootwright("recipe", "show", "--recipe", file).stdout == shown.stdout
    planned = bootwright("run", "--recipe", file, "--dry-run", "--", "true")
    assert "qemu-system-x86_64" in planned.stdout
    assert "-m 384" in planned.stdout
    assert not bootwright.machines.exists()
    done = bootwright("run", "--recipe", file, "--", "cat /proc/cmdline; free -m")
    assert done.returncode == 0, done.stderr
    assert "bw.test=1" in done.stdout


def test_run_finds_an_ssh_server_that_writes_no_mark(
    bootwright: Bootwright, bookworm: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # The recipe as it is, but for the line by which sshd's unit tells that it listens.
    recipe = tomllib.loads(bootwright("recipe", "show", bookworm).stdout)
    files = Path(bootwright.environment["XDG_DATA_HOME"]) / "bootwright" / "files"
    for guest_file in recipe["guest_files"]:
        if guest_file["path"].endswith("ssh.service.d/50-bootwright.conf"):
            lines = (files / guest_file["digest"]).read_text().splitlines(keepends=True)
            silent = "".join(line for line in lines if "ExecStartPost" not in line)
            guest_file["digest"] = "sha256-" + hashlib.sha256(silent.encode()).hexdigest()
            (files / guest_file["digest"]).write_text(silent)
            break
    else:
        pytest.fail("no drop-in for ssh.service in the recipe")
    file = tmp_path_factory.mktemp("silent") / "silent.toml"
    file.write_text(tomli_w.dumps(recipe))
    result = bootwright.json("run", "--recipe", file, "--", "true")
    ends = {phase["name"]: phase["end_mark"] for phase in result["phases"]}
    assert ends["PID 1 to sshd"] == "sshd.banner"
    assert result["exit_status"] == 0


def test_run_in_a_terminal_gives_a_prompt(bootwright: Bootwright, bookworm: str) -> None:
    import os
    import pty
    import select

    child, terminal = pty.fork()
    if child == 0:
        from tests.boots.harness import PROGRAM

        os.execve(PROGRAM, [str(PROGRAM), "run", bookworm], bootwright.environment)
    screen = b""
    answers = [(b":~# ", b"tty; echo status=$?\r"), (b"status=0", b"exit 5\r")]
    while True:
        ready, _, _ = select.select([terminal], [], [], 120)
        assert ready, screen
        try:
            data = os.read(terminal, 65536)
        except OSError:  # EIO: the child has closed its side
            break
        screen += data
        if answers and answers[0][0] in screen:
            screen = b""
            os.write(terminal, answers.pop(0)[1])
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
    assert answers == []


def test_run_tiny_boots_the_debian_13_kernel(bootwright: Bootwright, debian_13_kernel: str) -> None:
    done = bootwright("run", "--tiny", "--kernel", debian_13_kernel, "--", "uname", "-r")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("6.12.")


@pytest.mark.parametrize("name", ["debian", "debian-trixie"])
def test_kallsyms_symbols_agree_with_proc_kallsyms(
    bootwright: Bootwright, kernel: str, debian_13_kernel: str, name: str
) -> None:
    shown = bootwright.json("kernel", "show", name)
    assert "System.map" in shown["parts"]
    stored = (Path(shown["path"]) / "System.map").read_bytes().splitlines(keepends=True)
    assert len(stored) > 50_000
    digest = hashlib.md5(b"".join(sorted(stored))).hexdigest()
    # vmlinux is started without the boot code that would move the kernel (KASLR).
    line = "grep -v '\\[' /proc/kallsyms | sort | md5sum"
    done = bootwright("run", "--tiny", "--kernel", name, "--", line)
    assert done.stdout.split() == [digest, "-"]


@pytest.mark.parametrize("json_", [(), ("--json",)])
def test_run_tiny_passes_standard_input_byte_for_byte(
    json_: tuple[str, ...], bootwright: Bootwright, kernel: str
) -> None:
    from tests.boots.harness import PROGRAM

    given = os.urandom(3_000_000)
    done = subprocess.run(
        [PROGRAM, "run", "--tiny", "--kernel", kernel, *json_, "--", "md5sum"],
        env=bootwright.environment,
        input=given,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert hashlib.md5(given).hexdigest() in done.stdout.decode()


@pytest.mark.parametrize("options", [(), ("--json",), ("--init", "bare")])
def test_run_of_an_image_passes_standard_input_byte_for_byte(
    options: tuple[str, ...], bootwright: Bootwright, bookworm: str
) -> None:
    from tests.boots.harness import PROGRAM

    given = os.urandom(3_000_000)
    done = subprocess.run(
        [PROGRAM, "run", bookworm, *options, "--", "md5sum"],
        env=bootwright.environment,
        input=given,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert hashlib.md5(given).hexdigest() in done.stdout.decode()


def test_run_passes_output_through_byte_for_byte(bootwright: Bootwright, kernel: str) -> None:
    from tests.boots.harness import PROGRAM

    line = "head -c 300000 /dev/urandom >/tmp/f; md5sum </tmp/f | cut -c1-32; cat /tmp/f; exit 9"
    done = subprocess.run(
        [PROGRAM, "run", "--tiny", "--kernel", kernel, "--", line],
        env=bootwright.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    digest, _, content = done.stdout.partition(b"\n")
    assert done.returncode == 9
    assert len(content) == 300000
    assert hashlib.md5(content).hexdigest().encode() == digest
