"""Configs: read, and held against what a profile asked for."""

from __future__ import annotations

from bootwright.kbuild import configure
from bootwright.kbuild.profile import parse_profile

_PROFILE = parse_profile(
    "p",
    """\
# p: a test
# base: allnoconfig
CONFIG_SMP=y          # there
CONFIG_BPF_JIT=y      # is dropped
CONFIG_NR_CPUS=256    # is another number
CONFIG_DEBUG_WX=n     # is not there, as asked
CONFIG_KEYS=""        # empty text under a menu that is off
""",
)


def test_configure_parse_reads_set_options() -> None:
    text = '# CONFIG_MODULES is not set\nCONFIG_SMP=y\nCONFIG_LSM="a=b"\n#\nCONFIG_HZ=1000\n'
    assert configure.parse(text) == {"SMP": "y", "LSM": '"a=b"', "HZ": "1000"}


def test_configure_dropped_finds_options_not_taken() -> None:
    config = {"SMP": "y", "NR_CPUS": "64"}
    found = {one.name: (one.asked, one.got) for one in configure.dropped(_PROFILE, config)}
    assert found == {"BPF_JIT": ("y", "n"), "NR_CPUS": ("256", "64")}


def test_configure_dropped_is_empty_when_all_are_taken() -> None:
    config = {"SMP": "y", "NR_CPUS": "256", "BPF_JIT": "y"}
    assert configure.dropped(_PROFILE, config) == []
