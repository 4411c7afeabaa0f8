"""FMUs as FMPy loads them (FMI 2.0 for co-simulation, extra ``fmi``), with types of our own.

An FMU is a program. It runs with the rights of whoever loads it, so load only one you trust.

References
----------
Modelica Association, "Functional Mock-up Interface for Model Exchange and Co-Simulation", version 2.0.4, 2022.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

KINDS = ("Real", "Integer", "Boolean")
"""Types of variables that can stand for a tag."""
_SETTABLE = {"input", "parameter"}


class PlantStopped(RuntimeError):  # noqa: N818  # the state of the plant, in the words of the rig
    """An FMU cannot be started, or refuses to go on."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One scalar variable of an FMU."""

    reference: int
    """Number by which the FMU knows it [1]."""
    kind: str
    """One of `KINDS`, or another type."""
    causality: str
    """What it is to the outside: input, output, parameter, local and so on."""
    unit: str | None
    """Unit as the FMU names it, if it does."""

    @property
    def settable(self) -> bool:
        """Whether it may be set from outside."""
        return self.causality in _SETTABLE


@dataclass(frozen=True, slots=True)
class Described:
    """What an FMU says of itself."""

    path: Path
    """The file."""
    name: str
    """Name of the model."""
    guid: str
    """What ties its description to its program."""
    identifier: str
    """Name of its program."""
    step_s: float | None
    """The one step it can take [s]; None if any."""
    variables: Mapping[str, Variable]
    """Its variables, by name."""


def describe(path: Path) -> Described:
    """Return what an FMU says of itself.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no FMU for co-simulation by FMI 2.0, is not made for this machine, or the extra is not installed.
    """
    fmpy = _fmpy()
    path.stat()
    try:
        found = fmpy.read_model_description(str(path))
        platforms = fmpy.supported_platforms(str(path))
    except Exception as error:  # FMPy has no narrower one
        raise ValueError(f"{path}: this is no FMU that can be read: {error}") from error
    if found.fmiVersion != "2.0" or found.coSimulation is None:
        kind = "model exchange" if found.coSimulation is None else "co-simulation"
        raise ValueError(f"{path}: found FMI {found.fmiVersion} for {kind}, wanted FMI 2.0 for co-simulation")
    if fmpy.platform not in platforms:
        raise ValueError(f"{path}: found programs for {', '.join(platforms) or 'no machine'}, wanted {fmpy.platform}")
    variables = {
        each.name: Variable(each.valueReference, each.type, each.causality or "local", _unit(each))
        for each in found.modelVariables
    }
    step_s = None if found.coSimulation.canHandleVariableCommunicationStepSize else _step(found.defaultExperiment)
    return Described(path, found.modelName, found.guid, found.coSimulation.modelIdentifier, step_s, variables)


class Instance:
    """One FMU at work, from its plant time 0 on; it is put away when it is closed or forgotten.

    Parameters
    ----------
    about
        The FMU.
    values
        Variables set before it starts, by name, each in its unit.

    Raises
    ------
    PlantStopped
        If it cannot be started.
    """

    def __init__(self, about: Described, values: Mapping[str, float]) -> None:
        self._about = about
        folder = Path(tempfile.mkdtemp(prefix="steadyline-fmu-"))
        self.close: Callable[[], object] = weakref.finalize(self, _put_away, folder, None)
        """Puts the FMU away."""
        try:
            _fmpy().extract(str(about.path), str(folder))
            self._slave = _slave(about, folder)
            self._slave.instantiate()
            self.close = weakref.finalize(self, _put_away, folder, self._slave)
            self._slave.setupExperiment(startTime=0.0)
            self.set(values)
            self._slave.enterInitializationMode()
            self._slave.exitInitializationMode()
        except Exception as error:  # FMPy has no narrower one
            self.close()
            raise PlantStopped(f"{about.name}: it cannot be started: {error}") from error

    def step(self, at: float, size: float) -> None:
        """Go one step on.

        Parameters
        ----------
        at
            Plant time at its beginning [s].
        size
            Its length [s].

        Raises
        ------
        PlantStopped
            If the FMU refuses.
        """
        try:
            self._slave.doStep(at, size)
        except Exception as error:  # FMPy has no narrower one
            raise PlantStopped(f"{self._about.name}: {error} At {at:g} s of plant time.") from error

    def set(self, values: Mapping[str, float]) -> None:
        """Set variables by name, each in its unit; whole numbers are rounded, and all but 0 is true.

        Parameters
        ----------
        values
            Value by name, each in the unit of its variable.
        """
        slave = self._slave
        for kind, names in self._by_kind(values).items():
            references, given = self._references(names), [values[name] for name in names]
            match kind:
                case "Real":
                    slave.setReal(references, given)
                case "Integer":
                    slave.setInteger(references, [round(value) for value in given])
                case _:
                    slave.setBoolean(references, [value != 0.0 for value in given])

    def get(self, names: Iterable[str]) -> dict[str, float]:
        """Return variables by name, each in its unit."""
        found: dict[str, float] = {}
        for kind, some in self._by_kind(names).items():
            references = self._references(some)
            match kind:
                case "Real":
                    values: Sequence[float] = self._slave.getReal(references)
                case "Integer":
                    values = self._slave.getInteger(references)
                case _:
                    values = self._slave.getBoolean(references)
            found |= {name: float(value) for name, value in zip(some, values, strict=True)}
        return found

    def _by_kind(self, names: Iterable[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name in names:
            found.setdefault(self._about.variables[name].kind, []).append(name)
        return found

    def _references(self, names: Sequence[str]) -> list[int]:
        return [self._about.variables[name].reference for name in names]


def _put_away(folder: Path, slave: _Slave | None) -> None:
    if slave is not None:
        with suppress(Exception):  # one that has failed may refuse this too
            slave.terminate()
        slave.freeInstance()
    shutil.rmtree(folder, ignore_errors=True)


def _unit(variable: _ModelVariable) -> str | None:
    return variable.unit or (variable.declaredType.unit if variable.declaredType else None)


def _step(experiment: _Experiment | None) -> float | None:
    return float(experiment.stepSize) if experiment and experiment.stepSize else None


def _fmpy() -> _Fmpy:
    try:
        import fmpy  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise ValueError(f"FMUs need the extra: pip install 'steadyline[fmi]' ({error})") from error
    return cast("_Fmpy", fmpy)


def _slave(about: Described, folder: Path) -> _Slave:
    from fmpy.fmi2 import FMU2Slave  # noqa: PLC0415  # an extra

    make = cast("Callable[..., _Slave]", FMU2Slave)
    return make(guid=about.guid, modelIdentifier=about.identifier, unzipDirectory=str(folder), instanceName="plant")


# The part of FMPy that is used here, in its own names.


class _Named(Protocol):
    unit: str | None


class _ModelVariable(Protocol):
    name: str
    valueReference: int  # noqa: N815
    type: str
    causality: str | None
    unit: str | None
    declaredType: _Named | None  # noqa: N815


class _CoSimulation(Protocol):
    modelIdentifier: str  # noqa: N815
    canHandleVariableCommunicationStepSize: bool  # noqa: N815


class _Experiment(Protocol):
    stepSize: str | None  # noqa: N815


class _Description(Protocol):
    fmiVersion: str  # noqa: N815
    modelName: str  # noqa: N815
    guid: str
    coSimulation: _CoSimulation | None  # noqa: N815
    defaultExperiment: _Experiment | None  # noqa: N815
    modelVariables: Sequence[_ModelVariable]  # noqa: N815


class _Fmpy(Protocol):
    platform: str

    def read_model_description(self, filename: str) -> _Description: ...

    def supported_platforms(self, filename: str) -> list[str]: ...

    def extract(self, filename: str, unzipdir: str) -> object: ...


class _Slave(Protocol):
    def instantiate(self) -> None: ...

    def setupExperiment(self, *, startTime: float) -> object: ...  # noqa: N802, N803

    def enterInitializationMode(self) -> object: ...  # noqa: N802

    def exitInitializationMode(self) -> object: ...  # noqa: N802

    def doStep(self, at: float, size: float, /) -> object: ...  # noqa: N802

    def getReal(self, references: Sequence[int], /) -> list[float]: ...  # noqa: N802

    def getInteger(self, references: Sequence[int], /) -> list[int]: ...  # noqa: N802

    def getBoolean(self, references: Sequence[int], /) -> list[bool]: ...  # noqa: N802

    def setReal(self, references: Sequence[int], values: Sequence[float], /) -> None: ...  # noqa: N802

    def setInteger(self, references: Sequence[int], values: Sequence[int], /) -> None: ...  # noqa: N802

    def setBoolean(self, references: Sequence[int], values: Sequence[bool], /) -> None: ...  # noqa: N802

    def terminate(self) -> object: ...

    def freeInstance(self) -> None: ...  # noqa: N802
