"""What people ask for on a page, read from what the browser sent: an order, or one sentence why it is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast, get_args

from anomaly.cases import Countersign, Dispose, Disposition, DoStep, EnterResult, Reopen, Return, Support
from controller import ordering
from controller.console.board import Board
from controller.console.trends import case
from controller.cycle import (
    Accept,
    Act,
    Attention,
    Directive,
    DirectLine,
    HandleAlarm,
    Mode,
    SetMode,
)
from controller.ordering import POLICY
from policies.sentences import among

Sent = Mapping[str, object]
"""Fields of a form, or of a JSON object."""
LONGEST = 300
"""Longest reason [character]."""


def read(sent: Sent, board: Board) -> Act:
    """Return what is asked for.

    Parameters
    ----------
    sent
        What the browser sent: ``kind``, ``loop`` and what the kind wants.
    board
        What is known of the run.

    Raises
    ------
    ValueError
        If it is nothing that can be asked for; the message is one sentence.
    """
    kind, loop = _text(sent, "kind"), _text(sent, "loop")
    if kind == "alarm":
        return _alarm(sent)
    if kind == "case":
        return _case(sent, board)
    if kind == "line":
        return _line(sent)
    if kind not in KINDS:
        raise ValueError(f"kind: found {kind!r}, wanted one of alarm, case, line, {', '.join(KINDS)}")
    if loop not in board.kit.loops:
        raise ValueError(f"loop: found {loop[:60]!r}, {among(board.kit.loops, 'loop')}")
    return KINDS[kind](sent, loop)


def why(sent: Sent) -> str:
    """Return the reason that was given.

    Raises
    ------
    ValueError
        If there is none, or it is no line of text.
    """
    found = _text(sent, "why").strip()
    if not found:
        raise ValueError("why: found no reason, wanted one for the record")
    if len(found) > LONGEST or not found.isprintable():
        raise ValueError(f"why: wanted one line of at most {LONGEST} characters")
    return found


def _alarm(sent: Sent) -> Act:
    if "attend" in sent:  # the button of a row: what is done, to which alarm, and when that was raised
        done, _, rest = _text(sent, "attend").partition(" ")
        name, _, raised = rest.partition(" ")
        sent = {**sent, "attention": done, "alarm": name, **({"raised": raised} if raised else {})}
    done, name = ordering.one_of(Attention, "attention", _text(sent, "attention")), _text(sent, "alarm")
    for_s = 60.0 * _number(sent, "minutes") if done is Attention.SHELVE else None
    if for_s is not None and not for_s > 0.0:
        raise ValueError("minutes: wanted a number above 0")
    return HandleAlarm(name, done, for_s, _number(sent, "raised") if sent.get("raised") else None)


def _line(sent: Sent) -> Act:
    return DirectLine(ordering.one_of(Directive, "directive", _text(sent, "directive")))


def _case(sent: Sent, board: Board) -> Act:
    name, step, does = _text(sent, "case"), _text(sent, "step"), _text(sent, "does")
    try:
        one = case(board, name)
    except LookupError:
        raise ValueError(f"case: found {name[:60]!r}, and there is none of that name") from None
    if step:
        return DoStep(name, step)
    if does == "result":
        test, found, supports = (_text(sent, key).strip() for key in ("test", "found", "supports"))
        if not test or not found or supports not in get_args(Support):
            raise ValueError(f"result: wanted test, found, and supports as one of {', '.join(get_args(Support))}")
        return EnterResult(name, test, found, cast("Support", supports), _text(sent, "reference").strip())
    if does == "judge":
        return Dispose(name, ordering.one_of(Disposition, "disposition", _text(sent, "disposition")))
    if does == "countersign":
        if one.disposition is None:
            raise ValueError(f"case {name}: there is no disposition to be signed")
        return Countersign(name, one.disposition, "")
    if does in {"return", "reopen"}:
        return Return(name) if does == "return" else Reopen(name)
    raise ValueError(f"does: found {does!r}, wanted one of result, judge, countersign, return, reopen, or a step")


def _mode(sent: Sent, loop: str) -> Act:
    return SetMode(loop, ordering.one_of(Mode, "mode", _text(sent, "mode")))


def _accept(sent: Sent, loop: str) -> Act:
    return Accept(loop, _number(sent, "proposed_at"))


def _limits(sent: Sent, loop: str) -> Act:
    ends = [POLICY if sent.get("policy") else _said(sent, end) for end in ("low", "high")]
    return ordering.limits(loop, _text(sent, "name"), *ends)


def _target(sent: Sent, loop: str) -> Act:
    return ordering.target(loop, _text(sent, "name"), POLICY if sent.get("policy") else _said(sent, "target"))


KINDS: Mapping[str, Callable[[Sent, str], Act]] = {
    "mode": _mode,
    "accept": _accept,
    "limits": _limits,
    "target": _target,
}
"""How each kind of order to a loop is read."""


def _text(sent: Sent, name: str) -> str:
    found = sent.get(name, "")
    if isinstance(found, str):
        return found
    raise ValueError(f"{name}: wanted a text")


def _said(sent: Sent, name: str) -> object:
    return sent.get(name, "")


def _number(sent: Sent, name: str) -> float:
    return ordering.number(name, _said(sent, name))
