"""The scripts that inits carry: their syntax, and what they do as far as no guest is needed."""

from __future__ import annotations

import os
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from bootwright.errors import HostError
from bootwright.guest.initramfs import GUEST_RUN, MARK_PORT
from bootwright.host import tools
from bootwright.inits import bare, sshd, tini
from bootwright.inits.init import Init
from bootwright.inits.table import INITS

SCRIPTS = ("computer.sh", "start.sh", "bare.sh")


@pytest.mark.parametrize("name", SCRIPTS)
def test_init_scripts_parse_in_busybox_sh(name: str) -> None:
    [busybox] = tools.require("busybox")
    script = files("bootwright.inits").joinpath(name).read_bytes()
    done = subprocess.run([busybox, "sh", "-n"], input=script, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("name", SCRIPTS)
def test_init_scripts_use_only_busybox_tools(name: str) -> None:
    [busybox] = tools.require("busybox")
    listed = subprocess.run([busybox, "--list"], capture_output=True, text=True).stdout.split()
    text = files("bootwright.inits").joinpath(name).read_text()
    used = {
        words[position + 1].strip('"')
        for line in text.splitlines()
        if not line.lstrip().startswith("#")
        for words in [line.replace("$(", " ").replace(")", " ").split()]
        for position, word in enumerate(words[:-1])
        if word == "bb"
    }
    assert used <= set(listed)


@pytest.mark.parametrize("shell", [["sh"], ["busybox", "sh"]])
def test_sshd_mark_is_logged_before_it_is_sent(shell: list[str], tmp_path: Path) -> None:
    """Clocks are aligned by that: what was stamped first was earlier."""
    (tmp_path / "token").write_text("feed\n")
    program = sshd.contents()["bootwright/mark"]
    seed = files("bootwright.guest").joinpath("init.sh").read_text()
    start = seed.index("mark() {")
    function = seed[start : seed.index("2>/dev/null\n", start)]
    for script in (program, f"token=feed\nexec 3>&1\n{function}\nmark $*"):
        script = script.replace("/run/bootwright", str(tmp_path))
        script = script.replace("/dev/kmsg", "/dev/stdout").replace(MARK_PORT, "/dev/stdout")
        done = subprocess.run(
            [*shell, "-c", script, "mark", "sshd.log", "a b"], capture_output=True, text=True
        )
        assert (done.stdout, done.stderr) == (
            "<6>bootwright: sshd.log a b\nfeed sshd.log a b\n",
            "",
        )


def test_computer_script_waits_for_processes_but_not_kernel_threads(tmp_path: Path) -> None:
    """The part of computer.sh that tells processes from the kernel's threads."""
    text = files("bootwright.inits").joinpath("computer.sh").read_text()
    start = text.index("others() {")
    function = text[start : text.index("\n}\n", start) + 3]
    (tmp_path / "1").mkdir()
    (tmp_path / "1/cmdline").write_bytes(b"init\0")
    (tmp_path / "7").mkdir()
    (tmp_path / "7/cmdline").write_bytes(b"")
    script = f'bb() {{ busybox "$@"; }}\n{function}\nothers && echo some || echo none\n'
    script = script.replace("/proc", str(tmp_path))

    def answer() -> str:
        done = subprocess.run(["busybox", "sh", "-c", script], capture_output=True, text=True)
        assert done.stderr == ""
        return done.stdout

    assert answer() == "none\n"
    (tmp_path / "9").mkdir()
    (tmp_path / "9/cmdline").write_bytes(b"sshd\0-D\0")
    assert answer() == "some\n"


@pytest.mark.parametrize("init", INITS.values(), ids=INITS.keys())
def test_inits_carry_their_program_or_find_it_in_the_image(init: Init) -> None:
    carried = init.guest_files()
    assert all(path.startswith(f"{GUEST_RUN}/") for path in carried)
    for word in init.argv:
        if word.startswith("/run/"):
            content, mode = carried["/bootwright" + word]
            assert content
            assert mode == 0o755
        elif word.startswith("/"):
            assert word in init.needs


def test_tini_guest_files_names_a_missing_tini(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "find", lambda program: None)
    with pytest.raises(HostError) as bad:
        tini.guest_files()
    assert str(bad.value) == "not installed here: tini-static (is PID 1 with --init tini)"
    assert "sudo apt-get install tini" in bad.value.hint


def test_bare_guest_files_need_nothing_and_allow_no_login() -> None:
    assert INITS["bare"].needs == ()
    assert not any("sshd" in path for path in bare.guest_files())


def test_tini_guest_files_hold_a_static_tini() -> None:
    program, _ = tini.guest_files()[f"{GUEST_RUN}/bootwright/tini"]
    assert program[:4] == b"\x7fELF"
    assert os.access(tools.require("tini-static")[0], os.X_OK)
