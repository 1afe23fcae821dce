"""What make prints: how far a build is, and what went wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.kbuild.make import MakeLog, expected_objects
from tests.observed import Observed


def _log(*, expected: int = 100, there: int = 0) -> tuple[MakeLog, Observed]:
    observed = Observed()
    return MakeLog(observed, expected=expected, there=there), observed


def test_make_log_counts_objects_beside_existing_ones() -> None:
    log, observed = _log(there=50)
    for name in ("a", "b"):
        log.read(f"  CC      kernel/{name}.o")
    log.read("  AR      kernel/built-in.a")
    assert observed.shares == pytest.approx([0.95 * 0.51, 0.95 * 0.52])


def test_make_log_progress_is_at_most_one() -> None:
    log, observed = _log(expected=1)
    for _ in range(3):
        log.read("  AS      arch/x86/entry/entry_64.o")
    log.read("  LD      vmlinux")
    assert set(observed.shares) == {0.95}
    assert observed.steps[-1] == "linking"


def test_make_log_failure_names_file_option_and_message(tmp_path: Path) -> None:
    (tmp_path / "fs").mkdir()
    (tmp_path / "fs" / "Makefile").write_text("obj-$(CONFIG_AUTOFS_FS) += autofs.o\n")
    log, _ = _log()
    for line in (
        "make[1]: Entering directory '/cache'",
        "  CC      fs/autofs.o",
        "/src/fs/autofs.c:1:2: error: #error broken",
        "make[3]: *** [/src/scripts/Makefile.build:250: fs/autofs.o] Error 1",
        "make[2]: *** [/src/Makefile:2010: fs] Error 2",
    ):
        log.read(line)
    error = log.failure(tmp_path, tmp_path / "out")
    assert str(error) == "the kernel's build failed at fs/autofs.o (CONFIG_AUTOFS_FS)"
    assert error.evidence == "/src/fs/autofs.c:1:2: error: #error broken"
    assert "continues where this one stopped" in error.hint


def test_make_log_names_a_full_disk(tmp_path: Path) -> None:
    log, _ = _log()
    log.read("as: fs/x.o: No space left on device")
    with pytest.raises(OSError, match="No space left on device"):
        log.failure(tmp_path, tmp_path)


def test_expected_objects_grow_with_options() -> None:
    few, many = ({str(n): "y" for n in range(count)} for count in (700, 1240))
    assert 1700 < expected_objects(few) < expected_objects(many) < 2500
