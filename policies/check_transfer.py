"""Cross-rules of matrices of transfer functions, and of plants whose time is not that of the wall."""

from __future__ import annotations

from collections.abc import Iterator

from policies.check_shape import hint, listed
from policies.check_view import View
from policies.errors import Problem
from policies.positions import Path
from policies.transfer import TIMES
from policies.words import written

_ROUNDING = 1e-9
_FEWEST_CYCLES = 2


def pairs(view: View) -> Iterator[Problem]:
    """Check that the matrix has a row for each measurement and columns that are inputs."""
    for loop in _loops(view):
        measured, rows = view.names(*loop, "measured"), view.names(*loop, "matrix")
        inputs = (*view.names(*loop, "moved"), *view.names(*loop, "known"))
        for row in rows:
            if row not in measured:
                yield _unknown(view, (*loop, "matrix", row), "a measurement", measured)
            strange = [name for name in view.names(*loop, "matrix", row) if name not in inputs]
            yield from (_unknown(view, (*loop, "matrix", row, n), "an input, moved or known", inputs) for n in strange)
        for name in set(measured) - set(rows):
            message = f"found no row of the matrix for {name}, expected one for every measurement"
            yield view.problem((*loop, "measured", name), message, at_key=True)


def effects(view: View) -> Iterator[Problem]:
    """Check that every input has an effect, and that what is controlled can be."""
    for loop in _loops(view):
        measured, moved = view.names(*loop, "measured"), view.names(*loop, "moved")
        rows = view.names(*loop, "matrix")
        for name in view.names(*loop, "controlled"):
            yield from _controllable(view, (*loop, "controlled", name), measured, moved)
        for name in (*moved, *view.names(*loop, "known")):
            if rows and not any(name in view.names(*loop, "matrix", row) for row in rows):
                role = "moved" if name in moved else "known"
                message = f"found {name}, to which nothing in the matrix answers; expected a response in some row"
                yield view.problem((*loop, role, name), message, at_key=True)


def _controllable(view: View, here: Path, measured: tuple[str, ...], moved: tuple[str, ...]) -> Iterator[Problem]:
    loop, name = here[:2], str(here[-1])
    if name not in measured:
        yield _unknown(view, here, "a measurement", measured)
        return
    answers = view.names(*loop, "matrix", name)
    if answers and not set(answers) & set(moved):
        message = f"found {name}, which answers to nothing that is moved; expected a response to {listed(moved, 'or')}"
        yield view.problem(here, message, at_key=True)
    if view.get(*here, "target") is None and view.get(*here, "limits") is None:
        yield view.problem(here, "found neither target nor limits, expected one of them", at_key=True)


def _unknown(view: View, path: Path, kind: str, names: tuple[str, ...]) -> Problem:
    message = f"found {path[-1]!r}, expected the name of {kind}{hint(str(path[-1]), names)}"
    return view.problem(path, message, at_key=True)


def reach(view: View) -> Iterator[Problem]:
    """Check that every answer to a moved input begins within the horizon."""
    for loop in _loops(view):
        unit, sample = view.text(*loop, "time") or "", view.duration(*loop, "sample")
        samples = view.number(*loop, "horizon")
        if unit not in TIMES or sample is None or samples is None:
            continue
        moved, horizon = view.names(*loop, "moved"), sample * samples / TIMES[unit]
        for here in view.match(f"loops.{loop[1]}.matrix.*.*.dead_time"):
            dead = view.number(*here)
            if here[-2] in moved and dead is not None and dead > horizon - sample / TIMES[unit] + _ROUNDING:
                message = (
                    f"found {dead:g} {unit}, expected at most a sample less than the horizon of {horizon:g} {unit}"
                )
                yield view.problem(here, message)


def forms(view: View) -> Iterator[Problem]:
    """Check that no response has more leads than lags."""
    for here in view.match("loops.*.matrix.*.*.leads"):
        leads = len(list(view.match(".".join((*map(str, here), "*")))))
        lags = len(list(view.match(".".join((*map(str, here[:-1]), "lags", "*")))))
        if leads > lags:
            yield view.problem(here, f"found {leads} leads, expected no more than the {lags} lags")


def pace(view: View) -> Iterator[Problem]:
    """Check that a sample is at least two cycles, so that a plan made in one can be followed from the next."""
    period = view.duration("period")
    for loop in _loops(view):
        sample = view.duration(*loop, "sample")
        if period is not None and sample is not None and sample < _FEWEST_CYCLES * period * (1.0 - _ROUNDING):
            wanted = (
                f"at least two cycles, {written(_FEWEST_CYCLES * period)}, for a plan comes a cycle after its problem"
            )
            yield view.problem((*loop, "sample"), f"found {view.text(*loop, 'sample')}, expected {wanted}")


def led(view: View) -> Iterator[Problem]:
    """Check that a plant that waits can be led, at one pace only, by whole cycles."""
    period, every = view.duration("period"), view.duration("lockstep", "every")
    if view.get("plant_time", "waits") is True:
        if not view.names("lockstep"):
            yield view.problem(
                ("plant_time", "waits"), "found true, expected a section lockstep with the tags to lead by"
            )
        if view.get("plant_time", "speed") is not None:
            message = "found a speed for a plant that waits, expected one of them"
            yield view.problem(("plant_time", "speed"), message, at_key=True)
    if period is not None and every is not None:
        cycles = every / period
        if round(cycles) < 1 or abs(cycles - round(cycles)) > _ROUNDING * cycles:
            message = f"found {view.text('lockstep', 'every')}, expected a whole multiple of the period of"
            yield view.problem(("lockstep", "every"), f"{message} {view.text('period')}")


def _loops(view: View) -> Iterator[Path]:
    for loop in view.match("loops.*"):
        if view.text(*loop, "kind") == "transfer_function":
            yield loop
