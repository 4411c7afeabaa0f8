"""What people say when they order something, read in one place, whichever way it comes: words, numbers, the policy."""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum
from math import isfinite, nan
from typing import TypeVar

from controller.cycle import SetLimits, SetTarget

POLICY = "policy"
"""Word for what the policy says."""
_LONGEST = 60
_Word = TypeVar("_Word", bound=StrEnum)


def one_of(kind: type[_Word], name: str, said: str) -> _Word:
    """Return what a word stands for.

    Parameters
    ----------
    kind
        What it may stand for.
    name
        What is read.
    said
        The word.

    Raises
    ------
    ValueError
        If it stands for nothing; the message is one sentence.

    Examples
    --------
    >>> from controller.cycle import Mode
    >>> one_of(Mode, "mode", "auto")
    <Mode.AUTO: 'auto'>
    """
    with suppress(ValueError):
        return kind(said)
    raise ValueError(f"{name}: found {said[:_LONGEST]!r}, wanted one of {', '.join(kind)}")


def number(name: str, said: object, more: str = "") -> float:
    """Return a number that is one: neither infinite nor none.

    Parameters
    ----------
    name
        What is read.
    said
        A number, or a text with one.
    more
        What else might have been said, for the message.

    Raises
    ------
    ValueError
        If it is none.

    Examples
    --------
    >>> number("low", "1.8")
    1.8
    """
    value = nan
    with suppress(ValueError, OverflowError):
        value = float(said) if isinstance(said, str | int | float) and not isinstance(said, bool) else nan
    if not isfinite(value):
        raise ValueError(f"{name}: found {str(said)[:_LONGEST]!r}, wanted a number{more}")
    return value


def limits(loop: str, name: str, low: object, high: object) -> SetLimits:
    """Return the order for limits of a variable, each a number, or both the word policy.

    Parameters
    ----------
    loop
        Name of the loop.
    name
        Name of the variable.
    low
        Lowest value as it was said.
    high
        Highest value as it was said.

    Raises
    ------
    ValueError
        If one of them is no number.

    Examples
    --------
    >>> limits("blend", "api_sp", "1.8", 2.2), limits("blend", "api_sp", "policy", "policy").limits
    (SetLimits(loop='blend', name='api_sp', limits=(1.8, 2.2)), None)
    """
    if low == high == POLICY:
        return SetLimits(loop, name, None)
    more = "" if POLICY not in (low, high) else f", or the word {POLICY} for both"
    return SetLimits(loop, name, (number("low", low, more), number("high", high, more)))


def target(loop: str, name: str, said: object) -> SetTarget:
    """Return the order for a target of a variable, a number or the word policy.

    Parameters
    ----------
    loop
        Name of the loop.
    name
        Name of the controlled variable.
    said
        The target as it was said.

    Raises
    ------
    ValueError
        If it is neither.
    """
    return SetTarget(loop, name, None if said == POLICY else number("target", said))
