"""Explain why a kernel option is on or off, from the kernel's Kconfig files.

They are read by kconfiglib. It has had no release for years and does not know a keyword that
Linux 5.14 introduced; with that keyword replaced by its older form, it gives every option of Linux
6.1 the value that the kernel's own program gives it (see tests/kbuild/test_kconfig.py).
"""

from __future__ import annotations

import io
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kconfiglib

from bootwright.errors import InputError
from bootwright.kbuild import toolchain

_VALUES = {0: "n", 1: "m", 2: "y"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A condition and its value."""

    condition: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Why an option has its value."""

    name: str
    value: str
    kind: str
    """bool, tristate, int, hex or string."""
    prompt: str
    """Its prompt; empty: users cannot set it."""
    where: tuple[str, ...]
    """``file:line`` of its definitions."""
    needs: tuple[Term, ...]
    """Its dependencies; all must hold for it to be on."""
    selected_by: tuple[Term, ...]
    """Options that are on and force it on."""
    defaults: tuple[Term, ...]
    choice: str
    """The selected option of its choice group; empty: it is in no group."""
    reason: str


class _Kconfig(kconfiglib.Kconfig):  # type: ignore[misc]  # it ships no types
    """kconfiglib for one tree, from any folder, with the keyword that Linux 5.14 introduced.

    kconfiglib takes the tree and its variables from the process's folder and environment, which are
    the user's. It looks for a function before an environment variable, so each variable is a
    function here.
    """

    def __init__(self, source: Path) -> None:
        self._source = source
        self._is_set_up = False
        self._environment = _environment(source)
        super().__init__("Kconfig", warn=False)

    def _open(self, filename: str, mode: str) -> Any:
        if not self._is_set_up:  # before the first file, the tree's Kconfig
            self._set_up()
            filename = str(self._source / "Kconfig")
        opened = super()._open(filename, mode)
        if mode != "r":
            return opened
        with opened:
            text = opened.read()
        # Source: Documentation/kbuild/kconfig-language.rst, "modules".
        text = re.sub(r"^(\s+)modules$", r"\1option modules", text, flags=re.MULTILINE)
        # Source: the same before Linux 4.18, "env".
        return io.StringIO(re.sub(r'^(\s+)option env="(\w+)"$', self._default, text, flags=re.M))

    def _set_up(self) -> None:
        self._is_set_up = True
        self.srctree = str(self._source)
        self._srctree_prefix = f"{os.path.realpath(self._source)}/"
        self._functions |= {name: (self._variable, 0, 0) for name in self._environment}
        self._functions |= {"shell": (self._shell, 1, 1), "info": (lambda *_: "", 1, 1)}

    def _variable(self, _: kconfiglib.Kconfig, name: str) -> str:
        return self._environment[name]

    def _default(self, option: re.Match[str]) -> str:
        value = self._environment.get(option[2], "")
        return f'{option[1]}default "{value}"'

    def _shell(self, _: kconfiglib.Kconfig, __: str, command: str) -> str:
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=self._source,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
        # Source: Documentation/kbuild/kconfig-macro-language.rst, $(shell,command).
        return done.stdout.rstrip("\n").replace("\n", " ")


class Options:
    """The options of one source tree.

    Reading all of them takes about two seconds.

    Args:
        source: The tree.
        config: A ``.config``; default: all options have their defaults.
    """

    def __init__(self, source: Path, config: Path | None = None) -> None:
        self._kconfig = _Kconfig(source.absolute())
        if config is not None:
            self._kconfig.load_config(str(config))

    def prompt(self, name: str) -> str:
        """Return the prompt of an option; empty if it has none."""
        symbol = self._kconfig.syms.get(name)
        return _prompt(symbol) if symbol is not None else ""

    def where(self, name: str) -> str:
        """Return the Kconfig file that defines an option; empty if none does."""
        symbol = self._kconfig.syms.get(name)
        return symbol.nodes[0].filename if symbol is not None and symbol.nodes else ""

    def missing(self, name: str) -> str:
        """Explain in one line why an option cannot be on, such as an unmet dependency."""
        if name not in self._kconfig.syms or not self._kconfig.syms[name].nodes:
            return "this kernel has no such option"
        answer = self.why(name)
        off = [term.condition for term in answer.needs if term.value == "n"]
        if off:
            return "needs " + " and ".join(off)
        if answer.choice and answer.choice != name:
            return f"its choice group has {answer.choice} selected"
        if not answer.prompt:
            return "only other options can select it"
        return answer.reason

    def why(self, name: str) -> Answer:
        """Explain the value of an option.

        Raises:
            InputError: this kernel has no such option.
        """
        name = name.removeprefix("CONFIG_")
        symbol = self._kconfig.syms.get(name)
        if symbol is None or not symbol.nodes:
            raise InputError(f"this kernel has no option {name}", hint=self._hint(name))
        choice = symbol.choice.selection.name if symbol.choice and symbol.choice.selection else ""
        needs = tuple(_term(part) for part in _split(symbol.direct_dep, kconfiglib.AND))
        selected = tuple(
            _term(part)
            for part in _split(symbol.rev_dep, kconfiglib.OR)
            if kconfiglib.expr_value(part)
        )
        defaults = tuple(
            Term(
                condition=_text(value)
                + (f" if {_text(when)}" if when is not self._kconfig.y else ""),
                value=_VALUES[kconfiglib.expr_value(when)],
            )
            for value, when in symbol.defaults
        )
        answer = Answer(
            name=name,
            value=symbol.str_value,
            kind=kconfiglib.TYPE_TO_STR[symbol.type],
            prompt=_prompt(symbol),
            where=tuple(f"{node.filename}:{node.linenr}" for node in symbol.nodes),
            needs=needs,
            selected_by=selected,
            defaults=defaults,
            choice=choice,
            reason="",
        )
        return _with_reason(answer, symbol)

    def _hint(self, name: str) -> str:
        import difflib  # several names: options have long families

        from bootwright.kbuild import renames

        rename = renames.find(name)
        if rename is not None:
            return str(rename)
        known = [symbol.name for symbol in self._kconfig.unique_defined_syms]
        close = difflib.get_close_matches(name.upper(), known, n=3)
        return f"did you mean {', '.join(close)}?" if close else "use a name such as VIRTIO_BLK"


def _with_reason(answer: Answer, symbol: Any) -> Answer:
    off = [term.condition for term in answer.needs if term.value == "n"]
    if answer.selected_by:
        forcing = ", ".join(term.condition.split(" && ")[0] for term in answer.selected_by[:3])
        reason = f"selected by {forcing}"
    elif off:
        reason = f"off: needs {' and '.join(off)}"
    elif answer.choice:
        reason = (
            "selected in its choice group"
            if answer.choice == answer.name
            else (f"its choice group has {answer.choice} selected")
        )
    elif symbol.user_value is not None and answer.prompt:
        reason = "set in the config"
    elif not answer.prompt:
        reason = "its default; users cannot set it" if answer.defaults else "nothing selects it"
    else:
        reason = "its default; the config does not set it"
    import dataclasses

    return dataclasses.replace(answer, reason=reason)


def _prompt(symbol: Any) -> str:
    return next((str(node.prompt[0]) for node in symbol.nodes if node.prompt), "")


def _split(expression: Any, operator: int) -> list[Any]:
    """Return the parts of an OR or AND expression; empty without a condition."""
    constant = getattr(expression, "is_constant", False)
    return [] if constant else list(kconfiglib.split_expr(expression, operator))


def _term(expression: Any) -> Term:
    return Term(condition=_text(expression), value=_VALUES[kconfiglib.expr_value(expression)])


def _text(expression: Any) -> str:
    return str(kconfiglib.expr_str(expression))


def _environment(source: Path) -> dict[str, str]:
    """Return the variables that the kernel's Makefile exports to its Kconfig files."""
    programs = {"CC": "gcc", "HOSTCC": "gcc", "HOSTCXX": "g++", "LD": "ld", "PAHOLE": "pahole"}
    programs |= {"RUSTC": "rustc", "BINDGEN": "bindgen", "CLANG_FLAGS": "", "RETPOLINE_CFLAGS": ""}
    tree = {"srctree": ".", "SRCARCH": "x86", "KERNELVERSION": version(source)}
    return toolchain.environment() | programs | tree


def version(source: Path) -> str:
    """Return the version of Linux that a source tree is, such as ``6.1.50``."""
    found = dict(
        re.findall(
            r"^(VERSION|PATCHLEVEL|SUBLEVEL) = (\d+)",
            (source / "Makefile").read_text(),
            re.MULTILINE,
        )
    )
    return ".".join(found.get(part, "0") for part in ("VERSION", "PATCHLEVEL", "SUBLEVEL"))
