"""Why an option is on or off, from a small tree of Kconfig files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bootwright.errors import InputError
from bootwright.kbuild.kconfig import Options

_KCONFIG = """\
config SMP
\tbool "Symmetric multi-processing"

config NET
\tbool "Networking"

config INET
\tbool "TCP/IP"
\tdepends on NET && SMP

config CRC
\tbool

config EXT4
\tbool "ext4"
\tselect CRC

config HZ
\tint
\tdefault 1000 if SMP
\tdefault 250

choice
\tprompt "Allocator"
config SLAB
\tbool "SLAB"
config SLUB
\tbool "SLUB"
endchoice

menuconfig MODULES
\tbool "Modules"
\tmodules
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "Kconfig").write_text(_KCONFIG)
    (tmp_path / "Makefile").write_text("VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 9\n")
    return tmp_path


@pytest.fixture
def options(tree: Path) -> Options:
    config = tree / "config"
    config.write_text("CONFIG_NET=y\nCONFIG_EXT4=y\nCONFIG_SLUB=y\n")
    return Options(tree, config)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("NET", "y", "set in the config"),
        ("CONFIG_NET", "y", "set in the config"),
        ("INET", "n", "off: needs SMP"),
        ("CRC", "y", "selected by EXT4"),
        ("HZ", "250", "its default; users cannot set it"),
        ("SLAB", "n", "its choice group has SLUB selected"),
        ("SLUB", "y", "selected in its choice group"),
        ("MODULES", "n", "its default; the config does not set it"),
    ],
)
def test_kconfig_why_of_each_state_of_an_option(
    options: Options, name: str, value: str, reason: str
) -> None:
    answer = options.why(name)
    assert (answer.value, answer.reason) == (value, reason)


def test_kconfig_why_shows_values_of_conditions(options: Options) -> None:
    answer = options.why("INET")
    assert [(term.condition, term.value) for term in answer.needs] == [("NET", "y"), ("SMP", "n")]
    assert answer.prompt == "TCP/IP"
    assert answer.where == ("Kconfig:7",)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("INET", "needs SMP"),
        ("SLAB", "its choice group has SLUB selected"),
        ("NOWHERE", "this kernel has no such option"),
    ],
)
def test_kconfig_missing_names_what_a_dropped_option_needs(
    options: Options, name: str, told: str
) -> None:
    assert options.missing(name) == told


def test_kconfig_missing_of_an_option_without_a_prompt(tree: Path) -> None:
    assert Options(tree).missing("CRC") == "only other options can select it"


def test_kconfig_why_misspelt_option_has_a_hint(options: Options) -> None:
    with pytest.raises(InputError, match="this kernel has no option EXT3") as raised:
        options.why("EXT3")
    assert raised.value.hint == "did you mean EXT4?"


def test_kconfig_why_of_an_option_of_another_version_names_the_other(options: Options) -> None:
    with pytest.raises(InputError, match="has no option CRYPTO_SELFTESTS") as raised:
        options.why("CRYPTO_SELFTESTS")
    assert raised.value.hint == (
        "CRYPTO_MANAGER_DISABLE_TESTS, turned round into CRYPTO_SELFTESTS in Linux 6.16"
    )


def test_kconfig_options_leave_cwd_and_environment_unchanged(tree: Path) -> None:
    before = dict(os.environ), Path.cwd()
    Options(tree)
    assert (dict(os.environ), Path.cwd()) == before


def test_kconfig_files_see_their_tree_and_not_the_users_surroundings(
    tree: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "Kconfig").write_text("config WRONG\n\tbool\n")
    monkeypatch.chdir(elsewhere)
    for name, value in (("srctree", str(elsewhere)), ("CC", "wrong"), ("ARCH", "wrong")):
        monkeypatch.setenv(name, value)
    (tree / "arch" / "x86").mkdir(parents=True)
    (tree / "arch" / "x86" / "Kconfig").write_text("config X86\n\tdef_bool y\n")
    (tree / "Kconfig").write_text(
        'source "arch/$(SRCARCH)/Kconfig"\n'
        'config COMPILER\n\tstring\n\tdefault "$(CC) for $(ARCH)"\n'
        'config MAKEFILE\n\tstring\n\tdefault "$(shell,cat $(srctree)/Makefile; pwd)"\n'
        "$(info,this goes nowhere)\n"
        'config VERSION\n\tstring\n\toption env="KERNELVERSION"\n'
    )
    options = Options(tree)
    values = {n: options.why(n).value for n in ("X86", "COMPILER", "MAKEFILE", "VERSION")}
    assert values == {
        "X86": "y",
        "COMPILER": "gcc for x86_64",
        "MAKEFILE": f"VERSION = 6 PATCHLEVEL = 1 SUBLEVEL = 9 {tree}",
        "VERSION": "6.1.9",
    }
    assert options.where("X86") == "arch/x86/Kconfig"
