"""Options that matter at boot and that a version of Linux renamed, turned round or made fixed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from bootwright.kbuild.configfile import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """An option with two names."""

    old: str
    new: str
    """Empty: there is no such option any more, and it is always on."""
    since: tuple[int, int]
    """The first version of Linux that has the new name."""
    turned_round: bool = False
    """Whether the new one is on where the old one was off."""
    needs: str = ""
    """The option without which neither is there, nor what they stand for."""

    def __str__(self) -> str:
        if not self.new:
            return f"{self.old}: removed in Linux {self.since[0]}.{self.since[1]}, always on since"
        kind = "turned round into" if self.turned_round else "renamed"
        return f"{self.old}, {kind} {self.new} in Linux {self.since[0]}.{self.since[1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """An option that two configs have under different names."""

    old: str
    new: str
    """Empty: it is no option any more, and always on."""
    since: str
    turned_round: bool
    a: str
    """As A has it: ``NAME=VALUE``, or ``always on``."""
    b: str
    """As B has it."""
    same: bool
    """Whether both mean the same."""


def _mitigation(old: str, new: str) -> Rename:
    return Rename(old=old, new=f"MITIGATION_{new}", since=(6, 9))


RENAMES = (
    # Source: commit 40b9969796bf, "crypto: testmgr - replace CRYPTO_MANAGER_DISABLE_TESTS with
    # CRYPTO_SELFTESTS"; both are in the menu of CRYPTO.
    Rename(
        old="CRYPTO_MANAGER_DISABLE_TESTS",
        new="CRYPTO_SELFTESTS",
        since=(6, 16),
        turned_round=True,
        needs="CRYPTO",
    ),
    # Source: commit ac90aad0e9bf, "crypto: testmgr - reinstate kconfig control over full
    # self-tests".
    Rename(old="CRYPTO_MANAGER_EXTRA_TESTS", new="CRYPTO_SELFTESTS_FULL", since=(6, 16)),
    # Source: commit 3357b6c94569, "crypto: tcrypt - rename CRYPTO_TEST to CRYPTO_BENCHMARK".
    Rename(old="CRYPTO_TEST", new="CRYPTO_BENCHMARK", since=(6, 16)),
    # Each makes every entry into the kernel or every return slower.
    # Source: commits be83e809ca67 to 0911b8c52c4d, "x86/bugs: Rename CONFIG_... =>
    # CONFIG_MITIGATION_...".
    _mitigation("PAGE_TABLE_ISOLATION", "PAGE_TABLE_ISOLATION"),
    _mitigation("RETPOLINE", "RETPOLINE"),
    _mitigation("RETHUNK", "RETHUNK"),
    _mitigation("SLS", "SLS"),
    _mitigation("CPU_UNRET_ENTRY", "UNRET_ENTRY"),
    _mitigation("CPU_IBPB_ENTRY", "IBPB_ENTRY"),
    _mitigation("CPU_IBRS_ENTRY", "IBRS_ENTRY"),
    _mitigation("CPU_SRSO", "SRSO"),
    _mitigation("CALL_DEPTH_TRACKING", "CALL_DEPTH_TRACKING"),
    _mitigation("GDS_FORCE_MITIGATION", "GDS_FORCE"),
    # Whether the kernel waits for entropy.
    # Source: commit b9b01a5625b5, "random: use random.trust_{bootloader,cpu} command line option
    # only".
    Rename(old="RANDOM_TRUST_CPU", new="", since=(6, 2)),
    Rename(old="RANDOM_TRUST_BOOTLOADER", new="", since=(6, 2)),
    # Source: commit 8633ef82f101, "drivers/firmware: consolidate EFI framebuffer setup for all
    # arches".
    Rename(old="X86_SYSFB", new="SYSFB_SIMPLEFB", since=(5, 15)),
    # Source: commit 0f5bf6d0afe4, "arch: Rename CONFIG_DEBUG_RODATA and
    # CONFIG_DEBUG_MODULE_RONX".
    Rename(old="DEBUG_RODATA", new="STRICT_KERNEL_RWX", since=(4, 11)),
    Rename(old="DEBUG_SET_MODULE_RONX", new="STRICT_MODULE_RWX", since=(4, 11)),
)


def find(name: str) -> Rename | None:
    """Return the rename in which an option takes part, under either name."""
    return next((rename for rename in RENAMES if name in (rename.old, rename.new)), None)


def applied(a: Config, b: Config) -> tuple[Config, Config, tuple[Renamed, ...]]:
    """Give options that *a* and *b* have under different names the new one, with its meaning.

    Returns:
        Both, and the options that were renamed.
    """
    found = []
    for rename in RENAMES:
        in_a, in_b = (_name_in(a, rename), _name_in(b, rename))
        if in_a is None or in_b is None or in_a == in_b:
            continue
        # One that the older kernel does not have either is new.
        if rename.old not in a.named | b.named and not rename.turned_round:
            continue
        name = rename.new or rename.old
        written = (_written(a, in_a), _written(b, in_b))
        a, b = (_modern(config, rename) for config in (a, b))
        values = [config.options.get(name, "n") for config in (a, b)]
        if values == ["n", "n"] and not rename.turned_round:
            continue
        found.append(
            Renamed(
                old=rename.old,
                new=rename.new,
                since=f"{rename.since[0]}.{rename.since[1]}",
                turned_round=rename.turned_round,
                a=written[0],
                b=written[1],
                same=values[0] == values[1],
            )
        )
    return a, b, tuple(found)


def _written(config: Config, name: str) -> str:
    return f"{name}={config.options.get(name, 'n')}" if name else "always on"


def _name_in(config: Config, rename: Rename) -> str | None:
    """Return the name that *config* has for an option; None: it says nothing about it."""
    for name in (rename.new, rename.old):
        if name and name in config.named:
            return name
    version = re.match(r"(\d+)\.(\d+)", config.version)
    if config.fragment or version is None:
        return None
    return rename.new if (int(version[1]), int(version[2])) >= rename.since else rename.old


def _modern(config: Config, rename: Rename) -> Config:
    """Return *config* with the new name, and with its meaning."""
    name = rename.new or rename.old
    options = dict(config.options)
    if _name_in(config, rename) == "":
        options[name] = "y"
    elif _name_in(config, rename) == rename.old:
        value = options.pop(rename.old, "n")
        if rename.turned_round:
            is_there = rename.old in config.named or options.get(rename.needs, "n") != "n"
            value = "y" if value == "n" and is_there else "n"
        if value != "n":
            options[name] = value
    return replace(config, options=options, named=(config.named - {rename.old}) | {name})
