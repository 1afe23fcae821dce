"""bootwright kernel config: what it prints of two configs."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]

WHOLE = "# Linux/x86 {} Kernel Configuration\nCONFIG_INIT_ENV_ARG_LIMIT=32\nCONFIG_X86_64=y\n"


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    """Return the same config of two versions of Linux, but for the self-tests."""
    old, new = tmp_path / "old", tmp_path / "new.gz"
    old.write_text(WHOLE.format("6.1.5") + "CONFIG_CRYPTO_MANAGER_DISABLE_TESTS=y\nCONFIG_SLS=y\n")
    text = WHOLE.format("6.18.2") + "CONFIG_CRYPTO_SELFTESTS=y\nCONFIG_MITIGATION_SLS=y\n"
    new.write_bytes(gzip.compress(text.encode()))
    return str(old), str(new)


def test_kernel_config_diff_shows_renamed_options(bootwright: Cli, pair: tuple[str, str]) -> None:
    done = bootwright("kernel", "config", "diff", *pair)
    assert done.out.splitlines() == [
        "self-tests: 1 (the kernel tests itself at boot)",
        "                    old  new.gz",
        "  CRYPTO_SELFTESTS  n    y",
        "",
        "renamed: 2 (one option, two names; compared by meaning)",
        "  differs  6.16  CRYPTO_MANAGER_DISABLE_TESTS=y, CRYPTO_SELFTESTS=y (turned round)",
        "  same     6.9   SLS=y, MITIGATION_SLS=y",
        "",
        "options that differ: 1; y: 2 and 3; m: 0 and 0",
    ]
    assert f"warning: {pair[0]} is for Linux 6.1.5, {pair[1]} for Linux 6.18.2" in done.err
    assert done.status == 0


def test_kernel_config_diff_json_has_what_was_compared(
    bootwright: Cli, pair: tuple[str, str], tmp_path: Path
) -> None:
    part = tmp_path / "part"
    part.write_text("CONFIG_SLS=y\nCONFIG_PCI=y\n")
    done = json.loads(bootwright("kernel", "config", "diff", pair[1], str(part), "--json").out)
    assert done["compared"] == 2
    assert [side["fragment"] for side in done["facts"]] == [False, True]
    assert [one["name"] for one in done["differences"]] == ["PCI"]
    assert [(one["new"], one["same"]) for one in done["renamed"]] == [("MITIGATION_SLS", True)]


def test_kernel_config_diff_refuses_what_is_no_config(
    bootwright: Cli, pair: tuple[str, str], tmp_path: Path
) -> None:
    other = tmp_path / "notes"
    other.write_text("hello")
    done = bootwright("kernel", "config", "diff", pair[0], str(other))
    assert done.status == 1
    assert f"{other} is not a kernel config" in done.err
    assert "/proc/config.gz" in done.err
