"""Options under two names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bootwright.kbuild import configfile, renames

WHOLE = "# Linux/x86 {} Kernel Configuration\nCONFIG_INIT_ENV_ARG_LIMIT=32\nCONFIG_CRYPTO=y\n"
OLD = WHOLE.format("6.12.5")
NEW = WHOLE.format("6.18.2")


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("# CONFIG_CRYPTO_MANAGER_DISABLE_TESTS is not set", "CONFIG_CRYPTO_SELFTESTS=y", True),
        ("CONFIG_CRYPTO_MANAGER_DISABLE_TESTS=y", "# CONFIG_CRYPTO_SELFTESTS is not set", True),
        ("CONFIG_CRYPTO_MANAGER_DISABLE_TESTS=y", "CONFIG_CRYPTO_SELFTESTS=y", False),
        ("CONFIG_CRYPTO_MANAGER_DISABLE_TESTS=y", "", True),
        ("", "CONFIG_CRYPTO_SELFTESTS=y", True),
    ],
)
def test_an_option_that_was_turned_round_is_compared_by_meaning(
    old: str, new: str, same: bool
) -> None:
    first, second, [found] = renames.applied(
        configfile.parse(OLD + old), configfile.parse(NEW + new)
    )
    assert (found.turned_round, found.since, found.same) == (True, "6.16", same)
    values = [side.options.get("CRYPTO_SELFTESTS", "n") for side in (first, second)]
    assert (values[0] == values[1]) is same
    assert "CRYPTO_MANAGER_DISABLE_TESTS" not in {*first.named, *second.named}


@pytest.mark.parametrize("swapped", [False, True])
def test_a_renamed_option_has_its_new_name_in_both(swapped: bool) -> None:
    texts = [WHOLE.format("6.1") + "CONFIG_RETPOLINE=y", OLD + "CONFIG_MITIGATION_RETPOLINE=y"]
    first, second, found = renames.applied(
        *map(configfile.parse, reversed(texts) if swapped else texts)
    )
    assert first.options["MITIGATION_RETPOLINE"] == second.options["MITIGATION_RETPOLINE"] == "y"
    assert [one.old for one in found] == ["RETPOLINE"]
    assert sorted((found[0].a, found[0].b)) == ["MITIGATION_RETPOLINE=y", "RETPOLINE=y"]


def test_a_fragment_with_the_old_name_is_compared_with_a_newer_config() -> None:
    fragment = configfile.parse("CONFIG_CRYPTO_MANAGER_DISABLE_TESTS=y\n")
    first, _, [found] = renames.applied(
        fragment, configfile.parse(NEW + "CONFIG_CRYPTO_SELFTESTS=y")
    )
    assert first.named == {"CRYPTO_SELFTESTS"}
    assert not found.same


@pytest.mark.parametrize(("value", "same"), [("=y", True), ("=n", False)])
def test_an_option_that_was_made_fixed_is_on(value: str, same: bool) -> None:
    first, second, [found] = renames.applied(
        configfile.parse(WHOLE.format("5.10.1") + "CONFIG_RANDOM_TRUST_CPU" + value),
        configfile.parse(WHOLE.format("6.6")),
    )
    assert (found.b, found.new, found.same) == ("always on", "", same)
    assert second.options["RANDOM_TRUST_CPU"] == "y"
    assert first.options.get("RANDOM_TRUST_CPU", "n") == value[1]


def test_an_option_that_the_older_kernel_does_not_have_is_new() -> None:
    a, b = configfile.parse(OLD), configfile.parse(NEW + "CONFIG_MITIGATION_SLS=y")
    _, _, found = renames.applied(replace(a, version="6.1"), b)
    assert "MITIGATION_SLS" not in {one.new for one in found}


def test_nothing_is_renamed_in_configs_of_one_version() -> None:
    a, b = (configfile.parse(NEW + f"CONFIG_CRYPTO_SELFTESTS={value}") for value in "yn")
    assert renames.applied(a, b) == (a, b, ())


@pytest.mark.parametrize("name", ["CRYPTO_SELFTESTS", "CRYPTO_MANAGER_DISABLE_TESTS"])
def test_a_rename_is_found_under_both_names(name: str) -> None:
    assert str(renames.find(name)) == (
        "CRYPTO_MANAGER_DISABLE_TESTS, turned round into CRYPTO_SELFTESTS in Linux 6.16"
    )


def test_no_name_is_in_the_table_twice() -> None:
    names = [name for one in renames.RENAMES for name in (one.old, one.new) if name]
    assert len(names) == len(set(names))
