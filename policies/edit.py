"""Numbers of a policy file changed where they stand, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping

from policies.positions import Path, dotted, read

_NUMBER = re.compile(r"[-+.0-9eE]+")


def changed(data: bytes, numbers: Mapping[Path, float]) -> bytes:
    r"""Return a file with other numbers; comments, order, spaces and every other byte stay as they are.

    Parameters
    ----------
    data
        The file.
    numbers
        New numbers by the path to each, each in the unit the file gives it in.

    Raises
    ------
    ValueError
        If one of them is not written in the file as a number.

    Examples
    --------
    >>> changed(b"a:\n  b: 0.2  # why\n", {("a", "b"): 0.4})
    b'a:\n  b: 0.4  # why\n'
    """
    document = read(data, "policy")
    lines = data.decode("utf-8").split("\n")
    places = {path: document.values.get(path) for path in numbers}
    # From the end on, so that what is still to be changed stays where it is.
    for path, place in sorted(places.items(), key=lambda one: (one[1].line, one[1].column) if one[1] else (0, 0))[::-1]:
        found = None if place is None or place.file else _NUMBER.match(lines[place.line - 1], place.column - 1)
        if place is None or found is None:
            raise ValueError(f"{dotted(path)}: found no number written there, wanted one that can be changed")
        line = lines[place.line - 1]
        lines[place.line - 1] = line[: found.start()] + f"{numbers[path]:.6g}" + line[found.end() :]
    return "\n".join(lines).encode("utf-8")
