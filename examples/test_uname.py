"""A guest for each test, as a fixture of three lines: pytest examples/test_uname.py"""

import pytest

import bootwright


@pytest.fixture
def uname() -> bootwright.Run:
    return bootwright.sync.run("uname -r", tiny=True)


def test_it_runs_linux_6(uname: bootwright.Run) -> None:
    assert uname.exit_status == 0
    assert uname.stdout.startswith("6.")
    print(*(f"{phase.name}: {phase.duration_ns / 1e6:.0f} ms" for phase in uname.phases), sep="\n")
