"""Two kernel configs side by side, grouped by what matters at boot."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bootwright.kbuild import blame

if TYPE_CHECKING:
    from bootwright.kbuild.kconfig import Options

Group = Literal["self-tests", "debug and tracing", "drivers", "initcalls", "other"]

GROUPS: dict[Group, str] = {
    "self-tests": "the kernel tests itself at boot",
    "debug and tracing": "for kernel developers; much of it slows down every call",
    "drivers": "each probes for its devices at boot",
    "initcalls": "not drivers, but they run code at boot",
    "other": "no known code that runs at boot",
}
"""Each group with its description, in display order."""

_TESTS = re.compile(r"SELF_?TEST|KUNIT|_TESTS?(_|$)|BENCHMARK|RUNTIME_TESTING")
_DEBUG = re.compile(
    r"(^|_)(DEBUG|TRACE|TRACER|TRACING|FTRACE|KPROBES?|UPROBES?|KASAN|KCSAN|UBSAN|KFENCE|LOCKDEP|"
    r"PROFILING|KGDB|LATENCYTOP|SCHEDSTATS|GCOV|KMEMLEAK|DETECT_HUNG_TASK|LOCKUP_DETECTOR)(_|$|S$)"
)
_DEBUG_FILES = re.compile(r"Kconfig\.(debug|k[a-z]san|ubsan|kfence|kgdb|kmemcheck)|^kernel/trace/")
_INITCALL = re.compile(
    r"^(?:\w+_initcall(?:_sync)?|module_init|early_initcall|builtin_\w+_driver|"
    r"module_(?:\w+_)?driver)\((\w+)",
    re.MULTILINE,
)
_SAME_AS_COMPILER = re.compile(
    r"(CC|GCC|CLANG|AS|LD|LLD|PAHOLE|RUSTC|BINDGEN)_(VERSION|VERSION_TEXT)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An option that differs between two configs."""

    name: str
    a: str
    """y, m, n, a number, or text in quotes."""
    b: str
    group: Group
    prompt: str = ""
    """Its prompt in Kconfig; empty without a source or a prompt."""
    initcalls: tuple[str, ...] = ()
    """Functions of its files that run at boot; empty without a source."""


def differences(
    a: Mapping[str, str], b: Mapping[str, str], *, options: Options | None, source: Path | None
) -> list[Difference]:
    """Return the options that differ, group by group.

    Args:
        a: Options that are set, without ``CONFIG_``.
        options: The source's options, where there is a source: prompts come from it.
        source: The source, where there is one: initcalls come from it.
    """
    changed = sorted(
        name
        for name in a.keys() | b.keys()
        if a.get(name, "n") != b.get(name, "n") and not _SAME_AS_COMPILER.fullmatch(name)
    )
    initcalls = _initcalls(source, set(changed)) if source else {}
    found = []
    for name in changed:
        calls = initcalls.get(name, ())
        found.append(
            Difference(
                name=name,
                a=a.get(name, "n"),
                b=b.get(name, "n"),
                group=_group(name, options.where(name) if options else "", bool(calls)),
                prompt=options.prompt(name) if options else "",
                initcalls=calls,
            )
        )
    order = list(GROUPS)
    return sorted(found, key=lambda difference: order.index(difference.group))


def _group(name: str, kconfig: str, has_initcalls: bool) -> Group:
    if _TESTS.search(name):
        return "self-tests"
    if _DEBUG_FILES.search(kconfig) or _DEBUG.search(name):
        return "debug and tracing"
    if kconfig.startswith(("drivers/", "sound/")):
        return "drivers"
    return "initcalls" if has_initcalls else "other"


def _initcalls(source: Path, names: set[str]) -> dict[str, tuple[str, ...]]:
    """Return the functions that run at boot in the files that each option builds."""
    found: dict[str, list[str]] = {}
    for folder, below, files in os.walk(source):
        place = Path(folder)
        if place == source:
            # What is built for the host, and other machine types.
            below[:] = [
                d for d in below if d not in ("Documentation", "tools", "scripts", "samples")
            ]
        if place == source / "arch":
            below[:] = ["x86"]
        if "Makefile" not in files and "Kbuild" not in files:
            continue
        for option, object_file in blame.files_of(place):
            if option in names:
                text = _text((place / object_file).with_suffix(".c"))
                found.setdefault(option, []).extend(_INITCALL.findall(text))
    return {name: tuple(calls) for name, calls in found.items() if calls}


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except (FileNotFoundError, IsADirectoryError):
        return ""
