"""Parts of the sentences people are told: how many of something there are, and which."""

from __future__ import annotations

from collections.abc import Iterable


def counted(number: int, noun: str) -> str:
    """Return how many there are of something.

    Parameters
    ----------
    number
        How many [1].
    noun
        What it is, one of it.

    Examples
    --------
    >>> counted(1, "result"), counted(0, "result"), counted(12, "batch"), counted(2, "entry"), counted(3, "day")
    ('1 result', '0 results', '12 batches', '2 entries', '3 days')
    """
    if number == 1:
        return f"{number} {noun}"
    if noun.endswith("y") and noun[-2:-1] not in set("aeiou"):
        return f"{number} {noun[:-1]}ies"
    return f"{number} {noun}es" if noun.endswith(("ch", "sh", "s", "x")) else f"{number} {noun}s"


def among(names: Iterable[str], noun: str, verb: str = "wanted") -> str:
    """Return which names would have done instead of one that does not, or that there is none at all.

    Parameters
    ----------
    names
        The names.
    noun
        What they are names of, one of it.
    verb
        ``wanted`` or ``expected``.

    Examples
    --------
    >>> among(["blend", "dryer"], "loop"), among([], "loop")
    ('wanted one of blend, dryer', 'but there is no loop')
    """
    there = ", ".join(names)
    return f"{verb} one of {there}" if there else f"but there is no {noun}"
