"""Stored kernels: named by their parts, described beside them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bootwright.errors import FormatError, InputError, NotFoundError
from bootwright.home import Home
from bootwright.kernels import debian
from bootwright.kernels.kernel import (
    Kernel,
    Part,
    copy_part,
    kernel_store,
    load_kernel,
    parse_kernel_config,
    require_name,
    store_kernel,
)
from tests.observed import Observed


def _add(
    home: Home,
    parts: dict[str, str],
    *,
    name: str = "k",
    source: str = "a test",
    pvh: bool = True,
    replace: bool = True,
) -> Kernel:
    with kernel_store(home).staged() as staged:
        folder = staged / "kernel"
        folder.mkdir()
        for part, content in parts.items():
            if part == "modules":
                tree = folder / "modules" / "lib" / "modules" / "6.1.0"
                tree.mkdir(parents=True)
                (tree / "modules.dep").write_text(content)
            else:
                (folder / part).write_text(content)
        return store_kernel(
            home, folder, name=name, release="6.1.0", source=source, pvh=pvh, replace=replace
        )


def test_kernel_load_returns_what_shelve_stored(home: Home) -> None:
    before = int(time.time())
    stored = _add(home, {"bzImage": "b", "vmlinux": "v", "config": "CONFIG_PVH=y\n", "modules": ""})
    assert load_kernel(home, "k") == load_kernel(home, stored.digest) == stored
    assert stored.folder == home.kernels / stored.digest
    assert (stored.release, stored.source, stored.pvh) == ("6.1.0", "a test", True)
    assert stored.parts == ("bzImage", "vmlinux", "config", "modules")
    assert before <= stored.added_s <= time.time()


@pytest.mark.parametrize(
    ("parts", "pvh", "boots"),
    [
        ({"bzImage": "b", "vmlinux": "v"}, True, "vmlinux"),
        ({"bzImage": "b", "vmlinux": "v"}, False, "bzImage"),
        ({"vmlinux": "v"}, False, "vmlinux"),
        ({"bzImage": "b"}, False, "bzImage"),
    ],
)
def test_kernel_boot_file_is_the_one_with_least_work(
    home: Home, parts: dict[str, str], pvh: bool, boots: str
) -> None:
    kernel = _add(home, parts, pvh=pvh)
    assert kernel.fastest_file == boots
    assert (kernel.folder / kernel.fastest_file).read_text() == parts[boots]


def test_kernel_shelve_stores_the_same_kernel_once(home: Home) -> None:
    first = _add(home, {"vmlinux": "v"}, name="one", source="here")
    second = _add(home, {"vmlinux": "v"}, name="two", source="there")
    assert first.digest == second.digest
    assert kernel_store(home).names() == {"one": first.digest, "two": first.digest}


def test_require_name_refuses_a_kernel_from_elsewhere(home: Home) -> None:
    require_name(home, "k", origin="Debian trixie, ")
    _add(home, {"config": "x"}, source="Debian bookworm, linux-image 1")
    require_name(home, "k", origin="Debian bookworm, ")
    with pytest.raises(InputError) as caught:
        require_name(home, "k", origin="Debian trixie, ")
    assert str(caught.value).startswith("a kernel is already called 'k'")
    assert caught.value.hint == "use another name, or add --replace to reuse this one"


def test_kernel_add_refuses_a_name_in_use_before_it_fetches(home: Home) -> None:
    _add(home, {"config": "x"}, name="mine")
    observed = Observed()
    with pytest.raises(InputError, match="a kernel is already called 'mine'"):
        debian.add(home, name="mine", observe=observed)
    assert observed.events == []


def test_kernel_digest_covers_every_part(home: Home) -> None:
    variants: list[dict[str, str]] = [
        {"vmlinux": "v"},
        {"vmlinux": "w"},
        {"bzImage": "v"},
        {"vmlinux": "v", "config": "CONFIG_A=y"},
        {"vmlinux": "v", "config": "CONFIG_A=m"},
        {"vmlinux": "v", "System.map": "0 T _text"},
        {"vmlinux": "v", "modules": "a.ko:"},
        {"vmlinux": "v", "modules": "b.ko:"},
    ]
    assert len({_add(home, parts).digest for parts in variants}) == len(variants)


def test_kernel_reports_missing_parts(home: Home) -> None:
    bare = _add(home, {"vmlinux": "v"})
    whole = _add(home, {"vmlinux": "v", "modules": "x.ko:"})
    assert (bare.modules, bare.config()) == (None, {})
    assert whole.modules is not None
    assert (whole.modules / "modules.dep").read_text() == "x.ko:"


def test_parse_config_omits_options_that_are_not_set(home: Home) -> None:
    text = '# Linux/x86 6.1\nCONFIG_PVH=y\n# CONFIG_X is not set\nCONFIG_NAME="a=b"\nCONFIG_N=250\n'
    expected = {"CONFIG_PVH": "y", "CONFIG_NAME": "a=b", "CONFIG_N": "250"}
    assert parse_kernel_config(text) == expected
    assert _add(home, {"vmlinux": "v", "config": text}).config() == expected


def test_copy_part_names_the_file_after_the_part(tmp_path: Path) -> None:
    (tmp_path / "config-6.1").write_text("CONFIG_A=y")
    part: Part = "config"
    copy_part(tmp_path / "config-6.1", tmp_path, part)
    assert (tmp_path / "config").read_text() == "CONFIG_A=y"


def test_kernel_load_names_an_unknown_kernel(home: Home) -> None:
    with pytest.raises(NotFoundError, match=r"^no kernel is called 'mine'$") as caught:
        load_kernel(home, "mine")
    assert caught.value.hint == "bootwright kernel add debian"


@pytest.mark.parametrize("content", [None, "", "{}", '{"release": 6}'])
def test_kernel_load_reports_a_damaged_description(home: Home, content: str | None) -> None:
    kernel = _add(home, {"vmlinux": "v"})
    description = kernel.folder / "kernel.json"
    if content is None:
        description.unlink()
    else:
        description.write_text(content)
    with pytest.raises(FormatError) as caught:
        load_kernel(home, "k")
    assert str(caught.value).startswith(f"kernel 'k' in {kernel.folder} is damaged: ")
    assert caught.value.hint == "bootwright kernel rm k, then make it again"
