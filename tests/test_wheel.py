"""The wheel in an environment of its own: what its users' type checker and Python say."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.wheel
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment with the wheel and what it depends on, and no more."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "-qq", "--no-deps", "--wheel-dir", folder, ROOT], check=True)
    [wheel] = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv/bin/python"
    subprocess.run([*pip, "--python", python, "install", "-qq", wheel], check=True)
    return python


def said_by_mypy(python: Path, folder: Path, program: str) -> list[str]:
    """Return the errors of a user's program, without their place."""
    file = folder / "program.py"
    file.write_text(textwrap.dedent(program))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file="),
            *("--cache-dir", folder / "cache", "--python-executable", python, file),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    return [line.partition(": ")[2] for line in done.stdout.splitlines() if ": error: " in line]


def test_a_correct_program_passes(python: Path, tmp_path: Path) -> None:
    program = """
        import asyncio
        from pathlib import Path

        import bootwright
        from bootwright.errors import GuestError


        def observe(event: bootwright.Event) -> None:
            if isinstance(event, bootwright.Notice):
                print(event.text)


        async def main(recipe: bootwright.Recipe) -> int:
            try:
                async with bootwright.boot("web", memory="1G", observer=observe) as vm:
                    done = await vm.run("systemctl is-system-running", timeout=5)
                    await vm.copy_in(Path("dump.sql"), "/root/")
                    await vm.copy_out("/etc/os-release", ".")
                    print(done.stdout.upper(), done.exit_status + 1, done.duration_ns / 1e9)
                    print([phase.name.title() for phase in vm.phases], vm.endpoint.port + 1)
            except GuestError as error:
                print(error.evidence.splitlines())
            async with bootwright.start("db", home=bootwright.Home.below(Path("here"))) as vm:
                vm.detach()
            ran = await bootwright.run(["uname", "-r"], recipe, vcpus=2, append=["debug"])
            return ran.total_ns


        def blocking() -> str:
            with bootwright.sync.boot("web", disk="overlay") as vm:
                return vm.run("hostname").stdout


        ran: bootwright.Run = bootwright.sync.run("uname -r", tiny=True, kernel="debian")
        print(asyncio.run(main(bootwright.Recipe(**{}))), blocking(), ran.stdout)
        """
    assert said_by_mypy(python, tmp_path, program) == []


def test_mistakes_are_errors(python: Path, tmp_path: Path) -> None:
    program = """
        import bootwright


        async def main() -> None:
            async with bootwright.boot("web", memroy="1G") as vm:
                done = await vm.run(["uname", "-a"])
                print(done.stdin)
            bootwright.boot("web", accelerator="kmv")
            await bootwright.run(tiny=True)
            await bootwright.run("true", tiny="yes")
            bootwright.bot("web")
            with bootwright.sync.boot(vcpus="2") as blocking:
                await blocking.run("true")
        """
    found = said_by_mypy(python, tmp_path, program)
    expected = [
        'error: Unexpected keyword argument "memroy" for "boot"',
        'error: Argument 1 to "run" of "VM" has incompatible type "list[str]"; expected "str"',
        'error: "Completed" has no attribute "stdin"',
        'error: Argument "accelerator" to "boot" has incompatible type "Literal[\'kmv\']"',
        'error: Too few arguments for "run"',
        'error: Argument "tiny" to "run" has incompatible type "str"; expected "bool"',
        'error: Module has no attribute "bot"',
        'error: Argument "vcpus" has incompatible type "str"; expected "int | None"',
        'error: Incompatible types in "await"',
    ]
    assert len(found) == len(expected)
    for error, begin in zip(found, expected, strict=True):
        assert error.startswith(begin)


def test_it_works_without_what_we_develop_with(python: Path) -> None:
    program = """
        import bootwright
        try:
            bootwright.sync.boot("web", memroy="1G")
        except bootwright.errors.InputError as error:
            print(f"{error}: {error.hint}")
        for name in bootwright.__all__:
            getattr(bootwright, name)
        """
    done = subprocess.run(
        [python, "-I", "-W", "error", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert done.stdout == "boot() takes no argument 'memroy': did you mean 'memory'?\n"
