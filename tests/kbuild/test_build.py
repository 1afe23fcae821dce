"""What a build refuses before it begins; whole builds are in tests/boots."""

from __future__ import annotations

import pytest

from bootwright.errors import NotFoundError
from bootwright.home import Home
from bootwright.kbuild.build import build
from bootwright.kbuild.profile import load_profile
from tests.observed import Observed


def test_build_names_a_missing_base_before_fetching_the_source(home: Home) -> None:
    observed = Observed()
    with pytest.raises(NotFoundError, match="starts from the config of kernel 'debian'") as raised:
        build(home, load_profile("debian-cloud"), observe=observed)
    assert raised.value.hint == "bootwright kernel add debian"
    assert observed.events == []
