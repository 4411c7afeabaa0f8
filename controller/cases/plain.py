"""Cases, and what people do to them, from plain values and in words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from anomaly.cases import (
    Carry,
    Case,
    CaseAct,
    Countersign,
    Dispose,
    DoStep,
    EnterResult,
    Propose,
    Reopen,
    Return,
)
from policies.people import Right

_ACTS: Mapping[str, type[CaseAct]] = {
    "step": DoStep,
    "found": EnterResult,
    "returned": Return,
    "reopened": Reopen,
    "draft": Propose,
    "carried": Carry,
    "counter": Countersign,
    "disposition": Dispose,
}
"""Kinds of acts by a field that those below have not."""


def act(data: Mapping[str, Any]) -> CaseAct:
    """Return an act from its plain form.

    Raises
    ------
    ValueError
        If it is none.
    """
    return _adapter(next(name for name in _ACTS if name in data)).validate_python(data)


def case(data: Mapping[str, Any]) -> Case:
    """Return a case from its plain form.

    Raises
    ------
    ValueError
        If it is none.
    """
    return _case().validate_python(data)


@cache
def _adapter(name: str) -> TypeAdapter[CaseAct]:
    return TypeAdapter(_ACTS[name])


@cache
def _case() -> TypeAdapter[Case]:
    return TypeAdapter(Case)


def said(done: CaseAct) -> tuple[str, str, object, object]:
    """Return for the audit trail what an act asks for, of which case, and what was and is wanted."""
    found: tuple[str, str | None]
    match done:
        case DoStep():
            found = ("case: step done", done.step)
        case EnterResult():
            found = ("case: result entered", f"{done.test}: {done.found} ({done.supports})")
        case Dispose():
            found = ("case: judged", done.disposition.value)
        case Countersign():
            found = ("case: signed", done.disposition.value)
        case Return():
            found = ("case: disposition sent back", None)
        case Reopen():
            found = ("case: opened again", None)
        case Propose():
            found = ("case: library entry drafted", f"{done.entry}, sha256 {done.draft}")
        case Carry():
            found = ("case: goes on from an earlier run", done.carried.stage.value)
    return found[0], done.case, None, found[1]


def needed(done: CaseAct) -> Right:
    """Return the right it takes to do something to a case."""
    return Right.FOLLOW if isinstance(done, DoStep | EnterResult | Propose) else Right.JUDGE
