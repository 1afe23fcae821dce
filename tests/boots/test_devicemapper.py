"""Device-mapper disks on a real kernel that has them: user-mode Linux, one boot for all cases."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import user_mode_linux
from tests.disks import dm_cases

pytestmark = [
    pytest.mark.boot,
    pytest.mark.skipif(user_mode_linux.PROGRAM is None, reason="needs Debian's user-mode-linux"),
]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the cases said, all run in one kernel."""
    return user_mode_linux.run(tmp_path_factory.mktemp("uml"), dm_cases.__file__)


@pytest.mark.parametrize("case", [case.__name__ for case in dm_cases.CASES])
def test_devicemapper_case(said: str, case: str) -> None:
    assert f"passed {case}\n" in said, said


def test_devicemapper_lists_nothing_without_devices(tmp_path: Path) -> None:
    code = "from bootwright.disks import devicemapper as d; assert not d.every()"
    assert user_mode_linux.run(tmp_path, "-c", code) == ""
