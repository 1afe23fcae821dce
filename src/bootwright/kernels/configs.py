"""A config by name: a kernel's, a profile's as the kernel's scripts complete it, or a file's."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from bootwright.errors import FormatError, InputError
from bootwright.home import Home
from bootwright.kernels import configure, profile, toolchain
from bootwright.kernels import source as sources
from bootwright.kernels.kernel import load, shelf


def text_of(
    home: Home,
    what: str,
    progress: Callable[[str, float], None],
    warn: Callable[[str], None],
) -> str:
    """Return the text of the config that *what* names.

    Args:
        what: The path of a ``.config``; a kernel in the store; a profile or the path of one, which
            is completed by the scripts of Debian's source, fetched where it is not there.
        progress: Called with the step and the share done, 0 to 1.
        warn: Told of each option of a profile that the kernel drops.

    Raises:
        InputError: nothing is called so.
        FormatError: that kernel came without its config, or the file is none.
    """
    path = Path(what)
    if path.is_file() and not profile.is_file(what):
        text = path.read_text(errors="replace")
        if "CONFIG_" not in text:
            raise FormatError(
                f"{path} is no kernel config", hint="it has lines such as CONFIG_SMP=y"
            )
        return text
    store = shelf(home)
    if what in store.names() or (
        what not in profile.names() and "/" not in what and _is_there(home, what)
    ):
        kernel = load(home, what)
        if "config" not in kernel.parts:
            raise FormatError(
                f"kernel {what!r} came without its config", hint="add it again with --config"
            )
        return (kernel.folder / "config").read_text()
    if what not in profile.names() and not profile.is_file(what):
        raise InputError(
            f"{what!r} is no kernel, no profile and no file",
            hint=f"kernels: {', '.join(store.names()) or 'none yet'}; "
            f"profiles: {', '.join(profile.names())}",
        )
    chosen = profile.load(what)
    toolchain.require()
    source = sources.debian(home, progress=progress)
    progress(f"completing {what}", 0.9)
    with tempfile.TemporaryDirectory(prefix="bootwright-config-") as folder:
        config = configure.write(home, chosen, source, Path(folder))
        for option in configure.explained(configure.dropped(chosen, config), source, Path(folder)):
            warn(str(option))
        return (Path(folder) / ".config").read_text()


def _is_there(home: Home, reference: str) -> bool:
    """Say whether *reference* is a digest, or the start of one."""
    from bootwright.errors import NotFoundError

    try:
        shelf(home).resolve(reference)
    except NotFoundError:
        return False
    return True
