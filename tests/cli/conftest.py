"""One command line, carried out in this process."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from bootwright.cli import main
from bootwright.home import Home
from bootwright.kernels.kernel import Kernel, kernel_store, store_kernel


@dataclass(frozen=True)
class Done:
    """How a command line ended."""

    status: int
    out: str
    err: str


@pytest.fixture
def bootwright(home: Home, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Done]]:
    """Return what carries out a command line, with all folders below tmp_path."""
    handler = signal.getsignal(signal.SIGTERM)

    def carry_out(*arguments: str) -> Done:
        capsys.readouterr()
        status = main.run(arguments, time.monotonic_ns())
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Done(status=status, out=said.out, err=said.err)

    yield carry_out
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def debian(home: Home) -> Kernel:
    """Return a kernel called debian, which could not boot; without one it would be fetched."""
    with kernel_store(home).staged() as staged:
        (staged / "vmlinux").write_text("no kernel")
        return store_kernel(
            home, staged, name="debian", release="6.1.0-test", source="a test", pvh=True
        )
