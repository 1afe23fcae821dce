"""Frozen dataclasses that are cheap to define.

A boot waits while two processes import bootwright's classes. The standard decorator writes and
compiles six methods for each frozen class, which takes 0.6 ms; here all classes share theirs, and
each takes 0.05 ms. Otherwise they are dataclasses: type checkers see the standard decorator, and
`dataclasses.fields` and `replace`, copy, pickle and msgspec work on them.

Modules that no boot imports use the standard decorator.
"""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, FrozenInstanceError
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, frozen, slots, kw_only):
        """Make a frozen, slotted, keyword-only dataclass."""
        assert frozen
        assert slots
        assert kw_only
        return _make


class _Methods:
    """The methods that all classes share, equivalent to those that `dataclasses` generates."""

    __dataclass_fields__: dict[str, dataclasses.Field[Any]]

    def __init__(self, **values: Any) -> None:
        for name, field in self.__dataclass_fields__.items():
            if name in values:
                value = values.pop(name)
            elif field.default is not MISSING:
                value = field.default
            elif field.default_factory is not MISSING:
                value = field.default_factory()
            else:
                raise TypeError(f"{type(self).__name__}() is missing the argument {name!r}")
            object.__setattr__(self, name, value)
        if values:
            names = ", ".join(map(repr, values))
            raise TypeError(f"{type(self).__name__}() got unexpected arguments: {names}")
        if post_init := getattr(self, "__post_init__", None):
            post_init()

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__dataclass_fields__)
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, n) == getattr(other, n) for n in self.__dataclass_fields__)

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, name) for name in self.__dataclass_fields__))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __getstate__(self) -> list[object]:
        return [getattr(self, name) for name in self.__dataclass_fields__]

    def __setstate__(self, state: list[object]) -> None:
        for name, value in zip(self.__dataclass_fields__, state, strict=True):
            object.__setattr__(self, name, value)


_SHARED = {name: method for name, method in vars(_Methods).items() if callable(method)}


def _make(cls: type) -> type:
    for name, method in _SHARED.items():
        if name not in vars(cls):
            setattr(cls, name, method)
    parents = [p for base in cls.__mro__ if (p := vars(base).get("__dataclass_params__"))]
    _set_frozen(parents, False)  # else the standard decorator insists on freezing cls
    try:
        decorate = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True, kw_only=True)
        made: type = decorate(cls)
    finally:
        _set_frozen(parents, True)
    parameters = vars(made)["__dataclass_params__"]
    parameters.init = parameters.repr = parameters.eq = parameters.frozen = True
    return made


def _set_frozen(parents: list[Any], frozen: bool) -> None:
    for parameters in parents:
        parameters.frozen = frozen
