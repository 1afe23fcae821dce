"""Configs by name: a kernel's, a profile's as the kernel's scripts complete it, or a file's.

Compare two configs, or explain the value of an option in one.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bootwright.errors import FormatError, InputError
from bootwright.events import Notice, Observer, Progress, ignore
from bootwright.home import Home
from bootwright.kbuild import configdiff, configfile, configure, kconfig, renames, toolchain
from bootwright.kbuild.configdiff import Difference
from bootwright.kbuild.configfile import Config
from bootwright.kbuild.kconfig import Answer
from bootwright.kbuild.profile import is_profile_file, load_profile, profile_names
from bootwright.kbuild.renames import Renamed
from bootwright.kbuild.source import debian_source, known_source
from bootwright.kernels.kernel import kernel_store, load_kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFacts:
    """What a config is for."""

    fragment: bool
    """Whether it says nothing about the options that it does not name."""
    named: int
    """How many options it names."""
    architecture: str
    """As the kernel calls it; empty: not said."""
    version: str
    """The kernel's; empty: not said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigDiff:
    """How two configs differ."""

    a: str
    """The config as the user named it."""
    b: str
    differences: tuple[Difference, ...]
    """Group by group."""
    options_on: tuple[int, int]
    """How many of the compared options are y in each."""
    modules: tuple[int, int]
    """How many of the compared options are m in each."""
    facts: tuple[ConfigFacts, ConfigFacts]
    compared: int | None
    """How many options were compared; None: all, as neither is a fragment."""
    renamed: tuple[Renamed, ...]
    """Options that the two have under different names; where they differ, also in `differences`."""
    warnings: tuple[str, ...]
    source: Path | None
    """The source tree that prompts and initcalls come from; None: no source was available."""


def diff(
    home: Home, a: str, b: str, *, source: Path | None = None, observe: Observer = ignore
) -> ConfigDiff:
    """Compare two configs; see `text_of` for what *a* and *b* may be, and what is raised.

    Args:
        source: A kernel source tree; default: Debian's, if it was fetched before.
    """
    if a == b == configfile.PIPE:
        raise InputError("A and B both read the pipe", hint="name a file for one")
    first, second = (configfile.parse(text_of(home, side, observe)) for side in (a, b))
    facts = (_facts(first), _facts(second))
    first, second, renamed = renames.applied(first, second)
    only = _compared(first, second)
    known = known_source(home)
    tree = source or (known.path if known is not None and known.path.is_dir() else None)
    observe(Progress(step="reading the kernel's options", share=0.95))
    options = kconfig.Options(tree) if tree else None
    sides = [
        {name: value for name, value in side.options.items() if only is None or name in only}
        for side in (first, second)
    ]
    values = [list(side.values()) for side in sides]
    return ConfigDiff(
        a=a,
        b=b,
        differences=tuple(configdiff.differences(*sides, options=options, source=tree)),
        options_on=(values[0].count("y"), values[1].count("y")),
        modules=(values[0].count("m"), values[1].count("m")),
        source=tree,
        facts=facts,
        compared=None if only is None else len(only),
        renamed=renamed,
        warnings=tuple(_warnings((a, b), facts, only)),
    )


def _facts(config: Config) -> ConfigFacts:
    return ConfigFacts(
        fragment=config.fragment,
        named=len(config.named),
        architecture=config.architecture,
        version=config.version,
    )


def _compared(a: Config, b: Config) -> frozenset[str] | None:
    """Return the options that both configs say something about; None: all."""
    named = [config.named for config in (a, b) if config.fragment]
    return frozenset.intersection(*named) if named else None


def _warnings(
    names: tuple[str, ...], facts: tuple[ConfigFacts, ConfigFacts], only: frozenset[str] | None
) -> Iterator[str]:
    names = tuple("standard input" if name == configfile.PIPE else name for name in names)
    for name, side in zip(names, facts, strict=True):
        if side.fragment:
            yield (
                f"{name} is a fragment that names {side.named} "
                f"{'option' if side.named == 1 else 'options'}: only what it names is compared"
            )
    if only is not None and not only:
        yield "the two fragments have no option in common: nothing was compared"
    a, b = facts
    if a.architecture and b.architecture and not _same_architecture(a, b):
        yield (
            f"{names[0]} is for {a.architecture}, {names[1]} for {b.architecture}: "
            "many options exist on one of them only"
        )
    if a.version and b.version and _series(a.version) != _series(b.version):
        yield (
            f"{names[0]} is for Linux {a.version}, {names[1]} for Linux {b.version}: "
            "an option that one of them does not have counts as n there"
        )


def _same_architecture(a: ConfigFacts, b: ConfigFacts) -> bool:
    both = {a.architecture, b.architecture}
    # The header of a config may call both kinds of x86 just that.
    return len(both) == 1 or ("x86" in both and bool(both & {"x86_64", "i386"}))


def _series(version: str) -> list[str]:
    return re.findall(r"\d+", version)[:2]


def why(
    home: Home, option: str, what: str, *, source: Path | None = None, observe: Observer = ignore
) -> Answer:
    """Explain the value of *option* in the config that *what* names; see `text_of`.

    Args:
        source: A kernel source tree; default: Debian's, fetched if necessary.

    Raises:
        InputError: this kernel has no such option, or *what* names no config.
    """
    text = text_of(home, what, observe)
    tree = source or debian_source(home, observe=observe).path
    for warning in _unlike(what, configfile.parse(text), kconfig.version(tree)):
        observe(Notice(text=f"warning: {warning}"))
    observe(Progress(step="reading the kernel's options", share=0.95))
    with tempfile.NamedTemporaryFile("w", suffix=".config") as file:
        file.write(text)
        file.flush()
        return kconfig.Options(tree, Path(file.name)).why(option)


def _unlike(name: str, config: Config, version: str) -> Iterator[str]:
    """Yield why Kconfig files of a *version* of Linux may not explain a config."""
    name = "standard input" if name == configfile.PIPE else name
    if config.architecture not in ("", "x86", "x86_64", "i386"):
        yield f"{name} is for {config.architecture}, but is explained by the options of x86"
    if config.version and _series(config.version) != _series(version):
        yield (
            f"{name} is for Linux {config.version}, but is explained by the source of Linux "
            f"{version}: give its own with --source DIR"
        )
    if config.fragment:
        yield f"{name} is a fragment: what it does not name has its default"


def text_of(home: Home, what: str, observe: Observer = ignore) -> str:
    """Return the text of the config that *what* names.

    Args:
        what: The path of a ``.config``, also compressed, or of a kernel that has its config inside;
            ``-`` for standard input; a kernel in the store; a profile or the path of one, which
            is completed by the scripts of Debian's source, fetched if necessary.
        observe: Also receives a notice for each option that the kernel's scripts drop.

    Raises:
        InputError: *what* names no config.
        FormatError: that kernel was added without a config, or the file is not a config.
    """
    path = Path(what)
    if what == configfile.PIPE or (
        path.exists() and not is_profile_file(what) and not _is_name(home, what)
    ):
        return configfile.text_of_file(what)
    store = kernel_store(home)
    if what in store.names() or (
        what not in profile_names() and "/" not in what and _is_there(home, what)
    ):
        kernel = load_kernel(home, what)
        if "config" not in kernel.parts:
            raise FormatError(
                f"kernel {what!r} was added without a config", hint="add it again with --config"
            )
        return (kernel.folder / "config").read_text()
    if what not in profile_names() and not is_profile_file(what):
        raise InputError(
            f"{what!r} is not a kernel, a profile or a file",
            hint=f"kernels: {', '.join(store.names()) or 'none'}; "
            f"profiles: {', '.join(profile_names())}",
        )
    chosen = load_profile(what)
    toolchain.require()
    source = debian_source(home, observe=observe)
    observe(Progress(step=f"completing {what}", share=0.9))
    with tempfile.TemporaryDirectory(prefix="bootwright-config-") as folder:
        config = configure.write(home, chosen, source, Path(folder))
        for option in configure.explained(configure.dropped(chosen, config), source, Path(folder)):
            observe(Notice(text=f"warning: {option}"))
        return (Path(folder) / ".config").read_text()


def _is_name(home: Home, what: str) -> bool:
    """Return whether *what* is a stored kernel's or a profile's name, beside a folder of it."""
    return Path(what).is_dir() and (what in kernel_store(home).names() or what in profile_names())


def _is_there(home: Home, reference: str) -> bool:
    """Return whether *reference* is a stored kernel's digest, or the start of one."""
    from bootwright.errors import NotFoundError

    try:
        kernel_store(home).resolve(reference)
    except NotFoundError:
        return False
    return True
