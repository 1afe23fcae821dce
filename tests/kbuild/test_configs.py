"""Two configs that a user names."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.errors import InputError
from bootwright.events import Event, Notice
from bootwright.home import Home
from bootwright.kbuild import configs

HEADER = "# Linux/{} Kernel Configuration\nCONFIG_INIT_ENV_ARG_LIMIT=32\n"
X86 = HEADER.format("x86 6.1.50") + "CONFIG_X86_64=y\nCONFIG_SMP=y\nCONFIG_NVME_CORE=m\n"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.below(tmp_path)


def _file(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_config_diff_of_a_fragment_compares_only_what_it_names(home: Home, tmp_path: Path) -> None:
    whole = _file(tmp_path, "whole", X86)
    part = _file(tmp_path, "part", "CONFIG_NVME_CORE=y\n# CONFIG_SMP is not set\nCONFIG_PCI=n\n")
    found = configs.diff(home, whole, part)
    assert {one.name: (one.a, one.b) for one in found.differences} == {
        "NVME_CORE": ("m", "y"),
        "SMP": ("y", "n"),
    }
    assert (found.compared, found.options_on, found.modules) == (3, (1, 1), (1, 0))
    assert found.warnings == (
        f"{part} is a fragment that names 3 options: only what it names is compared",
    )


def test_config_diff_of_two_fragments_without_a_common_option(home: Home, tmp_path: Path) -> None:
    a, b = (_file(tmp_path, name, f"CONFIG_{name}=y\n") for name in ("ONE", "TWO"))
    found = configs.diff(home, a, b)
    assert (found.compared, found.differences) == (0, ())
    assert found.warnings[-1].endswith("nothing was compared")


def test_config_diff_says_that_architectures_and_versions_differ(
    home: Home, tmp_path: Path
) -> None:
    a = _file(tmp_path, "a", X86)
    b = _file(tmp_path, "b", HEADER.format("arm64 6.18.2") + "CONFIG_ARM64=y\n")
    found = configs.diff(home, a, b)
    assert [one.partition(": ")[0] for one in found.warnings] == [
        f"{a} is for x86_64, {b} for arm64",
        f"{a} is for Linux 6.1.50, {b} for Linux 6.18.2",
    ]
    assert [side.architecture for side in found.facts] == ["x86_64", "arm64"]


def test_config_diff_of_two_patch_levels_says_nothing(home: Home, tmp_path: Path) -> None:
    b = _file(tmp_path, "b", X86.replace("6.1.50", "6.1.99"))
    found = configs.diff(home, _file(tmp_path, "a", X86), b)
    assert (found.warnings, found.compared, found.differences) == ((), None, ())


def test_config_diff_reads_one_pipe_only(home: Home) -> None:
    with pytest.raises(InputError, match="both read the pipe"):
        configs.diff(home, "-", "-")


@pytest.mark.parametrize(
    ("text", "warnings"),
    [
        (X86, []),
        (HEADER.format("arm64 6.1.50") + "CONFIG_ARM64=y\n", ["is for arm64"]),
        (X86.replace("6.1.50", "6.12.1"), ["is for Linux 6.12.1"]),
        ("CONFIG_SMP=y\n", ["is a fragment"]),
    ],
)
def test_config_why_says_that_the_source_is_of_another_kernel(
    text: str, warnings: list[str], home: Home, tmp_path: Path
) -> None:
    tree = tmp_path / "linux"
    tree.mkdir()
    (tree / "Makefile").write_text("VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 9\n")
    (tree / "Kconfig").write_text('config SMP\n\tbool "SMP"\n')
    said: list[Event] = []
    name = _file(tmp_path, "some", text)
    configs.why(home, "SMP", name, source=tree, observe=said.append)
    notices = [event.text for event in said if isinstance(event, Notice)]
    assert len(notices) == len(warnings)
    for notice, warning in zip(notices, warnings, strict=True):
        assert notice.startswith(f"warning: {name} {warning}")
