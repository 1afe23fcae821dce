"""How changes are written, and read from text. Values only: what a text names on this host, a
`Resolver` looks up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Protocol, cast, get_args

from bootwright.digest import Digest, is_digest
from bootwright.errors import InputError
from bootwright.recipes.change import (
    CHANGED,
    Argument,
    Blacklisted,
    CarriedFile,
    Change,
    CommandLine,
    Config,
    Edit,
    Field,
    Init,
    Kernel,
    Setting,
    VmmOption,
)
from bootwright.recipes.draft import FIELDS
from bootwright.recipes.recipe import GuestFile, InitName, KernelFile

_CONTROL = "/run/systemd/system.control"
_GENERATORS = "/run/systemd/system-generators"

FORMS = (
    ("cmdline+=ARG", "add a kernel argument"),
    ("cmdline-=ARG", "drop one"),
    ("cmdline:KEY=VALUE", "replace the value of one"),
    ("blacklist=INITCALL", "leave out an initcall of the kernel"),
    ("mask=UNIT", "do not start a systemd unit"),
    ("drop-generator=NAME", "do not run a systemd generator"),
    ("init=NAME", "another PID 1"),
    ("trim=NAME", "systemd with a trim"),
    ("kernel=NAME", "another kernel"),
    ("config:CONFIG_X=VALUE", "a kernel built with this option"),
    *(
        (f"{name}={field.metavar}", ", ".join(field.change_values) or field.help)
        for name, field in CHANGED.items()
    ),
    ("vmm.KNOB=VALUE", "tb-size of TCG, or a property of the machine such as hpet=off"),
    ("file:/run/PATH=HOSTFILE", "a file for the guest; the tiny guest takes any path"),
    ("drop-file=/run/PATH", "remove this file from the initramfs"),
)
"""How changes are written, and what they do."""


class Resolver(Protocol):
    """What the texts of changes name, on this host; InputError for what is not there."""

    def kernel(self, name: str) -> tuple[Digest, KernelFile]:
        """Return the digest of a kernel, and which of its files boots fastest."""
        ...

    def file(self, path: str) -> tuple[Digest, int]:
        """Store a file of this host's, or find one by its digest; return digest and mode."""
        ...

    def init(self, name: InitName) -> tuple[GuestFile, ...]:
        """Return what the initramfs carries for an init."""
        ...

    def trim(self, name: str) -> tuple[GuestFile, ...]:
        """Return what the initramfs carries for systemd-trimmed with this trim."""
        ...


_UNIT = re.compile(r"[A-Za-z0-9:_.\\@-]+\.(service|socket|target|timer|mount|path|swap|automount)")
_FILE_NAME = re.compile(r"[A-Za-z0-9_.@+-]+")
_KNOB = re.compile(r"[a-z0-9][a-z0-9-]*")
_KNOB_VALUE = re.compile(r"[A-Za-z0-9._+-]+")
_OPTION = re.compile(r"CONFIG_[A-Z0-9_a-z]+")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BY_DIGEST = re.compile(r"(sha256-[0-9a-f]{64}):([0-7]{3,4})")


@dataclass(frozen=True, slots=True)
class _Text:
    """A change's text, cut at its first ``=``."""

    whole: str
    name: str = field(init=False)
    value: str = field(init=False)

    def __post_init__(self) -> None:
        name, _, value = self.whole.partition("=")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "value", value)

    def wrong(self, why: str) -> InputError:
        return InputError(f"--with {self.whole!r}: {why}", hint=_hint(self.name))

    def match(self, pattern: re.Pattern[str], what: str, text: str | None = None) -> str:
        checked = self.value if text is None else text
        if not pattern.fullmatch(checked):
            raise self.wrong(f"{checked!r} is no {what}")
        return checked


def _hint(name: str) -> str:
    """Return the form of the change that *name* most likely means, or where all of them are."""
    from bootwright import suggest  # here: no boot waits for it

    forms = {re.split(r"=|:(?=[A-Z/])", form, maxsplit=1)[0]: form for form, _ in FORMS}
    start, _, rest = name.partition(":")
    word = start if rest else name
    if word in forms:
        return f"such as {forms[word]} ({dict(FORMS)[forms[word]].rstrip('.')})"
    if near := suggest.nearest(word, forms):
        return f"did you mean {forms[near]}?"
    return "such as cmdline+=quiet or memory=1G; bootwright compare --with help lists all changes"


def parse(text: str, resolver: Resolver) -> Change:
    """Read a change.

    Raises:
        InputError: it has none of the accepted forms, which are listed, or names what is not there.
    """
    given = _Text(text.strip())
    if "=" not in given.whole or not given.value:
        raise given.wrong("unknown change" if "=" not in text else "missing value")
    name, _, rest = given.name.partition(":")
    if rest and name in _WITH_SUBJECT:
        return Change(_WITH_SUBJECT[name](given, rest, resolver))
    if given.name in CHANGED:
        return Change(_field(given))
    if given.name in _PLAIN:
        return Change(_PLAIN[given.name](given, resolver))
    if given.name.startswith("vmm."):
        knob = given.match(_KNOB, "name of a VMM's option", given.name.removeprefix("vmm."))
        if knob in CHANGED:
            raise given.wrong(f"write {knob}={given.value}")
        value = given.match(_KNOB_VALUE, "value of a VMM's option")
        return Change(VmmOption(name=knob, value="" if value == "default" else value))
    raise given.wrong("unknown change")


def parse_all(texts: Sequence[str], resolver: Resolver) -> tuple[Change, ...]:
    """Read changes; see `parse`."""
    return tuple(parse(text, resolver) for text in texts)


def _word(given: _Text, text: str) -> str:
    if not text or any(c.isspace() for c in text):
        raise given.wrong("a kernel argument is one word; give several changes for several")
    return text


def _field(given: _Text) -> Field:
    try:
        value = CHANGED[given.name].recipe_value(given.value)
    except InputError as error:
        raise given.wrong(str(error)) from error
    return Field(name=given.name, value=value)


def _setting(given: _Text, key: str, resolver: Resolver) -> Edit:
    return Setting(key=_word(given, key), value=_word(given, given.value))


def _config(given: _Text, option: str, resolver: Resolver) -> Edit:
    return Config(
        option=given.match(_OPTION, "option such as CONFIG_SMP", option), value=given.value
    )


def _file(given: _Text, path: str, resolver: Resolver) -> Edit:
    digest, mode = resolver.file(given.value)
    if found := _BY_DIGEST.fullmatch(given.value):
        mode = int(found[2], 8)
    return CarriedFile(text=given.whole, path=_guest_path(given, path), digest=digest, mode=mode)


def _guest_path(given: _Text, path: str) -> str:
    if not path.startswith("/") or ".." in path.split("/") or str(PurePosixPath(path)) != path:
        raise given.wrong(f"{path!r} is no plain absolute path in the guest")
    return path


def _masked(folder: str, pattern: re.Pattern[str], what: str) -> _Reader:
    def read(given: _Text, resolver: Resolver) -> Edit:
        name = given.match(pattern, what)
        return CarriedFile(
            text=given.whole,
            path=f"{folder}/{name}",
            digest=resolver.file("/dev/null")[0],
            needs_systemd=True,
        )

    return read


def _kernel(given: _Text, resolver: Resolver) -> Edit:
    digest, _, file = given.value.partition(":")
    if is_digest(digest) and file in get_args(KernelFile):
        return Kernel(name=given.value, digest=Digest(digest), file=cast("KernelFile", file))
    found, fastest = resolver.kernel(given.value)
    return Kernel(name=given.value, digest=found, file=fastest)


def _init(given: _Text, resolver: Resolver) -> Edit:
    names = [name for name in FIELDS["init"].change_values if name != "systemd-trimmed"]
    if given.value not in names:
        raise given.wrong(f"init is one of {', '.join(names)}, and trim=NAME is systemd-trimmed")
    init: InitName = given.value  # type: ignore[assignment]
    return Init(text=given.whole, name=init, files=resolver.init(init))


def _all(given: _Text, resolver: Resolver) -> Edit:
    name, _, rest = given.value.partition(",")
    if name not in get_args(InitName):
        raise given.wrong(f"{name!r} is no init")
    files = []
    for entry in filter(None, rest.split(",")):
        path, _, content = entry.rpartition("=")
        found = _BY_DIGEST.fullmatch(content)
        if not found:
            raise given.wrong(f"{content!r} is no digest and mode")
        files.append(GuestFile(path=path, digest=Digest(found[1]), mode=int(found[2], 8)))
    init: InitName = name  # type: ignore[assignment]
    return Init(text=given.whole, name=init, files=tuple(files), is_all=True)


_Reader = Callable[[_Text, Resolver], Edit]
_WITH_SUBJECT: dict[str, Callable[[_Text, str, Resolver], Edit]] = {
    "cmdline": _setting,
    "config": _config,
    "file": _file,
}
_PLAIN: dict[str, _Reader] = {
    "cmdline+": lambda t, r: Argument(word=_word(t, t.value), is_there=True),
    "cmdline-": lambda t, r: Argument(word=_word(t, t.value), is_there=False),
    "cmdline": lambda t, r: CommandLine(words=tuple(t.value.split())),
    "blacklist": lambda t, r: Blacklisted(initcall=t.match(_IDENTIFIER, "initcall")),
    "mask": _masked(_CONTROL, _UNIT, "unit such as ssh.service"),
    "drop-generator": _masked(_GENERATORS, _FILE_NAME, "generator"),
    "drop-file": lambda t, r: CarriedFile(text=t.whole, path=_guest_path(t, t.value), digest=None),
    "kernel": _kernel,
    "init": _init,
    "trim": lambda t, r: Init(text=t.whole, name="systemd-trimmed", files=r.trim(t.value)),
    "guest-files": _all,
}
