"""Tables of labelled samples, as laboratories and historians write them, made ready to learn from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from controller.cli.ends import Refused
from controller.cli.tf_data import read_columns
from controller.cli.tf_policy import words
from controller.models.process import Process
from controller.soft.aligned import Timing, along, of_path
from controller.soft.cores import CORES, Core
from controller.soft.hybrid_model import NO_CORE, HybridModel
from controller.soft.samples import Indices, Samples
from plant_io.signals import Floats
from policies.sentences import among
from policies.units import convert, convertible, known

AUTO = "auto"
"""Name of the core that is to be found by the names of columns."""

_APART, _SECONDS_PER_HOUR = 3.0, 3600.0
_TIME = ("t", "time", "simtime", "simtime_s")
_TAKEN, _KNOWN = ("taken", "sampled", "taken_at", "sampled_at"), ("known", "known_at", "reported", "reported_at")
_RESULT = ("result", "label", "lab", "y", "pv", "target", "reference")
_HEAD = re.compile(r"\s*(?P<name>[^\[\]]*?)\s*(\[(?P<unit>[^\[\]]+)\])?\s*")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person said of the columns of a table; the rest is told by names."""

    core: str = AUTO
    """Name of the core, of none, or that it is to be found."""
    result: str | None = None
    """Column of the results."""
    sensor: str | None = None
    """Soft sensor of the policy that is meant, where the data are records."""
    time: str | None = None
    """Column of the times."""
    taken: str | None = None
    """Column of the times at which samples were taken."""
    known: str | None = None
    """Column of the times at which results were known."""
    inputs: Mapping[str, str] | None = None
    """Column of each input, by its name."""
    leave: Sequence[str] = ()
    """Columns to leave out."""
    seconds: float = 60.0
    """Seconds in a unit of time of the table [s]."""
    delay_s: float = 0.0
    """Time from a sample to its result, where no column tells [s]."""
    residence_s: float = 0.0
    """Mean residence time from the first input to the sensor [s]."""
    tanks: float = 3.0
    """Number of mixed tanks the line is like [1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table with what its columns mean."""

    samples: Samples
    """The labelled samples, inputs aligned."""
    core: str
    """Name of the core, or of none."""
    result: str
    """Name of the result."""
    unit: str
    """UCUM unit of the result."""
    units: Mapping[str, str]
    """UCUM unit of each input."""
    timings: Mapping[str, Timing]
    """How inputs are aligned."""
    delay_s: float
    """Median time from a sample to its result [s]."""


@dataclass(frozen=True, slots=True, eq=False)
class _Column:
    unit: str | None
    values: Floats


@dataclass(frozen=True, slots=True)
class _Roles:
    time: str | None
    taken: str | None
    known: str | None
    result: str
    inputs: Mapping[str, str]


def read(path: Path, asked: Asked) -> Table:
    """Return the labelled samples in a CSV file.

    Every row with a result is a sample. Where rows have none, or a column tells when samples were taken, the table is a
    record: inputs are aligned along it, by the residence time, to when each sample was taken.

    Parameters
    ----------
    path
        The file. A column may have its unit behind its name, in brackets.
    asked
        What is said of its columns.

    Raises
    ------
    Refused
        If the table does not hold what is needed.
    OSError
        If it cannot be read.
    """
    columns = _columns(path)
    roles, name = _roles(path, columns, asked)
    core = CORES.get(name)
    unit = columns[roles.result].unit or (core.unit if core else "1")
    units = {key: _unit(key, columns[column], core) for key, column in roles.inputs.items()}
    inputs = {key: _converted(path, key, columns[column], units[key]) for key, column in roles.inputs.items()}
    timings = {key: _timing(key, core, asked) for key in inputs}
    labels = columns[roles.result].values
    if core is not None:
        labels = _converted(path, roles.result, columns[roles.result], core.unit)
        unit = core.unit
    return _table(path, (columns, roles, asked), (labels, inputs, timings), (name, roles.result, unit, units))


def along_path(path: Path, asked: Asked, process: Process) -> Asked:
    """Return what is asked with the residence time of a path of tanks that was identified.

    The time is that at the median flow of powder in the table; where that or the path is not known, nothing changes.

    Parameters
    ----------
    path
        The file.
    asked
        What is said of its columns.
    process
        What was identified.
    """
    held = masses(process)
    columns, named = _columns(path), asked.inputs or {}
    flows = [columns.get(named.get(name, name)) for name in ("api_flow", "exc_flow")]
    powder = sum(float(np.median(one.values)) for one in flows if one is not None)
    if not held or None in flows or asked.residence_s > 0.0 or not powder > 0.0:
        return asked
    return replace(asked, residence_s=sum(held) / powder * _SECONDS_PER_HOUR, tanks=float(len(held)))


def masses(process: Process) -> list[float]:
    """Return what each tank of an identified path holds [kg]."""
    return [one.value for name, one in process.parameters.items() if name.startswith("tank_") and one.unit == "kg"]


def like(path: Path, model: HybridModel, asked: Asked) -> Table:
    """Return the labelled samples in a CSV file as a model wants them.

    Parameters
    ----------
    path
        The file.
    model
        The model.
    asked
        What is said of its columns.

    Raises
    ------
    Refused
        If the table does not hold what the model wants.
    OSError
        If it cannot be read.
    """
    columns = _columns(path)
    roles, _ = _roles(path, columns, asked, wanted=tuple(model.inputs), result=model.result)
    missing = [name for name in model.inputs if name not in roles.inputs]
    if missing:
        raise Refused(f"{path}: found no column for {', '.join(missing)}, expected all inputs of the model")
    inputs = {n: _converted(path, n, columns[roles.inputs[n]], one.unit) for n, one in model.inputs.items()}
    timings = {name: Timing(one.delay_s, one.lag_s) for name, one in model.inputs.items()}
    labels = _converted(path, roles.result, columns[roles.result], model.unit)
    for name, one in model.inputs.items():
        _like_training(path, name, inputs[name], (one.low, one.high, one.unit))
    units = {name: one.unit for name, one in model.inputs.items()}
    return _table(
        path, (columns, roles, asked), (labels, inputs, timings), (model.core, roles.result, model.unit, units)
    )


def _columns(path: Path) -> dict[str, _Column]:
    found: dict[str, _Column] = {}
    for head, values in read_columns(path).items():
        match = _HEAD.fullmatch(head)
        name, unit = (match["name"], match["unit"]) if match else (head, None)
        if unit is not None and not known(unit):
            raise Refused(f"{path}: found the unit {unit!r} of {name}, expected a UCUM code such as kg/h, Cel or 1")
        if not name or name in found:
            raise Refused(
                f"{path}: found {'no name' if not name else f'{name!r} twice'} in the first row, expected names"
            )
        found[name] = _Column(unit, values)
    return found


def _roles(
    path: Path, columns: Mapping[str, _Column], asked: Asked, wanted: Sequence[str] = (), result: str | None = None
) -> tuple[_Roles, str]:
    lower = {name.lower(): name for name in columns}
    for name in (asked.result, asked.time, asked.taken, asked.known, *(asked.inputs or {}).values(), *asked.leave):
        if name is not None and name not in columns:
            raise Refused(f"{path}: found no column {name!r}, {among(columns, 'column', 'expected')}")
    time, taken, reported = (
        said or next((lower[n] for n in names if n in lower), None)
        for said, names in ((asked.time, _TIME), (asked.taken, _TAKEN), (asked.known, _KNOWN))
    )
    label = asked.result or next((lower[n] for n in (*([result] if result else []), *_RESULT) if n in lower), None)
    if label is None:
        raise Refused(f"{path}: found no column of results, expected --result with one of {', '.join(columns)}")
    told = dict(asked.inputs or {})
    spent = {time, taken, reported, label, *told.values(), *asked.leave}
    free = {n: lower[n] for n in lower if lower[n] not in spent}
    if wanted:
        named = {word: column for column, word in words(list(free.values())).items()}
        places = {n: told.get(n) or free.get(n) or named.get(n) for n in wanted}
        return _Roles(time, taken, reported, label, {n: at for n, at in places.items() if at is not None}), ""
    core = core_of(asked.core, {*told, *free}, columns[label].unit)
    own = {} if core == NO_CORE else {n: told.get(n) or free.get(n) for n in CORES[core].inputs}
    inputs = {**{n: column for n, column in own.items() if column}, **told}
    rest = [column for column in free.values() if column not in inputs.values()]
    inputs |= {word: column for column, word in words(rest).items() if word not in inputs}
    if not inputs:
        raise Refused(f"{path}: found no column of an input beside {label!r}, expected at least one")
    return _Roles(time, taken, reported, label, inputs), core


def core_of(wanted: str, names: set[str], unit: str | None) -> str:
    """Return the core that is meant: by its name, or the one most of whose needed inputs are there.

    Raises
    ------
    Refused
        If there is none of that name.
    """
    if wanted in {*CORES, NO_CORE}:
        return wanted
    if wanted != AUTO:
        raise Refused(f"--core: found {wanted!r}, expected one of {', '.join([*CORES, NO_CORE, AUTO])}")
    fits = [
        (sum(one.needed for one in core.inputs.values()), name)
        for name, core in CORES.items()
        if {n for n, one in core.inputs.items() if one.needed} <= names
        and (unit is None or convertible(unit, core.unit))
    ]
    return max(fits)[1] if fits else NO_CORE


def _unit(key: str, column: _Column, core: Core | None) -> str:
    if core is not None and key in core.inputs:
        return core.inputs[key].unit
    return column.unit or "1"


def _converted(path: Path, key: str, column: _Column, unit: str) -> Floats:
    if column.unit is None or column.unit == unit:
        return column.values
    if not convertible(column.unit, unit):
        raise Refused(f"{path}: found {key} in {column.unit}, expected {unit} or a unit that can be converted to it")
    zero = convert(0.0, column.unit, unit)
    return zero + (convert(1.0, column.unit, unit) - zero) * column.values


def _timing(key: str, core: Core | None, asked: Asked) -> Timing:
    share = core.inputs[key].path if core is not None and key in core.inputs else 0.0
    return of_path(asked.residence_s, asked.tanks, share)


def _like_training(path: Path, name: str, values: Floats, known_span: tuple[float, float, str]) -> None:
    low, high, unit = known_span
    there = values[np.isfinite(values)]
    if len(there) and max(low - float(np.median(there)), float(np.median(there)) - high) > _APART * (high - low):
        found = f"{float(there.min()):g} to {float(there.max()):g}"
        raise Refused(
            f"{path}: found {name} from {found}, but the model learnt it from {low:g} to {high:g} {unit}; "
            "is the column in another unit?"
        )


def _table(
    path: Path,
    by: tuple[Mapping[str, _Column], _Roles, Asked],
    data: tuple[Floats, dict[str, Floats], Mapping[str, Timing]],
    what: tuple[str, str, str, Mapping[str, str]],
) -> Table:
    (columns, roles, asked), (labels, inputs, timings) = by, data
    times = np.arange(len(labels), dtype=float) if roles.time is None else _seconds(path, roles.time, columns, asked)
    if not np.isfinite(times).all() or bool((np.diff(times) < 0.0).any()):
        raise Refused(
            f"{path}: {roles.time}: found times that fall from row to row, or are none; expected rising times"
        )
    labelled = np.flatnonzero(np.isfinite(labels))
    taken = times if roles.taken is None else _seconds(path, roles.taken, columns, asked)
    reported = _reported(path, times, taken, (columns, roles, asked))
    if roles.taken is not None or len(labelled) < len(labels):
        inputs, labelled = _aligned(path, (times, taken), inputs, timings, labelled)
    else:
        inputs = {name: values[labelled] for name, values in inputs.items()}
    samples = Samples(inputs, labels[labelled], taken[labelled], reported[labelled])
    order = np.argsort(samples.at, kind="stable")
    delay = float(np.median(samples.known_at - samples.at)) if samples.n else 0.0
    core, result, unit, units = what
    return Table(samples.rows(order), core, result, unit, units, timings, max(delay, 0.0))


def _seconds(path: Path, name: str, columns: Mapping[str, _Column], asked: Asked) -> Floats:
    """Return the times of a column [s]: by the unit behind its name, or by the one that was asked for."""
    column = columns[name]
    return asked.seconds * column.values if column.unit is None else _converted(path, name, column, "s")


def _reported(path: Path, times: Floats, taken: Floats, by: tuple[Mapping[str, _Column], _Roles, Asked]) -> Floats:
    columns, roles, asked = by
    if roles.known is not None:
        return _seconds(path, roles.known, columns, asked)
    return times if roles.taken is not None else taken + asked.delay_s


def _aligned(
    path: Path,
    when: tuple[Floats, Floats],
    inputs: Mapping[str, Floats],
    timings: Mapping[str, Timing],
    labelled: Indices,
) -> tuple[dict[str, Floats], Indices]:
    """Return the inputs aligned to when each sample was taken, and the rows with results, each result once."""
    times, taken = when
    early = labelled[taken[labelled] < times[0]]
    if len(early):
        raise Refused(
            f"{path}:{int(early[0]) + 2}: found a label of a sample older than the first row of the data, "
            "expected data that reach back to it"
        )
    places = np.clip(np.searchsorted(times, taken[labelled], side="right") - 1, 0, len(times) - 1)
    for name, values in inputs.items():
        gone = np.flatnonzero(~np.isfinite(values[: int(places.max(initial=0)) + 1]))
        if len(gone):
            raise Refused(
                f"{path}:{int(gone[0]) + 2}: found no number for {name}, expected one in every row of a record"
            )
    found = {name: along(times, values, timings[name])[places] for name, values in inputs.items()}
    return found, labelled
