"""Frozen classes behave as frozen dataclasses do."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from spec_lang.frozen import Frozen, Record


class Point(Record):
    x: int
    y: int = 0


class Labelled(Point):
    text: str = ""


class Place(Frozen):
    line: int


@dataclass(frozen=True)
class Twin:
    x: int
    y: int = 0


@pytest.mark.parametrize(("a", "b"), [((1,), (1, 0)), ((1, 2), (1, 2)), ((1, 2), (2, 1))])
def test_records_are_equal_as_dataclasses_are(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    assert (Point(*a) == Point(*b)) is (Twin(*a) == Twin(*b))
    assert (hash(Point(*a)) == hash(Point(*b))) is (hash(Twin(*a)) == hash(Twin(*b)))
    assert len({Point(*a), Point(*b)}) == len({Twin(*a), Twin(*b)})


def test_other_classes_are_not_equal() -> None:
    assert Point(1, 2) != Labelled(1, 2)
    assert Point(1, 2) != (1, 2)


def test_frozen_objects_are_themselves_only() -> None:
    assert Place(1) != Place(1)


def test_fields_are_inherited_in_order() -> None:
    assert Labelled(1, 2, "a") == Labelled(text="a", y=2, x=1)
    assert repr(Labelled(1)) == "Labelled(x=1, y=0, text='')"


def test_assigning_is_refused() -> None:
    with pytest.raises(AttributeError, match="Point is frozen"):
        Point(1).x = 2  # type: ignore[misc]  # what is tested


@pytest.mark.parametrize(("args", "kwargs"), [((), {}), ((1, 2, 3), {}), ((1,), {"z": 3})])
def test_wrong_arguments_are_refused(args: tuple[int, ...], kwargs: dict[str, int]) -> None:
    with pytest.raises(TypeError):
        Point(*args, **kwargs)


def test_replacing_makes_another() -> None:
    first = Labelled(1, 2, "a")
    assert first.replace(y=3) == Labelled(1, 3, "a")
    assert first == Labelled(1, 2, "a")
    with pytest.raises(TypeError):
        first.replace(z=1)


def test_the_first_instances_are_like_the_later_ones() -> None:
    class Pair(Record):
        a: int
        b: int = 0

    made = [Pair(1, 2) for _ in range(20)] + [Pair(1, b=2), Pair(b=2, a=1)]
    assert len(set(made)) == 1
    assert Pair(1) == Pair(1, 0)
    with pytest.raises(TypeError):
        Pair(1, 2, 3)  # type: ignore[call-arg]  # what is tested
