"""Files of fitted numbers: read with one sentence for a file that holds none, and written for a person to read."""

from __future__ import annotations

import json
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
    where, why = _mistakes(error)[0]
    return ValueError(f"{name} is no {what}: {where}: {why}")


def declared(kind: type[Kind], data: bytes, what: str) -> Kind:
    """Return what a file that people write too holds.

    Parameters
    ----------
    kind
        What it is to hold.
    data
        Its content, JSON.
    what
        What it is to hold, in words.

    Raises
    ------
    ValueError
        If it is no JSON, or holds nothing of that kind; every mistake is named.
    """
    try:
        return kind.model_validate(json.loads(data))
    except ValidationError as error:
        said = "; ".join(f"{where}: {why.lower()}" for where, why in _mistakes(error))
        raise ValueError(f"{what}: {said}") from None
    except ValueError as error:
        raise ValueError(f"{what}: not JSON: {error}") from None


def written(found: BaseModel, *, without_none: bool = False) -> bytes:
    """Return what was found as a file that a person can read."""
    plain = found.model_dump(mode="json", by_alias=True, exclude_none=without_none)
    return (json.dumps(plain, indent=2) + "\n").encode()


def _mistakes(error: ValidationError) -> list[tuple[str, str]]:
    found = error.errors(include_url=False)
    return [(".".join(map(str, each["loc"])) or "the file", each["msg"]) for each in found]
