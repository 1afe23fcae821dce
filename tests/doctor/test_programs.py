"""Programs that are here, that are missing, and that are here but do not work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bootwright.doctor import programs as examined
from bootwright.doctor.check import Check
from bootwright.host import tools
from tests.doctor.conftest import Programs


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give programs more time than users have patience: the host may be busy."""
    monkeypatch.setattr(examined, "_TIMEOUT_S", 120.0)


def look(*names: str) -> list[Check]:
    checks = examined.examine({name: tools.PROGRAMS[name] for name in names})
    assert [check.name for check in checks] == list(names)
    assert {check.area for check in checks} == {"host"}
    return checks


def look_at(name: str) -> Check:
    [check] = look(name)
    return check


def test_programs_examine_shows_a_programs_version(programs: Programs) -> None:
    programs.add("qemu-system-x86_64", 'echo "QEMU emulator $1 7.2.22"; echo Copyright')
    check = look_at("qemu-system-x86_64")
    assert (check.state, check.text) == ("ok", "QEMU emulator --version 7.2.22")


def test_programs_examine_drops_the_name_from_the_version(programs: Programs) -> None:
    programs.add("tar", "echo 'tar (GNU tar) 1.34'")
    assert look_at("tar").text == "(GNU tar) 1.34"


def test_programs_examine_asks_ssh_by_its_own_option_on_stderr(programs: Programs) -> None:
    programs.add("ssh", 'echo; echo "  OpenSSH $1" >&2')
    assert look_at("ssh").text == "OpenSSH -V"


def test_programs_examine_shows_the_path_of_programs_without_version(programs: Programs) -> None:
    path = programs.add("scp", "exit 1")
    check = look_at("scp")
    assert (check.state, check.text) == ("ok", str(path))


def test_programs_examine_gives_no_input_and_an_english_locale(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    programs.add("tar", 'read line && echo "got $line"; echo "$LC_ALL"')
    read, write = os.pipe()
    os.write(write, b"what the user types\n")
    ours = os.dup(0)
    os.dup2(read, 0)
    try:
        check = look_at("tar")
    finally:
        os.dup2(ours, 0)
        for fd in (ours, read, write):
            os.close(fd)
    assert check.text == "C.UTF-8"


@pytest.mark.parametrize("name", sorted(examined.BOOT))
def test_programs_examine_missing_boot_program_is_a_problem(programs: Programs, name: str) -> None:
    assert look_at(name).state == "problem"


def test_programs_examine_missing_program_names_use_and_package(programs: Programs) -> None:
    check = look_at("setpriv")
    assert (check.state, check.text) == (
        "problem",
        "not installed; it ends the VMM when its monitor ends",
    )
    assert check.hint == (
        "on Debian: sudo apt-get install util-linux; on Fedora: sudo dnf install util-linux-core"
    )


def test_programs_examine_missing_optional_program_is_a_note(programs: Programs) -> None:
    check = look_at("qemu-img")
    assert (check.state, check.text) == ("note", "not installed; it reads qcow2 files")


def test_programs_boot_is_a_subset_of_all_programs() -> None:
    assert set(tools.PROGRAMS) > examined.BOOT


@pytest.mark.parametrize(("name", "state"), [("setpriv", "problem"), ("tar", "warning")])
def test_programs_examine_program_that_lacks_a_library(
    programs: Programs, name: str, state: str
) -> None:
    complaint = f"{name}: error while loading shared libraries: libcap-ng.so.0"
    path = programs.add(name, f"echo '{complaint}' >&2; exit 127")
    check = look_at(name)
    assert check.state == state
    assert check.text == f"{path} --version exited with status 127: {complaint}"
    package = {"setpriv": "util-linux", "tar": "tar"}[name]
    assert check.hint == (f"reinstall it; on Debian: sudo apt-get install --reinstall {package}")


@pytest.mark.parametrize(("name", "state"), [("setpriv", "problem"), ("tar", "warning")])
def test_programs_examine_file_that_cannot_be_executed(
    programs: Programs, name: str, state: str
) -> None:
    path = programs.folder / name
    path.write_bytes(b"\x00not an ELF file")
    path.chmod(0o755)
    check = look_at(name)
    assert (check.state, check.text) == (state, f"cannot run {path}: Exec format error")


@pytest.mark.parametrize(
    ("script", "how"), [("exit 1", "status 1"), ("kill -9 $$", "status -9"), ("exit 0", "status 0")]
)
def test_programs_examine_program_without_output_is_a_warning(
    programs: Programs, script: str, how: str
) -> None:
    path = programs.add("setpriv", script)
    check = look_at("setpriv")
    assert (check.state, check.text) == ("warning", f"{path} --version exited with {how}")


def test_programs_examine_program_that_hangs_is_a_warning(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examined, "_TIMEOUT_S", 0.1)
    path = programs.add("tar", "exec /bin/sleep 60")
    check = look_at("tar")
    assert (check.state, check.text) == ("warning", f"{path} --version did not answer within 0.1 s")


def test_programs_examine_asks_all_programs_at_once(programs: Programs, tmp_path: Path) -> None:
    # Each of the two waits for the other one at the pipe.
    pipe = tmp_path / "pipe"
    programs.add("tar", f"echo 1.34 >{pipe}; echo 1.34")
    programs.add("unshare", f"read line <{pipe}; echo $line")
    os.mkfifo(pipe)
    assert [check.text for check in look("tar", "unshare")] == ["1.34", "1.34"]


def test_programs_examine_busybox_must_be_static(programs: Programs) -> None:
    path = programs.add("busybox", '[ "$1" = --help ] && echo "BusyBox v1.35.0"')
    check = look_at("busybox")
    assert (check.state, check.text) == (
        "problem",
        f"{path} is not a statically linked x86-64 program",
    )
    assert check.hint.startswith("on Debian: sudo apt-get install busybox-static")


def test_programs_examine_of_this_host() -> None:
    for check in examined.examine():
        assert check.state in ("ok", "problem" if check.name in examined.BOOT else "note"), check
        assert check.state == "ok" or check.text.startswith("not installed; it ")
        assert check.text
