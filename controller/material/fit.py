"""Residence-time distributions fitted to tracer tests: pulses, steps, or any signal that was measured on both sides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from controller.material.cells import count, grown, row
from controller.material.rtd import Followed, Reference, Rtd, Shape
from plant_io.signals import Floats

_QUANTA, _LONGEST = 160, 12.0
_MOST_TANKS = 12.0
_MOST_CORRELATED = 0.95
_FEWEST = 8


@dataclass(frozen=True, slots=True, eq=False)
class Tracer:
    """One tracer test: what entered a unit, and what left it."""

    at: Floats
    """Times, rising, shape ``(n,)`` [s]."""
    flow: Floats
    """Throughput at these times, shape ``(n,)`` [kg/h]."""
    speed: float
    """Speed, in the unit of its tag."""
    inlet: Floats
    """Tracer in what enters, shape ``(n,)``, in any unit."""
    outlet: Floats
    """Tracer in what leaves, not a number where no sample was taken, shape ``(n,)``, in a unit of its own."""
    ideal: bool = False
    """Whether the inlet is an ideal pulse or step of unknown size, and the outlet is scaled to it."""


class Forms(NamedTuple):
    """What is fitted."""

    form: Shape
    """Form of the distribution."""
    by_flow: bool
    """Whether the hold-up may depend on the throughput."""
    by_speed: bool
    """Whether the hold-up may depend on the speed."""


def fitted(
    tests: Mapping[str, Sequence[Tracer]], forms: Forms, reference: Reference, how: str, kernel: tuple[float, ...] = ()
) -> Rtd:
    """Return the distribution of a unit from tracer tests on one line, or on several built alike.

    With one line the covariance is that of the fit. With several it is that of one more line: the covariance of the
    fits about their mean, and that of a single fit.

    Parameters
    ----------
    tests
        Tests by line.
    forms
        What is fitted.
    reference
        Where the hold-up is meant.
    how
        How the tests were made, in words.
    kernel
        Shares of a kernel whose hold-up is sought, in equal parts of four mean residences [1].

    Raises
    ------
    ValueError
        If the tests do not tell enough.
    """
    asked = _Asked(forms, reference, kernel)
    found = [_one(own, asked) for own in tests.values()]
    if not found:
        raise ValueError("there is no tracer test")
    points = np.array([one.point for one in found])
    covariance = np.mean([one.covariance for one in found], axis=0)
    if len(found) > 1:
        covariance = covariance + (1.0 + 1.0 / len(found)) * np.atleast_2d(np.cov(points.T))
    return Rtd(
        schema="steadyline.rtd/1",
        form=forms.form,
        how=how,
        reference=reference,
        names=_names(forms),
        mean=tuple(np.mean(points, axis=0).tolist()),
        covariance=_rows((covariance + covariance.T) / 2.0),
        kernel=kernel,
        fit=_judged([one.residuals for one in found], [one.seen for one in found]),
    )


class _Asked(NamedTuple):
    forms: Forms
    reference: Reference
    kernel: tuple[float, ...]


class _Found(NamedTuple):
    point: Floats
    covariance: Floats
    residuals: Floats
    seen: Floats


def _one(tests: Sequence[Tracer], asked: _Asked) -> _Found:
    from scipy.optimize import least_squares  # noqa: PLC0415  # heavy

    names = _names(asked.forms)
    samples = sum(int(np.isfinite(test.outlet).sum()) for test in tests)
    if samples < _FEWEST * len(names):
        wanted = f"expected at least {_FEWEST * len(names)} to find {len(names)} numbers ({', '.join(names)})"
        raise ValueError(f"found too few samples of the outlet, {samples}, {wanted}")
    start = np.array([_start(name, tests) for name in names])

    def missed(point: Floats) -> Floats:
        return np.concatenate([_residuals(test, _shaped(point, asked)) for test in tests])

    low = [log(1.1) if name == "tanks" else -np.inf for name in names]
    high = [log(_MOST_TANKS) if name == "tanks" else np.inf for name in names]
    solve = cast("Callable[..., _Solution]", least_squares)
    solution = solve(missed, start, bounds=(low, high), x_scale=np.full(len(names), 0.1), diff_step=1e-4)
    residuals = solution.fun
    squares = solution.jac.T @ solution.jac
    if np.linalg.cond(squares) > 1e12:  # noqa: PLR2004  # beyond what an inverse is good for
        raise ValueError(f"the tests do not tell {', '.join(names)} apart; vary flow and speed, or fit fewer")
    variance = float(residuals @ residuals) / max(len(residuals) - len(names), 1)
    seen = np.concatenate([_centred(test.outlet[np.isfinite(test.outlet)]) for test in tests])
    spread = np.asarray(np.linalg.inv(squares) * variance * _inflated(residuals), np.float64)
    return _Found(solution.x, spread, residuals, seen)


class _Solution:
    x: Floats
    fun: Floats
    jac: Floats


def kernel_of(tests: Sequence[Tracer], bins: int, until: float) -> tuple[float, ...]:
    """Return the shares of a convolution kernel from tracer tests, none negative.

    Parameters
    ----------
    tests
        Tests on one line, at the flow and speed of the reference.
    bins
        Number of shares [1].
    until
        Longest residence over the mean one [1].

    Raises
    ------
    ValueError
        If the tests tell nothing.
    """
    from scipy.optimize import nnls  # noqa: PLC0415  # heavy

    passed = [_passed(test) for test in tests]
    mean = _moment(tests)
    columns, wanted = list[Floats](), list[Floats]()
    for test, mass in zip(tests, passed, strict=True):
        there = np.isfinite(test.outlet)
        ages = (np.arange(bins) + 0.5) * until * mean / bins
        came = np.empty((len(mass), bins))
        for i, age in enumerate(ages.tolist()):
            came[:, i] = np.interp(mass - age, mass, test.inlet, left=test.inlet[0])
        columns.append(came[there] - test.inlet[0])
        wanted.append(test.outlet[there] - test.inlet[0])
    shares, _ = cast("Callable[..., tuple[Floats, float]]", nnls)(np.concatenate(columns), np.concatenate(wanted))
    if shares.sum() <= 0.0:
        raise ValueError("the outlet does not follow the inlet")
    return tuple((shares / shares.sum()).tolist())


def _names(forms: Forms) -> tuple[str, ...]:
    shape = {"tanks": ("tanks",), "dispersion": ("peclet",), "kernel": ()}[forms.form]
    more = [name for name, asked in (("by_flow", forms.by_flow), ("by_speed", forms.by_speed)) if asked]
    return ("holdup", *shape, *more)


def _start(name: str, tests: Sequence[Tracer]) -> float:
    return {"holdup": log(_moment(tests)), "tanks": log(3.0), "peclet": log(5.0)}.get(name, 0.0)


def _moment(tests: Sequence[Tracer]) -> float:
    """Return a guess of the hold-up: by how much mass the outlet is behind the inlet [kg]."""
    behind = list[float]()
    for test in tests:
        mass, there = _passed(test), np.isfinite(test.outlet)
        reply = np.abs(test.outlet[there] - np.median(test.outlet[there]))
        cause = np.abs(test.inlet - np.median(test.inlet))
        if reply.sum() > 0.0 and cause.sum() > 0.0:
            behind.append(float((mass[there] * reply).sum() / reply.sum() - (mass * cause).sum() / cause.sum()))
    guesses = [one for one in behind if one > 0.0]
    return float(np.median(guesses)) if guesses else float(np.median([_passed(test)[-1] for test in tests])) / 8.0


def _shaped(point: Floats, asked: _Asked) -> Rtd:
    return Rtd.model_construct(
        version="steadyline.rtd/1",
        how="",
        form=asked.forms.form,
        reference=asked.reference,
        names=_names(asked.forms),
        mean=tuple(point.tolist()),
        covariance=(),
        kernel=asked.kernel,
        kernel_until=4.0,
    )


def predicted(test: Tracer, rtd: Rtd) -> Floats:
    """Return the tracer in what leaves, by a distribution at its mean, shape ``(n,)``, in the unit of the inlet."""
    held = rtd.at(rtd.mean, float(test.flow.mean()), test.speed)
    cells = count(rtd, _MOST_TANKS)
    leaves, enters = row(rtd, held, cells)
    rates = np.diag(-leaves) + np.diag(leaves[:-1], -1)
    mass = _passed(test)
    quantum = float(held.holdup / _QUANTA)
    steps = min(ceil(mass[-1] / quantum), int(_LONGEST * _QUANTA))
    kept, spread = (one[0] for one in grown(rates[None], quantum))
    inside, left = spread @ enters * quantum, np.empty(steps)
    left[0] = quantum - inside.sum()
    for i in range(1, steps):
        after = kept @ inside
        left[i], inside = inside.sum() - after.sum(), after
    grid = np.arange(0.0, mass[-1] + quantum, quantum)
    entered = np.interp(grid, mass, test.inlet) - test.inlet[0]
    went = np.convolve(entered, left / quantum)[: len(grid)]
    return np.asarray(test.inlet[0] + np.interp(mass - quantum / 2.0, grid, went), np.float64)


def _residuals(test: Tracer, rtd: Rtd) -> Floats:
    there: NDArray[np.bool_] = np.isfinite(test.outlet)
    seen, said = _centred(test.outlet[there]), _centred(predicted(test, rtd)[there])
    if test.ideal and float(said @ said) > 0.0:
        said = said * float(seen @ said) / float(said @ said)
    return np.asarray(seen - said, np.float64)


def _centred(values: Floats) -> Floats:
    return np.asarray(values - values.mean(), np.float64)


def _passed(test: Tracer) -> Floats:
    """Return the mass that went through since the beginning, shape ``(n,)`` [kg]."""
    each = np.diff(test.at) * (test.flow[1:] + test.flow[:-1]) / 2.0 / 3600.0
    return np.concatenate([[0.0], np.cumsum(each)])


def _inflated(residuals: Floats) -> float:
    """Return by how much correlation of residuals makes a covariance larger [1]."""
    own = float(residuals @ residuals)
    next_ = float(residuals[1:] @ residuals[:-1]) / own if own > 0.0 else 0.0
    correlated = min(max(next_, 0.0), _MOST_CORRELATED)
    return (1.0 + correlated) / (1.0 - correlated)


def _judged(residuals: Sequence[Floats], seen: Sequence[Floats]) -> Followed:
    missed, there = np.concatenate(residuals), np.concatenate(seen)
    whole = float(there @ there)
    return Followed(
        rmse=float(np.sqrt(np.mean(missed**2))),
        r2=1.0 - float(missed @ missed) / whole if whole > 0.0 else 0.0,
        samples=len(missed),
    )


def _rows(matrix: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(line) for line in cast("list[list[float]]", matrix.tolist()))
