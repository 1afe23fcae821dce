"""Which function an address lies in, and what else is where no function is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.home import Home
from bootwright.kernels import kernel as kernels
from bootwright.kernels.kernel import Kernel
from bootwright.kernels.symbols import Symbols
from tests.timeline import klogs

_MAP = """\
0000000000000000 D __per_cpu_start
ffffffff81000000 T startup_64
ffffffff81000000 T _text
ffffffff81000100 t early_setup
ffffffff81000100 d a_variable
ffffffff81000180 W weak_one
ffffffff82000000 B __bss_start
ffffffff81000200 T last
no line of nm's
ffffffff81000300
"""
_SYMBOLS = Symbols.parse(_MAP)


def shelved(home: Home, files: dict[str, str]) -> Kernel:
    with kernels.shelf(home).staged() as staged:
        for name, text in {"vmlinux": "no kernel", **files}.items():
            (staged / name).write_text(text)
        return kernels.shelve(home, staged, name="k", release="6.1", source="a test", pvh=True)


@pytest.mark.parametrize(
    ("ip", "name"),
    [
        (0xFFFFFFFF81000000, "startup_64"),
        (0xFFFFFFFF810000FF, "startup_64"),
        (0xFFFFFFFF81000100, "early_setup"),
        (0xFFFFFFFF810001FF, "weak_one"),
        (0xFFFFFFFF81000200, "last"),
        (0xFFFFFFFFFFFFFFFF, "last"),
        (0xFFFFFFFF80FFFFFF, "an address without a name"),
        (0xFFFF888000000000, "an address without a name"),
    ],
)
def test_an_address_lies_in_the_last_function_before_it(ip: int, name: str) -> None:
    assert _SYMBOLS.where(ip, "kernel") == name


@pytest.mark.parametrize(
    ("ip", "mode", "where"),
    [
        (0x7F1234567890, "user", "user space"),
        (0xFFFFFFFF81000100, "user", "user space"),
        (0xFFF0, "boot", "firmware"),
        (0xFFFFFFF0, "boot", "firmware"),
        (0x1000000, "boot", "firmware or the kernel's 32-bit entry"),
        (0x1000200, "kernel", "the kernel before its page tables"),
    ],
)
def test_what_is_no_function_is_named_by_what_else_is_there(ip: int, mode: str, where: str) -> None:
    assert _SYMBOLS.where(ip, mode) == where
    assert Symbols((), ()).where(ip, mode) == where


def test_of_a_real_map_each_functions_address_is_its_own() -> None:
    symbols = Symbols.parse(klogs.system_map("6.1"))
    assert "trace_initcall_finish_cb" in symbols.names
    assert list(symbols.addresses) == sorted(set(symbols.addresses))
    for address, name in zip(symbols.addresses, symbols.names, strict=True):
        assert symbols.where(address, "kernel") == name


def test_a_kernels_map_is_read_and_one_without_has_no_names(home: Home) -> None:
    assert Symbols.of(shelved(home, {"System.map": _MAP})) == _SYMBOLS
    assert Symbols.of(shelved(home, {})) == Symbols((), ())
    assert Symbols((), ()).where(0xFFFFFFFF81000000, "kernel") == "an address without a name"


@given(st.text(alphabet=st.sampled_from("0123456789abcdefgtTwW \n")), st.integers(0, 1 << 64))
def test_any_map_gives_some_name(text: str, ip: int) -> None:
    assert Symbols.parse(text).where(ip, "kernel")
