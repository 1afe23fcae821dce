"""What a build refuses before it begins; whole builds are in tests/boots."""

from __future__ import annotations

import pytest

from bootwright.errors import NotFoundError
from bootwright.home import Home
from bootwright.kernels import profile
from bootwright.kernels.build import build


def test_build_names_a_missing_base_before_fetching_the_source(home: Home) -> None:
    steps: list[str] = []
    with pytest.raises(NotFoundError, match="starts from the config of kernel 'debian'") as raised:
        build(home, profile.load("debian-cloud"), progress=lambda step, share: steps.append(step))
    assert raised.value.hint == "bootwright kernel add debian"
    assert steps == []
