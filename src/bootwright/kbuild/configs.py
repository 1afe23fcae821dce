"""Configs by name: a kernel's, a profile's as the kernel's scripts complete it, or a file's.

Compare two configs, or explain the value of an option in one.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from bootwright.errors import FormatError, InputError
from bootwright.events import Notice, Observer, Progress, ignore
from bootwright.home import Home
from bootwright.kbuild import configdiff, configure, kconfig, toolchain
from bootwright.kbuild.configdiff import Difference
from bootwright.kbuild.kconfig import Answer
from bootwright.kbuild.profile import is_profile_file, load_profile, profile_names
from bootwright.kbuild.source import debian_source, known_source
from bootwright.kernels.kernel import kernel_store, load_kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigDiff:
    """How two configs differ."""

    a: str
    """The config as the user named it."""
    b: str
    differences: tuple[Difference, ...]
    """Group by group."""
    options_on: tuple[int, int]
    """How many options are y in each."""
    modules: tuple[int, int]
    """How many options are m in each."""
    source: Path | None
    """The source tree that prompts and initcalls come from; None: no source was available."""


def diff(
    home: Home, a: str, b: str, *, source: Path | None = None, observe: Observer = ignore
) -> ConfigDiff:
    """Compare two configs; see `text_of` for what *a* and *b* may be, and what is raised.

    Args:
        source: A kernel source tree; default: Debian's, if it was fetched before.
    """
    first, second = (configure.parse(text_of(home, side, observe)) for side in (a, b))
    known = known_source(home)
    tree = source or (known.path if known is not None and known.path.is_dir() else None)
    observe(Progress(step="reading the kernel's options", share=0.95))
    options = kconfig.Options(tree) if tree else None
    values = [list(side.values()) for side in (first, second)]
    return ConfigDiff(
        a=a,
        b=b,
        differences=tuple(configdiff.differences(first, second, options=options, source=tree)),
        options_on=(values[0].count("y"), values[1].count("y")),
        modules=(values[0].count("m"), values[1].count("m")),
        source=tree,
    )


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
    observe(Progress(step="reading the kernel's options", share=0.95))
    with tempfile.NamedTemporaryFile("w", suffix=".config") as file:
        file.write(text)
        file.flush()
        return kconfig.Options(tree, Path(file.name)).why(option)


def text_of(home: Home, what: str, observe: Observer = ignore) -> str:
    """Return the text of the config that *what* names.

    Args:
        what: The path of a ``.config``; a kernel in the store; a profile or the path of one, which
            is completed by the scripts of Debian's source, fetched if necessary.
        observe: Also receives a notice for each option that the kernel's scripts drop.

    Raises:
        InputError: *what* names no config.
        FormatError: that kernel was added without a config, or the file is not a config.
    """
    path = Path(what)
    if path.is_file() and not is_profile_file(what):
        text = path.read_text(errors="replace")
        if "CONFIG_" not in text:
            raise FormatError(
                f"{path} is not a kernel config",
                hint="a kernel config has lines such as CONFIG_SMP=y",
            )
        return text
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


def _is_there(home: Home, reference: str) -> bool:
    """Tell whether *reference* is a stored kernel's digest, or the start of one."""
    from bootwright.errors import NotFoundError

    try:
        kernel_store(home).resolve(reference)
    except NotFoundError:
        return False
    return True
