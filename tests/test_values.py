"""values.dataclass makes what the standard decorator makes."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import FrozenInstanceError, field

import msgspec
import pytest

from bootwright.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Cheap:
    """Made by our decorator."""

    a: int
    b: str = "two"
    c: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.a < 0:
            raise ValueError(f"a is {self.a}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """The same, made by the standard one."""

    a: int
    b: str = "two"
    c: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheapChild(Cheap):
    """Has one field more."""

    d: int = 4


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StandardChild(Cheap):
    """Likewise, made by the standard decorator."""

    d: int = 4


def test_fields_are_those_of_a_standard_dataclass() -> None:
    def described(kind: type[Cheap] | type[Standard]) -> list[tuple[object, ...]]:
        return [(f.name, f.type, f.default, f.kw_only) for f in dataclasses.fields(kind)]

    assert described(Cheap) == described(Standard)
    assert Cheap.__slots__ == Standard.__slots__
    assert not hasattr(Cheap(a=1), "__dict__")


def test_repr_is_that_of_a_standard_dataclass() -> None:
    assert repr(Cheap(a=1)) == "Cheap(a=1, b='two', c=[])"
    assert repr(Cheap(a=1)) == repr(Standard(a=1)).replace("Standard", "Cheap")


def test_equality_asks_for_the_class_and_every_field() -> None:
    assert Cheap(a=1) == Cheap(a=1, b="two", c=[])
    assert Cheap(a=1) != Cheap(a=2)
    assert Cheap(a=1) != object()
    assert Cheap(a=1) != CheapChild(a=1)


def test_hash_follows_equality() -> None:
    values = {Cheap(a=1, c=()): "one"}  # type: ignore[arg-type]
    assert values[Cheap(a=1, c=())] == "one"  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="unhashable"):
        hash(Cheap(a=1))


def test_each_value_gets_a_default_of_its_own() -> None:
    assert Cheap(a=1).c is not Cheap(a=1).c


@pytest.mark.parametrize("kind", [Cheap, CheapChild, StandardChild])
def test_fields_can_be_neither_assigned_nor_deleted(kind: type[Cheap]) -> None:
    value = kind(a=1)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'a'"):
        value.a = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'a'"):
        del value.a
    assert value.a == 1


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(TypeError, match=r"^Cheap\(\) is missing the argument 'a'$"):
        Cheap()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"^Cheap\(\) got unexpected arguments: 'e', 'f'$"):
        Cheap(a=1, e=5, f=6)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Cheap(1)  # type: ignore[call-arg]


def test_post_init_checks_what_was_given() -> None:
    with pytest.raises(ValueError, match="a is -1"):
        Cheap(a=-1)
    with pytest.raises(ValueError, match="a is -1"):
        dataclasses.replace(Cheap(a=1), a=-1)


@pytest.mark.parametrize("kind", [CheapChild, StandardChild])
def test_children_have_the_fields_of_their_parent(
    kind: type[CheapChild] | type[StandardChild],
) -> None:
    assert dataclasses.asdict(kind(a=1)) == {"a": 1, "b": "two", "c": [], "d": 4}


def test_copies_are_equal() -> None:
    value = Cheap(a=1, c=[3])
    assert copy.copy(value) == copy.deepcopy(value) == pickle.loads(pickle.dumps(value)) == value
    assert copy.deepcopy(value).c is not value.c
    assert dataclasses.replace(value, b="three") == Cheap(a=1, b="three", c=[3])


def test_msgspec_reads_and_writes_them() -> None:
    text = msgspec.json.encode(Cheap(a=1))
    assert text == msgspec.json.encode(Standard(a=1))
    assert msgspec.json.decode(text, type=Cheap) == Cheap(a=1)
    with pytest.raises(msgspec.ValidationError, match=r"a is -1"):
        msgspec.json.decode(b'{"a": -1}', type=Cheap)
