"""Fitted models read from the files they are stored in, with one sentence for a file that holds none."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

Kind = TypeVar("Kind", bound=BaseModel)


def stored(kind: type[Kind], data: bytes, name: str, what: str) -> Kind:
    """Return what a file holds.

    Parameters
    ----------
    kind
        What it is to hold.
    data
        Its content, JSON.
    name
        Its name, for the message.
    what
        What it is to hold, in words.

    Raises
    ------
    ValueError
        If it holds nothing of that kind; the message says which file and where in it.
    """
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        raise refusal(error, name, what) from None


def refusal(error: ValidationError, name: str, what: str) -> ValueError:
    """Return the refusal of a file `name` that is not `what` it should be."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(step) for step in first["loc"]) or "the file"
    return ValueError(f"{name} is no {what}: {where}: {first['msg']}")
