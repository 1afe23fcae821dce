"""Make a kernel's ``.config`` from a profile, with the kernel's own scripts."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from bootwright.errors import BuildError
from bootwright.home import Home
from bootwright.host import commands, space
from bootwright.kbuild import toolchain
from bootwright.kbuild.profile import Profile
from bootwright.kbuild.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """An option that a profile sets and the kernel's scripts dropped."""

    name: str
    asked: str
    got: str
    """``n`` where it is off."""
    reason: str = ""
    """The unmet dependency."""

    def __str__(self) -> str:
        return f"CONFIG_{self.name}={self.asked} was dropped and is now {self.got}: {self.reason}"


def write(home: Home, profile: Profile, source: Source, folder: Path) -> dict[str, str]:
    """Write ``.config`` into *folder*, the build's own; change no other file.

    Compile only the kernel's config program.

    Returns:
        The options that are set, without ``CONFIG_``.

    Raises:
        BuildError: the kernel's scripts failed; their output is attached.

    Source: Documentation/kbuild/kconfig.rst (KCONFIG_ALLCONFIG), scripts/kconfig/merge_config.sh.
    """
    (folder / "fragment.config").write_text(profile.fragment())
    make = ["make", "-C", str(source.path), f"O={folder}"]
    if profile.kind == "allnoconfig":
        _run([*make, f"KCONFIG_ALLCONFIG={folder / 'fragment.config'}", "allnoconfig"], folder)
    else:
        (folder / "base.config").write_text(profile.base_config(home))
        script = source.path / "scripts" / "kconfig" / "merge_config.sh"
        _run(["sh", str(script), "-m", "-O", str(folder), "base.config", "fragment.config"], folder)
        _run([*make, "olddefconfig"], folder)
    return read(folder / ".config")


def read(config: Path) -> dict[str, str]:
    """Return the options that a ``.config`` sets, without ``CONFIG_``, text in its quotes."""
    return parse(config.read_text())


def parse(text: str) -> dict[str, str]:
    """Return the options that the text of a ``.config`` sets; see `read`."""
    options = {}
    for line in text.splitlines():
        if line.startswith("CONFIG_") and "=" in line:
            name, _, value = line.removeprefix("CONFIG_").partition("=")
            options[name] = value
    return options


def dropped(profile: Profile, config: dict[str, str]) -> list[Dropped]:
    """Return the options of *profile* that *config* does not have."""
    return [
        Dropped(name=option.name, asked=option.value, got=config.get(option.name, "n"))
        for option in profile.options
        if config.get(option.name, "n") != option.value
        # An empty string may belong to a menu that is off.
        and not (option.value == '""' and option.name not in config)
    ]


def explained(missing: list[Dropped], source: Source, folder: Path) -> tuple[Dropped, ...]:
    """Add the reasons to dropped options, from the ``.config`` that is in *folder*."""
    if not missing:
        return ()
    # Imported here: reading all Kconfig files takes two seconds.
    from bootwright.kbuild import kconfig

    options = kconfig.Options(source.path, folder / ".config")
    return tuple(replace(one, reason=options.missing(one.name)) for one in missing)


def _run(argv: list[str], folder: Path) -> None:
    commands.announce(argv)
    done = subprocess.run(
        argv,
        cwd=folder,
        env=toolchain.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode:
        space.raise_if_full(done.stdout)
        raise BuildError(
            "the kernel's config scripts failed",
            evidence="\n".join(done.stdout.splitlines()[-12:]),
        )
