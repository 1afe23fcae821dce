"""bootwright as a library, in a process of its own, as its users have it; real guests."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.boots.harness import BOOT_S, Bootwright, until
from tests.boots.kills import pids

pytestmark = pytest.mark.boot
EXAMPLES = Path(__file__).parents[2] / "examples"


def carried_out(bootwright: Bootwright, program: str, *, status: int = 0) -> Any:
    """Run a user's program, and return what it printed last, as JSON."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        env=bootwright.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * BOOT_S,
    )
    assert done.returncode == status, done.stderr
    if status == 0:
        assert done.stderr == ""
    return json.loads(done.stdout.splitlines()[-1])


def test_a_block_with_a_real_debian(bootwright: Bootwright, bookworm: str, tmp_path: Path) -> None:
    (tmp_path / "sent").write_text("from the host")
    told = carried_out(
        bootwright,
        f"""
        import asyncio, json, os, signal, bootwright
        os.chdir({str(tmp_path)!r})
        before = os.getcwd(), dict(os.environ), signal.getsignal(signal.SIGTERM)

        async def main():
            async with bootwright.boot({bookworm!r}, memory="512M", name="first") as vm:
                done = await vm.run("systemctl is-system-running --wait; echo bad >&2; exit 7")
                await vm.copy_in("sent", "/root/")
                sent = await vm.run("cat", "/root/sent")
                await vm.copy_out("/etc/os-release", ".", follow=True)
                ssh = vm.endpoint.ssh(["hostname"])
                process = await asyncio.create_subprocess_exec(*ssh, stdout=-1)
                host_name, _ = await process.communicate()
            assert before == (os.getcwd(), dict(os.environ), signal.getsignal(signal.SIGTERM))
            print(json.dumps(dict(
                status=done.exit_status, out=done.stdout, err=done.stderr, sent=sent.stdout,
                host_name=host_name.decode(), phases=[phase.name for phase in vm.phases])))

        asyncio.run(main())
        """,
    )
    assert told == {
        "status": 7,
        "out": "running\n",
        "err": "bad\n",
        "sent": "from the host",
        "host_name": "first\n",
        "phases": [
            *("host preparation", "VMM start", "firmware and kernel", "initramfs", "PID 1 to sshd"),
            *("SSH log-in", "command", "clean-up"),
        ],
    }
    assert "Debian" in (tmp_path / "os-release").read_text()
    [boot] = bootwright.json("history")["boots"]
    assert (boot["image"], boot["command"]) == (bookworm, "run")


def test_a_guest_that_goes_away_cancels_the_block(bootwright: Bootwright, bookworm: str) -> None:
    told = carried_out(
        bootwright,
        f"""
        import asyncio, json, bootwright

        async def main():
            try:
                async with bootwright.boot({bookworm!r}, name="gone") as vm:
                    await vm.run("nohup sh -c 'sleep 2; poweroff -f' >/dev/null 2>&1 &")
                    await asyncio.sleep(600)
            except bootwright.errors.GuestError as error:
                print(json.dumps([type(error).__name__, str(error), error.evidence]))

        asyncio.run(main())
        """,
    )
    assert told[:2] == ["GuestError", "machine 'gone' has ended: the guest powered itself off"]
    assert told[2] != ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("style", ["async", "sync"])
def test_a_program_that_is_ended_takes_its_machine_along(
    bootwright: Bootwright, kernel: str, number: signal.Signals, style: str
) -> None:
    boot = f'boot(tiny=True, kernel={kernel!r}, command="sleep 600")'
    programs = {
        "sync": f"""
            import bootwright
            with bootwright.sync.{boot} as vm:
                print("runs", flush=True)
                vm.finished()
            """,
        "async": f"""
            import asyncio, bootwright
            async def main():
                async with bootwright.{boot} as vm:
                    print("runs", flush=True)
                    await vm.finished()
            asyncio.run(main())
            """,
    }
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(programs[style])],
        env=bootwright.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "runs\n"
        process.send_signal(number)
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == -number
    if number == signal.SIGINT:
        assert complaint.splitlines()[-1] == "KeyboardInterrupt"
        assert pids(bootwright, "qemu-system") == []
    else:
        until(lambda: not bootwright.processes(), "the monitor to give everything back")


def test_the_examples_pass(bootwright: Bootwright, kernel: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", EXAMPLES],
        env=bootwright.environment,
        capture_output=True,
        text=True,
        timeout=BOOT_S,
    )
    assert done.returncode == 0, done.stdout
