"""What `run` reads for the command of a guest that nobody logs in to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

_READ = """
from dataclasses import replace
from bootwright.cli import standard_input
from bootwright.errors import InputError
from tests.machines.samples import SPEC
standard_input._PATIENCE_S = {patience}
recipe = replace(
    SPEC.recipe, init="none", image=None, disk="none", network="none", memory_mib={memory}
)
try:
    data, waited_ns = standard_input.read(recipe)
    print(len(data), data[:9], waited_ns > 0)
except InputError as error:
    print(error)
    print(error.hint)
"""


def read(stdin: int | IO[bytes], memory: int = 512, patience: float = 60) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _READ.format(memory=memory, patience=patience)],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def test_standard_input_of_a_file_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_bytes(b"\0\xff\r\n" * 1_000_000)
    with file.open("rb") as given:
        out, _ = read(given).communicate()
    assert out == r"4000000 b'\x00\xff\r\n\x00\xff\r\n\x00' True" + "\n"


def test_standard_input_of_nothing_is_empty() -> None:
    assert read(subprocess.DEVNULL).communicate()[0] == "0 b'' True\n"


def test_standard_input_of_a_terminal_is_not_read() -> None:
    leader, follower = os.openpty()
    try:
        assert read(follower).communicate()[0] == "0 b'' False\n"
    finally:
        os.close(leader)
        os.close(follower)


def test_standard_input_of_a_pipe_is_read_to_its_end_and_the_wait_is_said() -> None:
    process = read(subprocess.PIPE, patience=0)
    assert process.stdin is not None
    assert process.stderr is not None
    assert process.stderr.readline().startswith("waiting for the end of standard input")
    process.stdin.write("hi\n")
    assert process.communicate()[0] == "3 b'hi\\n' True\n"


def test_standard_input_larger_than_the_guests_memory_allows_is_refused() -> None:
    with open("/dev/zero", "rb") as endless:
        out, _ = read(endless, memory=128).communicate()
    assert out.splitlines() == [
        "the standard input is larger than 10 MiB, which a guest that nobody logs in to can take "
        "with 128 MiB of memory",
        "give more, such as --memory 2G, or boot an image, whose command reads any amount",
    ]
