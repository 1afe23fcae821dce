"""Configs by name: a kernel's, a profile's as the kernel's scripts complete it, or a file's.

Two of them are compared, and of one it is explained why an option has its value.
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
    """What was compared, as it was named."""
    b: str
    differences: tuple[Difference, ...]
    """Group by group."""
    options_on: tuple[int, int]
    """How many options are y in each."""
    modules: tuple[int, int]
    """How many options are m in each."""
    source: Path | None
    """The source tree that prompts and initcalls come from; None: they are not known."""


def diff(
    home: Home, a: str, b: str, *, source: Path | None = None, observe: Observer = ignore
) -> ConfigDiff:
    """Compare two configs; see `text_of` for what *a* and *b* may be, and what is raised.

    Args:
        source: A kernel source tree; left out: Debian's, if it has been fetched.
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
        source: A kernel source tree; left out: Debian's, fetched where it is not there.

    Raises:
        InputError: this kernel has no such option, or nothing is called *what*.
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
            is completed by the scripts of Debian's source, fetched where it is not there.
        observe: Given a notice of each option of a profile that the kernel drops, too.

    Raises:
        InputError: nothing is called so.
        FormatError: that kernel came without its config, or the file is none.
    """
    path = Path(what)
    if path.is_file() and not is_profile_file(what):
        text = path.read_text(errors="replace")
        if "CONFIG_" not in text:
            raise FormatError(
                f"{path} is no kernel config", hint="it has lines such as CONFIG_SMP=y"
            )
        return text
    store = kernel_store(home)
    if what in store.names() or (
        what not in profile_names() and "/" not in what and _is_there(home, what)
    ):
        kernel = load_kernel(home, what)
        if "config" not in kernel.parts:
            raise FormatError(
                f"kernel {what!r} came without its config", hint="add it again with --config"
            )
        return (kernel.folder / "config").read_text()
    if what not in profile_names() and not is_profile_file(what):
        raise InputError(
            f"{what!r} is no kernel, no profile and no file",
            hint=f"kernels: {', '.join(store.names()) or 'none yet'}; "
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
    """Say whether *reference* is a digest, or the start of one."""
    from bootwright.errors import NotFoundError

    try:
        kernel_store(home).resolve(reference)
    except NotFoundError:
        return False
    return True
