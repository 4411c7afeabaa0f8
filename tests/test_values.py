"""Frozen values that are made quickly are what ordinary frozen dataclasses are, in everything but their time."""

from __future__ import annotations

import copy
import inspect
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, is_dataclass, replace

import pytest

from controller.state import LoopState
from plant_io import Setpoint
from plant_io.changes import changed
from plant_io.values import quick


@quick
@dataclass(frozen=True, slots=True)
class Point:
    """A value with every kind of field."""

    x: float
    """Place [m]."""
    y: float = 2.0
    """Place [m]."""
    names: list[str] = field(default_factory=list[str])
    """Names."""
    known: dict[str, float] | None = field(default=None, init=False, repr=False)
    """What is found later."""
    far: float = field(init=False)
    """Distance [m]."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "far", self.x + self.y)


OTHERS: list[type] = [dataclass(slots=True)(type("Loose", (), {})), dataclass(frozen=True)(type("Wide", (), {})), int]


def test_a_value_is_made_by_place_by_name_and_by_default() -> None:
    made = Point(1.0, names=["a"])
    assert (made.x, made.y, made.names, made.known, made.far) == (1.0, 2.0, ["a"], None, 3.0)
    assert type(made) is Point
    assert repr(made) == "Point(x=1.0, y=2.0, names=['a'], far=3.0)"


def test_what_is_made_anew_for_each_value_is_not_shared() -> None:
    assert Point(1.0).names is not Point(1.0).names


def test_a_value_stays_frozen() -> None:
    made = Point(1.0)
    with pytest.raises(FrozenInstanceError):
        made.x = 2.0  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(FrozenInstanceError):
        del made.x  # pyright: ignore[reportAttributeAccessIssue]


def test_a_value_is_equal_hashed_replaced_copied_and_pickled_as_any_other() -> None:
    made = Setpoint("FDR.F_SP", 2.0)
    assert made == Setpoint("FDR.F_SP", 2.0)
    assert hash(made) == hash(Setpoint("FDR.F_SP", 2.0))
    assert replace(made, value=3.0) == Setpoint("FDR.F_SP", 3.0)
    assert copy.deepcopy(made) == pickle.loads(pickle.dumps(made)) == made  # noqa: S301  # its own
    assert is_dataclass(made)


def test_its_signature_has_the_same_parameters() -> None:
    assert list(inspect.signature(LoopState).parameters) == [part.name for part in fields(LoopState) if part.init]


@pytest.mark.parametrize("given", [(), (1.0, 2.0, [], 4.0)])
def test_a_value_with_too_few_or_too_many_parts_is_refused(given: tuple[float, ...]) -> None:
    with pytest.raises(TypeError, match="__init__"):
        Point(*given)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_nothing_is_derived_from_it() -> None:
    with pytest.raises(TypeError, match="nothing is derived"):
        type("Further", (Point,), {})


@pytest.mark.parametrize(
    "kind", [dataclass(slots=True)(type("Loose", (), {})), dataclass(frozen=True)(type("Wide", (), {})), int]
)
def test_what_is_no_frozen_dataclass_with_slots_is_refused(kind: type) -> None:
    with pytest.raises(TypeError, match="expected a frozen dataclass with slots"):
        quick(kind)


def test_a_field_that_has_to_be_named_is_refused() -> None:
    named: type = dataclass(frozen=True, slots=True, kw_only=True)(
        type("Named", (), {"__annotations__": {"x": "float"}})
    )
    with pytest.raises(TypeError, match="by their place"):
        quick(named)


@quick
@dataclass(frozen=True, slots=True)
class Span:
    """Two numbers in their order."""

    low: float
    """Number [1]."""
    high: float
    """Number [1]."""

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("the wrong way round")


@dataclass(frozen=True, slots=True)
class Plain:
    """What is not made quickly."""

    x: float
    """Number [1]."""


@pytest.mark.parametrize(
    "old", [LoopState(), Setpoint("FDR.F_SP", 2.0), Plain(1.0)], ids=lambda old: type(old).__name__
)
def test_a_changed_value_is_the_one_that_dataclasses_would_have_made(old: LoopState | Setpoint | Plain) -> None:
    name = fields(old)[0].name
    new = changed(old, **{name: "other"})

    assert new == replace(old, **{name: "other"})  # type: ignore[arg-type]
    assert (type(new), old == type(old)(*[getattr(old, each.name) for each in fields(old)])) == (type(old), True)


def test_a_changed_value_is_looked_at_as_a_new_one_is() -> None:
    assert changed(Span(1.0, 2.0), low=0.5) == Span(0.5, 2.0)
    with pytest.raises(ValueError, match="wrong way"):
        changed(Span(1.0, 2.0), low=3.0)


def test_a_changed_value_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        changed(Span(1.0, 2.0), low=0.5).low = 0.0  # type: ignore[misc]


def test_no_field_is_changed_that_is_not_there_or_makes_itself() -> None:
    with pytest.raises(KeyError):
        changed(Plain(1.0), y=2.0)
    with pytest.raises(TypeError, match="given by their place"):
        changed(Point(1.0), x=2.0)
