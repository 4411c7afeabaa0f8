"""A do-mpc model that somebody else wrote, as a control model.

Some of what is read is private to do-mpc 5.1, as in `controller.mpc.domodel`; the test of the example watches it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from types import ModuleType
from typing import Protocol, TypeVar, cast

import numpy as np

from controller.models.base import ControlModel, Expression, Symbols
from controller.models.process import Process
from controller.models.symbolic import Compiled, Matrix, casadi, rates, readings, vector
from plant_io.signals import Floats

_T = TypeVar("_T")
_BUILD = "control_model"
_STEPS = 60
_NEAR = 1e-10
_LEAST = 1e-3


class _Variables(Protocol):
    def keys(self) -> list[str]: ...
    def __getitem__(self, name: str, /) -> Matrix: ...


class DoMpcModel(Protocol):
    """A do-mpc model, set up."""

    model_type: str
    symvar_type: str
    x: _Variables
    u: _Variables
    z: _Variables
    tvp: _Variables
    p: _Variables
    y: _Variables
    aux: _Variables
    n_w: int
    """Number of noises of the states [1]."""
    n_v: int
    """Number of noises of the measurements [1]."""
    _rhs_fun: Callable[..., Matrix]
    _aux_expression_fun: Callable[..., Matrix]
    _meas_fun: Callable[..., Matrix]


@dataclass(frozen=True, slots=True)
class Described:
    """A do-mpc model with what it does not say itself.

    Inputs are its ``_u``, known inputs its ``_tvp``, identified parameters its ``_p``, controlled variables its
    expressions, measurements its ``set_meas``. A measurement without a bias of its own gets one that is added to it,
    and to the controlled variable of the same name.
    """

    model: object
    """The do-mpc model, set up."""
    units: Mapping[str, str]
    """UCUM code of every state, input, known input, parameter, measurement and controlled variable, by name."""
    start: Mapping[str, float]
    """Where the search for rest begins, by state, in the unit of the state."""
    start_sd: Mapping[str, float]
    """Doubt at the start, by state, in its unit; that of a bias given here by the name of its measurement."""
    wander_sd: Mapping[str, float]
    """Doubt gained in the square root of a minute, by state, biases left out, in the unit of the state."""
    longest_step_s: float
    """Longest Runge-Kutta step that follows the fastest state [s]."""
    biases: Mapping[str, str] = field(default_factory=dict[str, str])
    """Measurements whose bias is a state of the model, with that state."""


Build = Callable[[Mapping[str, float]], Described]
"""Makes the model of identified parameters by name, each in the unit the description gives."""


class Theirs:
    """A described do-mpc model as a control model.

    Parameters
    ----------
    described
        The model.
    process
        Identified parameters; None where it has none.

    Raises
    ------
    ValueError
        If it is of a kind that cannot be used, or something is not described.
    """

    def __init__(self, described: Described, process: Process | None = None) -> None:
        self._model, self._described = cast("DoMpcModel", described.model), described
        _usable(self._model)
        own = _names(self._model.x)
        self._own = {name: self._unit(name) for name in own}
        self.inputs: Mapping[str, str] = {name: self._unit(name) for name in _names(self._model.u)}
        """Inputs that can be moved, with their units."""
        self.known: Mapping[str, str] = {name: self._unit(name) for name in _names(self._model.tvp)}
        """Inputs that are only read, with their units."""
        self.measured: Mapping[str, str] = {name: self._unit(name) for name in _names(self._model.y)}
        """Measurements, with their units."""
        self.controlled: Mapping[str, str] = {name: self._unit(name) for name in _names(self._model.aux)}
        """Controlled outputs, with their units."""
        self.biases: Mapping[str, str] = {
            name: described.biases.get(name, f"bias_{name}") for name in _names(self._model.y)
        }
        """The bias state that belongs to each measurement."""
        self._added = [name for name in self.measured if name not in described.biases]
        self.states: Mapping[str, str] = self._own | {f"bias_{n}": self.measured[n] for n in self._added}
        """States, biases included, with their units."""
        added = {f"bias_{name}": _of(described.start_sd, name, "start_sd") for name in self._added}
        self.start_sd: Mapping[str, float] = {n: _of(described.start_sd, n, "start_sd") for n in own} | added
        """Doubt about each state at the start, in the unit of the state."""
        wandering = [name for name in own if name not in described.biases.values()]
        self.wander_sd: Mapping[str, float] = {n: _of(described.wander_sd, n, "wander_sd") for n in wandering}
        """Doubt each state but the biases gains in the square root of a minute, in the unit of the state."""
        self.longest_step_s = described.longest_step_s
        """Longest Runge-Kutta step that follows the fastest state [s]."""
        self._start = [_of(described.start, n, "start") for n in own] + [0.0] * len(self._added)
        self._p = self._parameters(process)

    def _unit(self, name: str) -> str:
        return _of(self._described.units, name, "units")

    def _parameters(self, process: Process | None) -> list[float]:
        names = _names(self._model.p)
        if names and process is None:
            raise ValueError(f"parameters {', '.join(names)} have no values: no file of identified parameters is named")
        return [process.number(name, self._unit(name)) for name in names] if process is not None else []

    def _given(self, x: Symbols, u: Symbols, w: Symbols) -> tuple[Matrix, ...]:
        column = casadi().vertcat
        z, p = casadi().SX(casadi().DM(np.zeros((0, 1)))), column(*self._p)
        return column(*x[: len(self._own)]), column(*u), z, column(*w), p

    def rhs(self, x: Symbols, u: Symbols, w: Symbols) -> tuple[Expression | float, ...]:
        """Return the time derivatives of the states, unit of the state per second."""
        found = self._model._rhs_fun(*self._given(x, u, w), np.zeros((self._model.n_w, 1)))  # noqa: SLF001  # do-mpc shows it nowhere else  # pyright: ignore[reportPrivateUsage]
        return (*casadi().vertsplit(casadi().densify(found)), *[0.0] * len(self._added))

    def outputs(self, x: Symbols, u: Symbols, w: Symbols) -> tuple[Expression, ...]:
        """Return the controlled outputs, each in its unit."""
        found = self._model._aux_expression_fun(*self._given(x, u, w))  # noqa: SLF001  # the same  # pyright: ignore[reportPrivateUsage]
        own = casadi().vertsplit(casadi().densify(found))[-len(self.controlled) :]
        return self._biased(x, tuple(self.controlled), own)

    def readings(self, x: Symbols, u: Symbols, w: Symbols) -> tuple[Expression, ...]:
        """Return what the instruments show, biases included, each in its unit."""
        found = self._model._meas_fun(*self._given(x, u, w), np.zeros((self._model.n_v, 1)))  # noqa: SLF001  # the same  # pyright: ignore[reportPrivateUsage]
        own = casadi().vertsplit(casadi().densify(found))[-len(self.measured) :]
        return self._biased(x, tuple(self.measured), own)

    def _biased(self, x: Symbols, names: Sequence[str], own: Sequence[Matrix]) -> tuple[Expression, ...]:
        added = dict(zip(self._added, x[len(self._own) :], strict=True))
        return tuple(y + added[name] if name in added else y for name, y in zip(names, own, strict=True))

    @cached_property
    def _rest(self) -> Compiled:
        """What is to be zero at rest, and its slopes by the states."""
        x, u, w = (vector(n, len(m)) for n, m in (("x", self.states), ("u", self.inputs), ("w", self.known)))
        shown, there = vector("shown", len(self.measured)), vector("there", len(self.measured))
        names, split = list(self.states), casadi().vertsplit
        biases = [split(x)[names.index(self.biases[name])] for name in self.measured]
        every = zip(split(readings(self, x, u, w)), split(shown), split(there), biases, strict=True)
        seen = [(reading - value) * given + bias * (given * -1.0 + 1.0) for reading, value, given, bias in every]
        off = casadi().vertcat(rates(self, x, u, w), *seen)
        return Compiled([x, u, w, shown, there], [off, casadi().jacobian(off, x)])

    def steady(self, u: Floats, w: Floats, measured: Mapping[str, float]) -> Floats:
        """Return the steady state that agrees with inputs and measurements, by Newton's method in least squares.

        Parameters
        ----------
        u
            Inputs, shape ``(n_u,)``, units of the model.
        w
            Known inputs, shape ``(n_w,)``, units of the model.
        measured
            Measurements by name, each in its unit; those missing or not finite are taken to agree with the model.
        """
        found = [measured.get(name, np.nan) for name in self.measured]
        there = np.array([float(isfinite(value)) for value in found])
        x, shown = np.array(self._start), np.array([value if isfinite(value) else 0.0 for value in found])
        with np.errstate(all="ignore"):
            off, slopes = self._rest(x, u, w, shown, there)
            for _ in range(_STEPS):
                if not (np.isfinite(off).all() and np.isfinite(slopes).all()):
                    break
                scale = np.array([max(abs(value), 1e-6) for value in x])
                step = np.asarray(np.linalg.lstsq(slopes * scale, -off, rcond=1e-12)[0] * scale, dtype=np.float64)
                x, off, slopes, moved = self._nearer(x, step, (u, w, shown, there))
                if moved <= _NEAR:
                    break
        return x

    def _nearer(self, x: Floats, step: Floats, given: tuple[Floats, ...]) -> tuple[Floats, Floats, Floats, float]:
        """Return the state after a step that is halved until it does not lead away."""
        before = float(np.abs(self._rest(x, *given)[0]).max())
        share = 1.0
        while True:
            tried = x + share * step
            off, slopes = self._rest(tried, *given)
            if share < _LEAST or (np.isfinite(off).all() and float(np.abs(off).max()) <= before):
                moved = float(np.max(np.abs(share * step) / np.maximum(np.abs(tried), 1e-6)))
                return tried, off, slopes, moved
            share /= 2.0


def written(source: bytes, name: str) -> Build:
    """Return what makes a model, from the source of a Python file; the file is run, with all that it may do.

    Parameters
    ----------
    source
        The file.
    name
        Its name, for messages.

    Raises
    ------
    ValueError
        If it cannot be run, or has no function ``control_model``.
    """
    from controller.mpc.domodel import do_mpc  # noqa: PLC0415  # quiet, before the file imports it loudly

    do_mpc()
    module = ModuleType(name.removesuffix(".py").replace("/", "."))
    try:
        exec(compile(source, name, "exec"), module.__dict__)  # noqa: S102  # a file of the policy, under its fingerprint
    except Exception as error:  # noqa: BLE001  # whatever a file of somebody else's may do
        raise ValueError(f"it cannot be run: {type(error).__name__}: {error}") from None
    build = getattr(module, _BUILD, None)
    if not callable(build):
        message = f"found no function {_BUILD}(parameters), expected one that returns a Described model"
        raise ValueError(message)  # noqa: TRY004  # a mistake in a file, told like every other
    return cast("Build", build)


def adapted(build: Build, process: Process | None) -> ControlModel:
    """Return the control model that `build` makes, with identified parameters where it has any.

    Raises
    ------
    ValueError
        If it makes none that can be used.
    """
    given = {} if process is None else {name: one.value for name, one in process.parameters.items()}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # CasADi on do-mpc's use of NumPy
            found = build(given)
    except Exception as error:  # noqa: BLE001  # the same
        raise ValueError(f"{_BUILD} failed: {type(error).__name__}: {error}") from None
    if not isinstance(cast("object", found), Described):  # nobody checks what it returns
        message = f"{_BUILD} returned {type(found).__name__}, expected controller.models.Described"
        raise ValueError(message)  # noqa: TRY004  # the same
    return Theirs(found, process)


def _names(variables: _Variables) -> list[str]:
    return [name for name in variables.keys() if name != "default"]  # noqa: SIM118  # no mapping


def _of(given: Mapping[str, _T], name: str, where: str) -> _T:
    if name not in given:
        raise ValueError(f"{where} says nothing of {name}")
    return given[name]


def _usable(model: DoMpcModel) -> None:
    """Refuse models of a kind that is not carried."""
    if getattr(model, "model_type", "") != "continuous":
        raise ValueError("found a model in steps, expected a continuous one: its steps are chosen here")
    if model.symvar_type != "SX":
        raise ValueError("found symbols of MX, expected SX, of which derivatives can be written out")
    if _names(model.z):
        raise ValueError(f"found algebraic states {', '.join(_names(model.z))}, expected them written as expressions")
    for role, variables in (("state", model.x), ("input", model.u), ("known input", model.tvp), ("parameter", model.p)):
        for name in _names(variables):
            if variables[name].shape != (1, 1):
                raise ValueError(f"found the {role} {name} of several entries, expected one entry for each name")
    for role, variables in (("input", model.u), ("measurement (set_meas)", model.y), ("expression", model.aux)):
        if not _names(variables):
            raise ValueError(f"found no {role}, expected at least one")
