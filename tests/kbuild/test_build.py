"""What a build refuses before it begins; whole builds are in tests/boots."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bootwright.errors import InputError, NotFoundError
from bootwright.home import Home
from bootwright.kbuild.build import build
from bootwright.kbuild.profile import load_profile
from bootwright.kernels.kernel import Kernel
from tests.observed import Observed


def test_build_names_a_missing_base_before_fetching_the_source(home: Home) -> None:
    observed = Observed()
    with pytest.raises(NotFoundError, match="starts from the config of kernel 'debian'") as raised:
        build(home, load_profile("debian-cloud"), observe=observed)
    assert raised.value.hint == "bootwright kernel add debian"
    assert observed.events == []


def test_build_refuses_a_name_in_use_before_fetching_the_source(
    home: Home, add_kernel: Callable[..., Kernel]
) -> None:
    add_kernel("mine")
    observed = Observed()
    with pytest.raises(InputError, match="a kernel is already called 'mine'"):
        build(home, load_profile("micro"), name="mine", observe=observed)
    assert observed.events == []
