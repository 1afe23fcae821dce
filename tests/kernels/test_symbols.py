"""Which function an address lies in, and what else is where no function is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.home import Home
from bootwright.kernels.kernel import Kernel, kernel_store, store_kernel
from bootwright.kernels.symbols import Symbols
from tests.timelines import klogs

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
    with kernel_store(home).staged() as staged:
        for name, text in {"vmlinux": "no kernel", **files}.items():
            (staged / name).write_text(text)
        return store_kernel(
            home, staged, name="k", release="6.1", source="a test", pvh=True, replace=True
        )


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
def test_symbols_name_an_address_by_the_function_before_it(ip: int, name: str) -> None:
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
def test_symbols_name_addresses_outside_functions(ip: int, mode: str, where: str) -> None:
    assert _SYMBOLS.where(ip, mode) == where
    assert Symbols((), ()).where(ip, mode) == where


def test_symbols_of_a_real_system_map() -> None:
    symbols = Symbols.parse(klogs.system_map("6.1"))
    assert "trace_initcall_finish_cb" in symbols.names
    assert list(symbols.addresses) == sorted(set(symbols.addresses))
    for address, name in zip(symbols.addresses, symbols.names, strict=True):
        assert symbols.where(address, "kernel") == name


def test_symbols_of_a_kernel_with_and_without_a_map(home: Home) -> None:
    assert Symbols.of(shelved(home, {"System.map": _MAP})) == _SYMBOLS
    assert Symbols.of(shelved(home, {})) == Symbols((), ())
    assert Symbols((), ()).where(0xFFFFFFFF81000000, "kernel") == "an address without a name"


@given(st.text(alphabet=st.sampled_from("0123456789abcdefgtTwW \n")), st.integers(0, 1 << 64))
def test_symbols_parse_accepts_any_map(text: str, ip: int) -> None:
    assert Symbols.parse(text).where(ip, "kernel")
