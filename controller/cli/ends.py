"""How a verb may end other than well."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager


class Refused(Exception):  # noqa: N818  # it is the verb's answer, not a fault of ours
    """The input of a verb is bad; the message says where, what was found and what was wanted."""


class Unreachable(Exception):  # noqa: N818  # the same
    """The plant or a server could not be reached at the start."""


@contextmanager
def reading() -> Generator[None]:
    """Turn what can be wrong with files and values a user gave into one clear refusal.

    Raises
    ------
    Refused
        If the body raises `ValueError` or `OSError`, whose messages are written for people.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise Refused(f"{error.filename}: there is no such file" if error.filename else str(error)) from error
    except (ValueError, OSError) as error:
        raise Refused(str(error)) from error


@contextmanager
def at(place: str) -> Generator[None]:
    """Put where a value was found before the sentence that says what is wrong with it.

    Raises
    ------
    ValueError
        If the body does.
    """
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


def duration(option: str, text: str | None) -> float | None:
    """Return the length of a duration given on the command line [s], or None where it was not given.

    Raises
    ------
    Refused
        If `text` is no duration.
    """
    from policies.words import seconds  # noqa: PLC0415  # heavy

    if text is None:
        return None
    try:
        return seconds(text)
    except ValueError as error:
        raise Refused(f"{option}: found {text!r}, {error}") from error
