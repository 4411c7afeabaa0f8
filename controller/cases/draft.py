"""A library entry drafted from a confirmed unknown trend, for people to finish, check and approve."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import numpy as np

from anomaly import trending
from anomaly.cases import Case, Disposition, Window
from anomaly.trending import Reading, TrendKit
from controller.cases.judging import frozen
from plant_io.signals import Floats
from policies import Policy, Trend, library
from policies.library import Exponential, Shape
from policies.words import written

_MOVED = 2.0
_SPREAD = 0.35
_TOP = re.compile(r"^[a-z_]+:")


def drafted(case: Case, entry: str, author: str, policy: Policy) -> bytes:
    """Return the library of a case with one entry more, a draft; nothing else in it is changed.

    The signature is what the frozen window shows: each channel that moved by two standard deviations or more, relative
    to the one that moved most, give or take a third; every other one stands still.

    Parameters
    ----------
    case
        The case.
    entry
        Id of the new entry.
    author
        Who drafts it.
    policy
        Policy the case was opened under.

    Raises
    ------
    ValueError
        If the case is of no unknown trend of a library of that policy, or the id is taken.
    """
    watch, window = policy.watches.get(case.latest.watches[0]), case.latest.window
    if not isinstance(watch, Trend) or window is None or not case.unknown:
        raise ValueError(f"{case.id}: an entry is drafted only from an unknown trend of a library")
    text = policy.files[watch.library].decode("utf-8")
    known = library.read(text.encode(), watch.library)
    if entry in known.entries:
        raise ValueError(f"{watch.library}: there is an entry {entry} already")
    kit = trending.prepare(case.latest.watches[0], watch, known, policy.units())
    made = _placed(text, "\n".join(_lines(case, entry, author, kit)))
    library.read(made.encode(), watch.library)
    return made.encode()


def refitted(window: Window, kit: TrendKit) -> Reading:
    """Return what a frozen window says by a library."""
    points: Floats = np.full((kit.declared.window, len(window.tags)), np.nan)
    points[-len(window.points) :] = window.points
    return trending.read(points, kit, normal=np.array(window.normal))


def _placed(text: str, block: str) -> str:
    """Return a library with a block at the end of its entries."""
    lines = text.rstrip("\n").split("\n")
    begin = lines.index("entries:")
    end = next((i for i in range(begin + 1, len(lines)) if _TOP.match(lines[i])), len(lines))
    while not lines[end - 1].strip():
        end -= 1
    return "\n".join([*lines[:end], "", block, *lines[end:]]) + "\n"


def _lines(case: Case, entry: str, author: str, kit: TrendKit) -> Iterator[str]:
    window = case.latest.window
    assert window is not None  # noqa: S101  # for checkers: the caller has looked
    found = refitted(window, kit).found
    moves = found.moves * kit.sd
    lead = int(np.argmax(np.abs(found.moves)))
    result = case.results[-1] if case.results else None
    confirm = "To be written" if result is None else f"{result.test}; found then: {result.found}"
    sop = next((task.sop for task in case.steps if task.confirms), "")
    yield f"  # Drafted from case {case.id}, evidence {frozen(case.latest)[:16]}: to be finished, checked and approved."
    yield f"  {entry}:"
    yield f"    name: {_text(f'Drafted from {case.id}')}"
    artefact = case.disposition is Disposition.ANALYTICAL
    yield f"    class: {'analytical_artefact' if artefact else 'process'}"
    yield "    signature:"
    for i, tag in enumerate(kit.tags):
        if i == lead or abs(found.moves[i]) >= _MOVED:
            share = float(moves[i] / abs(moves[lead]))
            spread = 0.0 if i == lead else _SPREAD * abs(share)
            yield f"      {tag}: [{share - spread:.4g}, {share + spread:.4g}]"
    yield f"    shapes: [{_shape(kit.courses.shapes[found.course])}]"
    yield f"    least: {abs(float(moves[lead])) / 2.0:.4g}"
    cause = case.why or "To be written"
    yield f"    meaning: {{causes: [{_text(cause)}], confirm: {_text(confirm)}, sop: {_text(sop)}}}"
    yield f"    severity: {case.evidence.priority}"
    yield f"    routing: {'lab' if artefact else 'qa'}"
    said = _text(f"case {case.id}, evidence sha256 {frozen(case.latest)}")
    yield f'    governance: {{status: draft, author: {_text(author)}, version: "1", evidence: [{said}]}}'


def _shape(shape: Shape) -> str:
    if not isinstance(shape, Exponential):
        return f"{{kind: {shape.kind}}}"
    to = "" if shape.to_s is None else f", to: {written(shape.to_s)}"
    return f"{{kind: {shape.kind}, tau: {written(shape.tau_s)}{to}}}"


def _text(said: str) -> str:
    return json.dumps(said, ensure_ascii=False)
