"""How wrong a matrix of transfer functions may be before its loop swings, and the move weight that then is enough.

The loop without limits is linear: the plan's first move by what is believed, what is believed by what is measured, and
what is measured by the plant. The plant is not the model but one of its corners, in which every gain, dead time and lag
is off by its doubt. The loop is stable where no eigenvalue lies outside the unit circle, and robust where the largest
singular value of the sensitivity stays below two, so that nothing is made more than twice as large by feedback
(S. Skogestad and I. Postlethwaite, "Multivariable Feedback Control", 2nd ed. 2005, sections 2.4.3 and 3.3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import inf

import numpy as np

from controller.estimates import Estimate
from controller.models.transfer import Transfer
from controller.mpc.linear import LinearSolver
from controller.mpc.linear_estimator import LinearEstimator
from controller.plan import Problem, Status
from plant_io.signals import Floats
from policies import Response, TransferFunction
from policies.units import difference

ENOUGH = 2.0
"""Largest peak of the sensitivity that is taken for robust [1]."""
_FULL = 6
"""Most numbers in doubt whose signs are tried in all combinations [1]."""
_FREQUENCIES = 120
_WIDE = 1e6
_SMALL = 1e-3
_NEUTRAL = 1e-6
_SETTLED = 1e-10
_MOST_STEPS = 3000
_WEIGHTS = (1e-4, 1e4)
_NEAR = 1.05
_HARDEST = 16
_FINITE = 1e300


@dataclass(frozen=True, slots=True)
class Off:
    """How far the numbers of one answer may be off, as shares of them."""

    gain: float = 0.0
    """Of the gain [1]."""
    dead_time: float = 0.0
    """Of the dead time [1]."""
    lags: float = 0.0
    """Of every lag [1]."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """How far the answers of a matrix may be off."""

    off: Mapping[tuple[str, str], Off]
    """By measurement and input; answers that are absent are known."""
    together: bool = False
    """Whether all answers to one input are off alike, as where its valve or its meter is wrong."""


@dataclass(frozen=True, slots=True)
class Margin:
    """How near a loop is to swinging."""

    peak: float
    """Largest singular value of the sensitivity, deviations in their scales [1]; infinite where it is not stable."""
    corner: str
    """Plant for which it is so, in words."""

    @property
    def enough(self) -> bool:
        """Whether that is robust."""
        return self.peak <= ENOUGH


@dataclass(frozen=True, slots=True)
class Advice:
    """What move weight a loop wants."""

    nominal: Margin
    """With the weight it has, if the model is right."""
    worst: Margin
    """With the weight it has, on the worst corner."""
    stable: float | None
    """Least weight that is stable on every corner [1]; None where none is."""
    least: float | None
    """Least weight that is robust on every corner [1]; None where none is."""
    corners: int
    """Plants tried [1]."""

    def words(self, weight: float) -> str:
        """Return the advice in a sentence.

        Parameters
        ----------
        weight
            Move weight the loop has [1].
        """
        if self.worst.enough:
            return f"move_weight {weight:.3g} is enough: the sensitivity peaks at {self.worst.peak:.2f}"
        what = "is not stable" if self.worst.peak == inf else f"lets the sensitivity peak at {self.worst.peak:.2f}"
        if self.stable is None:
            return f"move_weight {weight:.3g} {what} where {self.worst.corner}; no weight is stable within this doubt"
        robust = f"robust from {self.least:.3g}" if self.least is not None else "never robust"
        return f"move_weight {weight:.3g} {what} where {self.worst.corner}; stable from {self.stable:.3g}, {robust}"


def advise(loop: TransferFunction, doubt: Doubt) -> Advice:
    """Return how robust a loop is within a doubt, and the least move weight that makes it so.

    Where samples are not counted by the plant, the cycle by which plans come late is taken as dead time, and the
    readings of a sample as one of their mean.

    Parameters
    ----------
    loop
        What the policy says of it.
    doubt
        How far its numbers may be off.
    """
    counted = _counted(loop)
    plants = [(name, Plant.of(plant)) for name, plant in [("the model is right", counted), *_corners(counted, doubt)]]
    linear = _Loop(counted)
    margins = [linear.margin(counted.move_weight, name, plant) for name, plant in plants]
    hardest = sorted(range(len(plants)), key=lambda at: -margins[at].peak)

    def within(weight: float, peak: float, tried: Sequence[int]) -> bool:
        return all(linear.margin(weight, *plants[at]).peak <= peak for at in tried)

    def least(peak: float) -> float | None:
        found = _least(lambda weight: within(weight, peak, hardest[:_HARDEST]))
        good = found is None or within(found, peak, hardest[_HARDEST:])
        return found if good else _least(lambda weight: within(weight, peak, hardest))

    stable = least(_FINITE)
    robust = None if stable is None else least(ENOUGH)
    return Advice(margins[0], margins[hardest[0]], stable, robust, len(plants))


def _least(enough: Callable[[float], bool]) -> float | None:
    """Return the least weight that is enough [1], to 5 %; what is enough once is taken to be so from then on."""
    low, high = _WEIGHTS
    if not enough(high):
        return None
    if enough(low):
        return low
    while high / low > _NEAR:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


@dataclass(frozen=True, slots=True, eq=False)
class Plant:
    """A plant over one sample: ``d' = a d + g h'`` and ``y = c d' + e h'``, `h` the inputs of the last samples."""

    a: Floats
    """What becomes of what moves by itself, shape ``(n_d, n_d)`` [1]."""
    g: Floats
    """What inputs do to it, shape ``(n_d, n_h)``, units of the model."""
    c: Floats
    """Measurements by it, shape ``(n_y, n_d)`` [1]."""
    e: Floats
    """Measurements by inputs alone, shape ``(n_y, n_h)``, units of the model."""
    shift: Floats
    """What becomes of the inputs remembered, shape ``(n_h, n_h)`` [1]."""
    enter: Floats
    """Where new inputs enter, shape ``(n_h, n_u)`` [1]."""

    @classmethod
    def of(cls, loop: TransferFunction) -> Plant:
        """Return the plant that answers as a loop says, without disturbances and known inputs."""
        model = Transfer(loop, dict.fromkeys(loop.known, "1"))
        n_u, n_d = len(model.inputs), model.biases.start
        lengths = model.step.lengths[:n_u]
        n_h = sum(lengths)
        first = model.step.first[:n_u]
        shift, enter = np.eye(n_h, k=-1), np.zeros((n_h, n_u))
        shift[first] = 0.0
        enter[first, range(n_u)] = 1.0
        step = model.step
        return cls(step.a[:n_d, :n_d], step.g[:n_d, :n_h], step.c[:, :n_d], step.e[:, :n_h], shift, enter)


class _Loop:
    """Estimator and controller of one loop as linear laws; those of a move weight are found once."""

    def __init__(self, loop: TransferFunction) -> None:
        self._declared = _free(loop)
        self._model = Transfer(self._declared, dict.fromkeys(loop.known, "1"))
        self._laws = dict[float, tuple[Floats, Floats]]()
        self._kept, self._pushed, self._seen = _estimation(self._declared, self._model)
        names = list(self._model.measured)
        self._held = [names.index(name) for name, one in loop.controlled.items() if one.target is not None]
        self._scale = np.array(
            [
                difference(one.scale, one.unit, self._model.measured[n])
                for n, one in loop.controlled.items()
                if one.target is not None
            ]
        )

    def margin(self, weight: float, name: str, plant: Plant) -> Margin:
        """Return how near the loop is to swinging on one plant.

        Parameters
        ----------
        weight
            Move weight [1].
        name
            What is said of the plant.
        plant
            The plant.
        """
        if weight not in self._laws:
            self._laws[weight] = _first_move(self._declared, self._model, weight)
        a, b, c = self._closed(plant, *self._laws[weight])
        if np.abs(np.linalg.eigvals(a)).max() > 1.0 + _NEUTRAL:
            return Margin(inf, name)
        return Margin(_peak((a, b, c), self._scale), name)

    def _closed(self, plant: Plant, by_belief: Floats, by_inputs: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the closed loop from what is added to the measurements to what is measured of those held."""
        n_d, n_h, n_x = len(plant.a), len(plant.shift), len(self._kept)
        first = np.flatnonzero(plant.enter.any(axis=1))
        move = np.zeros((len(first), n_d + n_h + n_x))
        move[:, n_d + n_h :] = by_belief
        move[:, n_d + first] += by_inputs
        history = np.hstack([np.zeros((n_h, n_d)), plant.shift, np.zeros((n_h, n_x))]) + plant.enter @ move
        inner = plant.g @ history
        inner[:, :n_d] += plant.a
        shown = plant.c @ inner + plant.e @ history
        belief = self._pushed @ move + self._seen @ shown
        belief[:, n_d + n_h :] += self._kept
        a = np.vstack([inner, history, belief])
        b = np.vstack([np.zeros((n_d + n_h, len(self._held))), self._seen[:, self._held]])
        return a, b, shown[self._held]


def _estimation(loop: TransferFunction, model: Transfer) -> tuple[Floats, Floats, Floats]:
    """Return what is believed by what was, by the inputs, and by the measurements, once the filter has settled."""
    estimator, names = LinearEstimator(model, loop), list(model.measured)
    none, known = np.zeros(len(model.inputs)), np.zeros(len(model.known))
    still = dict.fromkeys(names, 0.0)
    at = estimator.start(none, known, still)
    for _ in range(_MOST_STEPS):
        later = estimator.step(at, none, known, still)
        change, at = float(np.abs(later.p - at.p).max()), later
        if change <= _SETTLED * float(np.abs(at.p).max()):
            break

    def step(x: Floats, inputs: Floats, measured: Floats) -> Floats:
        fresh = dict(zip(names, measured.tolist(), strict=True))
        return estimator.step(Estimate(_SMALL * x, at.p, at.innovations), inputs, known, fresh).x / _SMALL

    n_x, zero, unmeasured = len(at.x), np.zeros(len(at.x)), np.zeros(len(names))
    kept = [step(column, none, unmeasured) for column in np.eye(n_x)]
    pushed = [step(zero, _SMALL * column, unmeasured) for column in np.eye(len(none))]
    seen = [step(zero, none, _SMALL * column) for column in np.eye(len(names))]
    return np.array(kept).T, np.array(pushed).T, np.array(seen).T


def _first_move(loop: TransferFunction, model: Transfer, weight: float) -> tuple[Floats, Floats]:
    """Return the inputs of the first sample by what is believed, and by those that stand, with a move weight [1]."""
    solver = LinearSolver("robust", loop.model_copy(update={"move_weight": weight}))
    n_u, n_x = len(model.inputs), model.n_d + sum(model.step.lengths)
    wide = np.full(n_u, _WIDE)
    wanted = np.array([np.nan if one.target is None else 0.0 for one in loop.controlled.values()])

    def first(x: Floats, inputs: Floats) -> Floats:
        known = np.zeros(len(model.known))
        plan = solver.solve(Problem("robust", 0, 0.0, x, inputs, known, wanted, -wide, wide))
        if plan.status is not Status.SOLVED:
            raise ValueError(f"the controller has no plan without limits: {plan.why}")
        return np.asarray(plan.moves[0], dtype=np.float64)

    zero, still = np.zeros(n_x), np.zeros(n_u)
    nothing = first(zero, still)
    by_belief = [first(column, still) - nothing for column in np.eye(n_x)]
    by_inputs = [first(zero, column) - nothing for column in np.eye(n_u)]
    return np.array(by_belief).T, np.array(by_inputs).T


def _peak(system: tuple[Floats, Floats, Floats], scale: Floats) -> float:
    """Return the largest singular value of a response over all frequencies up to half the sampling rate [1].

    Parameters
    ----------
    system
        What becomes of the states in a sample, and how they are entered and shown, in any unit.
    scale
        Scale of each output, shape ``(n,)``, units of the model.
    """
    a, b, c = system
    turns = np.exp(1j * np.geomspace(1e-3 * np.pi, np.pi, _FREQUENCIES))
    answers = c @ np.linalg.solve(turns[:, None, None] * np.eye(len(a)) - a, np.broadcast_to(b, (len(turns), *b.shape)))
    scaled = (answers + np.eye(len(scale))) * scale[None, None, :] / scale[None, :, None]
    return float(np.linalg.svd(scaled, compute_uv=False).max())


def _counted(loop: TransferFunction) -> TransferFunction:
    """Return a loop whose samples the plant counts, alike but for what happens within a sample."""
    if loop.trigger is not None:
        return loop
    each, late = loop.sample_s / loop.step_s, loop.step_s / loop.time_s
    matrix = {
        row: {name: one.model_copy(update={"dead_time": one.dead_time + late}) for name, one in answers.items()}
        for row, answers in loop.matrix.items()
    }
    measured = {n: one.model_copy(update={"sd": one.sd / each**0.5}) for n, one in loop.measured.items()}
    return loop.model_copy(update={"trigger": "counted", "matrix": matrix, "measured": measured})


def _free(loop: TransferFunction) -> TransferFunction:
    """Return a loop without limits."""
    wide = {"max_move": _WIDE, "limits": (-_WIDE, _WIDE), "rest": None}
    moved = {
        name: one.model_copy(update=wide | {"rest": None if one.rest is None else 0.0})
        for name, one in loop.moved.items()
    }
    controlled = {name: one.model_copy(update={"limits": None}) for name, one in loop.controlled.items()}
    return loop.model_copy(update={"moved": moved, "controlled": controlled})


def _corners(loop: TransferFunction, doubt: Doubt) -> Iterator[tuple[str, TransferFunction]]:
    """Yield the corners of a doubt with what is said of them.

    All combinations of signs where few numbers are in doubt; else a two-level design of resolution IV with as few runs
    as will do (R. L. Plackett and J. P. Burman, Biometrika 33(4), 1946, doi:10.1093/biomet/33.4.305), folded over, and
    the corners on which every gain is high or low and every dead time and lag likewise.
    """
    doubted = dict[tuple[str, str, str], list[tuple[str, float]]]()
    for (row, column), off in doubt.off.items():
        for what, share in (("gain", off.gain), ("dead time", off.dead_time), ("lags", off.lags)):
            if share > 0.0 and column in loop.moved and _counts(loop.matrix[row][column], what):
                doubted.setdefault(("" if doubt.together else row, column, what), []).append((row, share))
    for signs in _signs([what for _, _, what in doubted]):
        factors = {
            (row, column, what): 1.0 + sign * share
            for ((_, column, what), rows), sign in zip(doubted.items(), signs, strict=True)
            for row, share in rows
        }
        yield _told(doubted, signs), _moved_off(loop, factors)


def _told(doubted: Mapping[tuple[str, str, str], Sequence[tuple[str, float]]], signs: Sequence[int]) -> str:
    return ", ".join(
        f"{what} of {f'{row} by ' if row else ''}{column} {100 * sign * max(share for _, share in rows):+.3g} %"
        for ((row, column, what), rows), sign in zip(doubted.items(), signs, strict=True)
    )


def _signs(kinds: Sequence[str]) -> list[tuple[int, ...]]:
    n = len(kinds)
    if n == 0:
        return []
    if n <= _FULL:
        return list(product((-1, 1), repeat=n))
    runs = 1 << n.bit_length()
    walsh = [tuple((-1) ** ((k + 1) & run).bit_count() for k in range(n)) for run in range(runs)]
    alike = [tuple(g if kind == "gain" else t for kind in kinds) for g, t in product((-1, 1), repeat=2)]
    return list(dict.fromkeys([*alike, *walsh, *(tuple(-sign for sign in row) for row in walsh)]))


def _counts(response: Response, what: str) -> bool:
    return bool({"gain": response.gain, "dead time": response.dead_time, "lags": len(response.lags)}[what])


def _moved_off(loop: TransferFunction, factors: Mapping[tuple[str, str, str], float]) -> TransferFunction:
    def off(row: str, column: str, one: Response) -> Response:
        gain, late, slow = (factors.get((row, column, what), 1.0) for what in ("gain", "dead time", "lags"))
        lags = tuple(slow * lag for lag in one.lags)
        return one.model_copy(update={"gain": gain * one.gain, "dead_time": late * one.dead_time, "lags": lags})

    matrix = {row: {c: off(row, c, one) for c, one in answers.items()} for row, answers in loop.matrix.items()}
    return loop.model_copy(update={"matrix": matrix})
