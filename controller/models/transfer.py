"""A matrix of transfer functions as a control model: exact over one step of time, dead times as inputs remembered.

Discretised with inputs held between the steps; a dead time of whole steps and a part is exact too, for the part splits
the step in two (K. J. Åström and B. Wittenmark, "Computer-Controlled Systems", 3rd ed. 1997, section 2.3). Exponentials
of matrices as in C. F. Van Loan, IEEE Trans. Autom. Control 23(3), 1978, doi:10.1109/TAC.1978.1101743, with sums and
products in a fixed order, so that every processor finds the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, zip_longest
from math import factorial, floor, frexp, fsum, isfinite

import numpy as np

from plant_io.signals import Floats
from policies import Response, TransferFunction

_TERMS = 15
_WHOLE = 1e-9
"""Part of a step that is rounding [1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What one step of time does: ``d' = a d + g h'`` and ``y = c d + e h``.

    `d` is what moves by itself, what biases the measurements at its end; `h` are the inputs of the last steps, those of
    each input together, the newest first, and ``h'`` with the inputs of this step.
    """

    a: Floats
    """What becomes of `d`, shape ``(n_d, n_d)`` [1]."""
    g: Floats
    """What the inputs do to `d`, shape ``(n_d, n_h)``, unit of the measurement per unit of the input."""
    c: Floats
    """Measurements by `d`, shape ``(n_y, n_d)`` [1]."""
    e: Floats
    """Measurements by inputs alone, shape ``(n_y, n_h)``, unit of the measurement per unit of the input."""
    lengths: tuple[int, ...]
    """How many steps each input is remembered [1]."""

    @property
    def first(self) -> list[int]:
        """Where each input begins in `h` [1]."""
        return [0, *accumulate(self.lengths[:-1])]


@dataclass(frozen=True, slots=True)
class _Pair:
    row: int
    column: int
    states: slice
    response: Response


class Transfer:
    """The control model of a loop with a matrix.

    An output that integrates has one integrator for all its inputs, and its bias is a drift; every other output has a
    bias that is added to it (K. R. Muske and T. A. Badgwell, "Disturbance modeling for offset-free linear model
    predictive control", J. Process Control 12(5), 2002, doi:10.1016/S0959-1524(01)00051-8).

    Parameters
    ----------
    declared
        What the policy says of the loop.
    known
        UCUM unit of each known input by name.
    """

    def __init__(self, declared: TransferFunction, known: Mapping[str, str]) -> None:
        self.inputs: Mapping[str, str] = {name: moved.unit for name, moved in declared.moved.items()}
        """Inputs that can be moved, with their units."""
        self.known: Mapping[str, str] = known
        """Inputs that are only read, with their units."""
        self.measured: Mapping[str, str] = {name: one.unit for name, one in declared.measured.items()}
        """Measurements, with their units."""
        self.controlled: Mapping[str, str] = {name: self.measured[name] for name in declared.controlled}
        """Measurements that are controlled, with their units."""
        self.time_s = declared.time_s
        """Length of the unit of the plant's own times [s]."""
        self.pairs = _paired(declared, [*self.inputs, *known], list(self.measured))
        """Responses with their places."""
        rows = {pair.row for pair in self.pairs if pair.response.integrating}
        self.integrating: tuple[bool, ...] = tuple(row in rows for row in range(len(self.measured)))
        """Whether each measurement integrates."""
        self._lags = {row: m.lag for row, m in enumerate(declared.measured.values()) if m.lag is not None}
        self.step = self._step(declared.step_s)
        """What one step of time does."""

    @property
    def n_d(self) -> int:
        """Number of states that move by themselves [1]."""
        return self._lagged + sum(self.integrating) + len(self.measured) + len(self._lags)

    @property
    def biases(self) -> slice:
        """Where the biases stand among the states."""
        first = self._lagged + sum(self.integrating)
        return slice(first, first + len(self.measured))

    @property
    def drives(self) -> list[int]:
        """Where that which drives each bias stands among the states: the bias itself, where it has no lag."""
        lagged = list(self._lags)
        return [
            self.n_d - len(lagged) + lagged.index(row) if row in self._lags else self.biases.start + row
            for row in range(len(self.measured))
        ]

    @property
    def integrators(self) -> dict[int, int]:
        """Where the integrator of each measurement that has one stands among the states."""
        return {row: self._lagged + i for i, row in enumerate(np.flatnonzero(self.integrating).tolist())}

    @property
    def _lagged(self) -> int:
        return sum(len(pair.response.lags) for pair in self.pairs)

    def gains(self) -> Floats:
        """Return what each input does to each measurement in the end, shape ``(n_y, n_u + n_w)``.

        In units of the measurement per unit of the input, and per unit of `time` where it integrates.
        """
        found = np.zeros((len(self.measured), len(self.inputs) + len(self.known)))
        for pair in self.pairs:
            if pair.response.integrating or not self.integrating[pair.row]:
                found[pair.row, pair.column] = pair.response.gain
        return found

    def steady(self, u: Floats, w: Floats, measured: Mapping[str, float]) -> Floats:
        """Return the state of rest that agrees with inputs and measurements, shape ``(n_d + n_h,)``.

        Parameters
        ----------
        u
            Inputs, shape ``(n_u,)``, units of the model.
        w
            Known inputs, shape ``(n_w,)``, units of the model.
        measured
            Measurements by name, each in its unit; those missing or not finite are taken to agree with the model.
        """
        held = np.concatenate([u, w])
        d = np.zeros(self.n_d)
        for pair in self.pairs:
            d[pair.states] = held[pair.column]
        history = np.repeat(held, self.step.lengths)
        d[self.biases] = np.where(self.integrating, -dot(self.gains(), held), 0.0)
        shown = dot(self.step.c, d) + dot(self.step.e, history)
        for row, name in enumerate(self.measured):
            off = measured.get(name, np.nan) - float(shown[row])
            if isfinite(off):
                d[self.integrators.get(row, self.biases.start + row)] += off
        d[self.drives] = d[self.biases]
        return np.concatenate([d, history])

    def _step(self, step_s: float) -> Step:
        a, b, c, direct = self._continuous()
        n_d, n_p = b.shape
        whole = np.zeros((n_d + n_p, n_d + n_p))
        whole[:n_d, :n_d], whole[:n_d, n_d:] = a, b

        def over(span_s: float) -> tuple[Floats, Floats]:
            found = exponential(whole * span_s)
            return found[:n_d, :n_d], found[:n_d, n_d:]

        late = [_late(pair.response.dead_time * self.time_s / step_s) for pair in self.pairs]
        lengths = [1] * (len(self.inputs) + len(self.known))
        for pair, (steps, _) in zip(self.pairs, late, strict=True):
            lengths[pair.column] = max(lengths[pair.column], steps + 2)
        step = Step(
            over(step_s)[0],
            np.zeros((n_d, sum(lengths))),
            c,
            np.zeros((len(self.measured), sum(lengths))),
            tuple(lengths),
        )
        for i, (pair, (steps, part)) in enumerate(zip(self.pairs, late, strict=True)):
            at = step.first[pair.column] + steps
            before, after = over(part * step_s), over((1.0 - part) * step_s)
            step.g[:, at] += after[1][:, i]
            step.g[:, at + 1] += _product(after[0], before[1][:, i : i + 1])[:, 0]
            step.e[pair.row, at] += direct[i]
        return step

    def _continuous(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Return derivatives by states ``(n_d, n_d)`` and by the delayed input of each pair ``(n_d, n_p)`` per second.

        And measurements by states ``(n_y, n_d)``, and by the delayed input of each pair, of its own row, ``(n_p,)``.
        """
        n_d = self.n_d
        a, b, c = np.zeros((n_d, n_d)), np.zeros((n_d, len(self.pairs))), np.zeros((len(self.measured), n_d))
        direct = np.zeros(len(self.pairs))
        for i, pair in enumerate(self.pairs):
            inner, entry, out, through = _cascade(pair.response)
            a[pair.states, pair.states], b[pair.states, i] = inner / self.time_s, entry / self.time_s
            if pair.response.integrating:
                at = self.integrators[pair.row]
                a[at, pair.states], b[at, i] = out / self.time_s, through / self.time_s
            else:
                c[pair.row, pair.states], direct[i] = out, through
        for row in range(len(self.measured)):
            bias = self.biases.start + row
            if row in self.integrators:
                at = self.integrators[row]
                a[at, bias], c[row, at] = 1.0 / self.time_s, 1.0
            else:
                c[row, bias] = 1.0
        for row, lag in self._lags.items():
            bias, drive = self.biases.start + row, self.drives[row]
            a[bias, [bias, drive]] = np.array([-1.0, 1.0]) / (lag * self.time_s)
        return a, b, c, direct


def _paired(declared: TransferFunction, columns: Sequence[str], rows: Sequence[str]) -> list[_Pair]:
    pairs, at = list[_Pair](), 0
    for row, answers in declared.matrix.items():
        for column, response in answers.items():
            stop = at + len(response.lags)
            pairs.append(_Pair(rows.index(row), columns.index(column), slice(at, stop), response))
            at = stop
    return pairs


def _cascade(response: Response) -> tuple[Floats, Floats, Floats, float]:
    """Return lags and leads, one behind the other, in the unit of time of the policy.

    Derivatives by states ``(n, n)`` and by the input ``(n,)``, and the output, gain included, by both.
    """
    n = len(response.lags)
    inner, entry, signal, through = np.zeros((n, n)), np.zeros(n), np.zeros(n), 1.0
    for i, (lag, lead) in enumerate(zip_longest(response.lags, response.leads, fillvalue=0.0)):
        inner[i], entry[i] = signal / lag, through / lag
        inner[i, i] -= 1.0 / lag
        signal, through = signal * (lead / lag), through * lead / lag
        signal[i] += 1.0 - lead / lag
    return inner, entry, response.gain * signal, response.gain * through


def dot(matrix: Floats, column: Floats) -> Floats:
    """Return a matrix times a column with sums rounded once, so that every processor finds the same bits.

    Parameters
    ----------
    matrix
        Shape ``(m, n)``, in any unit.
    column
        Shape ``(n,)``, in any unit.
    """
    return np.array([fsum(row * column) for row in matrix])


def exponential(matrix: Floats) -> Floats:
    """Return the exponential of a matrix, shape ``(n, n)``, by its series, scaled and squared.

    C. Moler and C. Van Loan, SIAM Review 45(1), 2003, method 3, doi:10.1137/S00361445024180.

    Parameters
    ----------
    matrix
        Shape ``(n, n)`` [1].

    Examples
    --------
    >>> exponential(np.array([[-1.0, 1.0], [0.0, 0.0]])).round(6)
    array([[0.367879, 0.632121],
           [0.      , 1.      ]])
    """
    halvings = max(0, frexp(float(np.abs(matrix).sum(axis=1).max()))[1] + 2)
    scaled, term = matrix / 2.0**halvings, np.eye(len(matrix))
    found = term.copy()
    for k in range(1, _TERMS):
        term = _product(term, scaled)
        found += term / factorial(k)
    for _ in range(halvings):
        found = _product(found, found)
    return found


def _product(one: Floats, other: Floats) -> Floats:
    total = np.zeros((one.shape[0], other.shape[1]))
    for k in range(one.shape[1]):
        total += one[:, k, None] * other[k]
    return total


def _late(steps: float) -> tuple[int, float]:
    """Return whole steps of a dead time, and the part of a step that is left [1]."""
    whole = floor(steps + _WHOLE)
    return whole, max(0.0, steps - whole)
