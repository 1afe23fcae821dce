"""Two configs side by side: what differs, and in which group it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.kbuild import configdiff


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "Makefile").write_text("obj-$(CONFIG_VLAN) += vlan.o\nvlan-y := core.o\n")
    (tmp_path / "net" / "core.c").write_text("static int x;\nmodule_init(vlan_start);\n")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("CRYPTO_MANAGER_DISABLE_TESTS", "self-tests"),
        ("RAID6_PQ_BENCHMARK", "self-tests"),
        ("DEBUG_FS", "debug and tracing"),
        ("FUNCTION_TRACER", "debug and tracing"),
        ("KPROBES", "debug and tracing"),
        ("LATTEST", "other"),
        ("TRACKER", "other"),
        ("SMP", "other"),
    ],
)
def test_config_differences_of_two_configs(name: str, group: str) -> None:
    [found] = configdiff.differences({name: "y"}, {}, options=None, source=None)
    assert (found.a, found.b, found.group) == ("y", "n", group)


def test_config_differences_with_a_source_name_boot_code(tree: Path) -> None:
    [found] = configdiff.differences({}, {"VLAN": "y"}, options=None, source=tree)
    assert (found.group, found.initcalls) == ("initcalls", ("vlan_start",))


def test_config_differences_omit_compiler_facts() -> None:
    a = {"SMP": "y", "GCC_VERSION": "110500", "CC_VERSION_TEXT": '"gcc 11"', "HZ": "250"}
    b = {"SMP": "y", "GCC_VERSION": "120200", "HZ": "1000"}
    [found] = configdiff.differences(a, b, options=None, source=None)
    assert (found.name, found.a, found.b) == ("HZ", "250", "1000")
