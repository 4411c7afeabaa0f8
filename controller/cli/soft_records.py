"""Records of runs made ready to learn a soft sensor from, and to check one against."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from controller.cli.ends import Refused
from controller.cli.show import people
from controller.cli.soft_data import AUTO, Asked, Table, core_of
from controller.records.cycles import Walk
from controller.records.labelled import Along, Result
from controller.records.labelled import along as walked
from controller.soft.aligned import Timing, along, of_path
from controller.soft.cores import CORES
from controller.soft.hybrid_model import HybridModel, read
from controller.soft.samples import Samples
from plant_io.signals import Floats
from policies import Hybrid, Policy
from policies.hybrid import Laboratory
from policies.sampled import OF_SOURCE
from policies.sentences import among, counted
from policies.units import convert, convertible

Progress = Callable[[int], None]
_OLDEST = "168h"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a record is learnt from, or checked against."""

    name: str
    """Name of the result."""
    unit: str
    """UCUM unit of the result."""
    core: str
    """Name of the core, or of none."""
    tags: Mapping[str, str]
    """Tag of each input."""
    units: Mapping[str, str]
    """UCUM unit of each input."""
    timings: Mapping[str, Timing]
    """How inputs are aligned."""
    lab: Laboratory
    """Where results come from."""
    every_s: float
    """Time from one look to the next [s]."""
    lost_after_s: float
    """Time for which an input that is not good is held [s]."""


def are_records(paths: Sequence[Path]) -> bool:
    """Return whether what a person named are records, and not a table."""
    return all(path.is_dir() or path.suffix == ".sqlite" for path in paths)


def policy_of(paths: Sequence[Path]) -> Policy:
    """Return the policy of the first of some records.

    Raises
    ------
    Refused
        If they are of two lines.
    """
    found = [Walk(path).policy() for path in paths]
    for path, one in zip(paths, found, strict=True):
        if one.line != found[0].line:
            raise Refused(f"{path}: the record is of line {one.line}, those before of {found[0].line}")
    return found[0]


def sensor_of(paths: Sequence[Path], policy: Policy, asked: Asked, model: HybridModel | None = None) -> str | None:
    """Return the soft sensor of a policy that is meant; None where tags are named instead.

    Raises
    ------
    Refused
        If there is none, or it is not clear which.
    """
    hybrids = {n: one for n, one in policy.soft_sensors.items() if isinstance(one, Hybrid)}
    if asked.sensor is not None:
        if asked.sensor not in hybrids:
            raise Refused(f"--sensor: found {asked.sensor!r}, {among(hybrids, 'hybrid soft sensor', 'expected')}")
        return asked.sensor
    named = set(asked.inputs or {})
    alike = {n: one for n, one in hybrids.items() if named <= set(one.reads)}
    if model is not None:
        alike = {n: one for n, one in alike.items() if set(one.reads) == set(model.inputs)}
    fitting = [n for n, one in alike.items() if one.lab is not None] or (list(alike) if asked.result else [])
    if len(fitting) == 1:
        return fitting[0]
    if named and not fitting and asked.result is not None:
        return None
    strange = sorted(named - {key for one in hybrids.values() for key in one.reads})
    if strange:
        known = sorted({key for one in hybrids.values() if one.lab is not None for key in one.reads})
        wanted = among(known, "input of a sensor with a lab", "expected")
        raise Refused(f"--column: found the input {strange[0]!r}, {wanted}; result=TAG beside it would do")
    what = "with a lab" if model is None else "with a lab and the inputs of the model"
    sensors = f"--sensor with one of {', '.join(hybrids)}, or " if hybrids else ""
    raise Refused(
        f"{paths[0]}: found {counted(len(fitting), 'hybrid soft sensor')} {what} in its policy, expected {sensors}"
        "--column with the tags of inputs and result"
    )


def read_all(paths: Sequence[Path], asked: Asked, progress: Progress) -> Table:
    """Return the labelled samples in records, each result at the time its sample was taken.

    Parameters
    ----------
    paths
        Record directories, in the order of time.
    asked
        What is said of their tags.
    progress
        Told the number of cycles done so far.

    Raises
    ------
    Refused
        If they do not hold what is needed.
    """
    policy = policy_of(paths)
    name = sensor_of(paths, policy, asked)
    declared = None if name is None else _hybrid(policy, name)
    tags = _tags(policy, asked, declared)
    lab = _lab(policy, asked, declared)
    served = None if declared is None else _served(policy, declared)
    units = policy.units()
    core = asked.core
    if core == AUTO:
        core = served.core if served is not None else core_of(AUTO, set(tags), units[lab.tag])
    core = core_of(core, set(tags), None)
    found = Wanted(
        name=name or lab.tag,
        unit=CORES[core].unit if core in CORES else units[lab.tag],
        core=core,
        tags=tags,
        units={key: _unit(core, key, units[tag]) for key, tag in tags.items()},
        timings={key: _timing(core, key, asked, served) for key in tags},
        lab=lab,
        every_s=10.0 if declared is None else declared.every_s,
        lost_after_s=60.0 if declared is None else declared.lost_after_s,
    )
    return _table(paths, policy, found, progress)


def like(paths: Sequence[Path], model: HybridModel, asked: Asked, progress: Progress) -> Table:
    """Return the labelled samples in records as a model wants them.

    Parameters
    ----------
    paths
        Record directories, in the order of time.
    model
        The model.
    asked
        What is said of their tags.
    progress
        Told the number of cycles done so far.

    Raises
    ------
    Refused
        If they do not hold what the model wants.
    """
    policy = policy_of(paths)
    name = sensor_of(paths, policy, asked, model)
    declared = None if name is None else _hybrid(policy, name)
    tags = _tags(policy, asked, declared)
    missing = [key for key in model.inputs if key not in tags]
    if missing:
        raise Refused(f"{paths[0]}: found no tag for {', '.join(missing)}, expected all inputs of the model")
    found = Wanted(
        name=name or model.result,
        unit=model.unit,
        core=model.core,
        tags={key: tags[key] for key in model.inputs},
        units={key: one.unit for key, one in model.inputs.items()},
        timings={key: Timing(one.delay_s, one.lag_s) for key, one in model.inputs.items()},
        lab=_lab(policy, asked, declared),
        every_s=10.0 if declared is None else declared.every_s,
        lost_after_s=60.0 if declared is None else declared.lost_after_s,
    )
    return _table(paths, policy, found, progress)


def label_sd(paths: Sequence[Path], asked: Asked) -> float:
    """Return what the policy of a record says of the scatter of one result, in its unit; 0 if nothing."""
    policy = policy_of(paths)
    name = sensor_of(paths, policy, asked)
    lab = None if name is None else _hybrid(policy, name).lab
    return 0.0 if lab is None or asked.result is not None else lab.sd


def _hybrid(policy: Policy, name: str) -> Hybrid:
    found = policy.soft_sensors[name]
    if not isinstance(found, Hybrid):
        raise Refused(f"--sensor: {name} is of kind {found.kind}, expected a hybrid soft sensor")
    return found


def _served(policy: Policy, declared: Hybrid) -> HybridModel:
    """Return the model that is in service now; it says how inputs are aligned, and what its core is."""
    return read(policy.files[declared.model], declared.model)


def _tags(policy: Policy, asked: Asked, declared: Hybrid | None) -> dict[str, str]:
    found = {**({} if declared is None else declared.reads), **(asked.inputs or {})}
    found = {key: tag for key, tag in found.items() if tag not in asked.leave and key not in asked.leave}
    for tag in found.values():
        _known(policy, "--column", tag)
    return found


def _known(policy: Policy, option: str, tag: str) -> None:
    if tag not in policy.units():
        raise Refused(f"{option}: found {tag!r}, expected a tag of line {policy.line}")


def _lab(policy: Policy, asked: Asked, declared: Hybrid | None) -> Laboratory:
    if asked.result is None:
        if declared is None or declared.lab is None:
            raise Refused("--column: found no result, expected result=TAG: the policy declares no laboratory for it")
        return declared.lab
    for tag in (asked.result, *([asked.taken] if asked.taken else [])):
        _known(policy, "--column", tag)
    if asked.delay_s > 0.0:
        return Laboratory.model_validate({"tag": asked.result, "sd": 1.0, "age": f"{round(1000.0 * asked.delay_s)}ms"})
    said = {"tag": asked.result, "sd": 1.0, "taken": asked.taken or OF_SOURCE, "oldest": _OLDEST}
    return Laboratory.model_validate(said)


def _unit(core: str, key: str, tag_unit: str) -> str:
    known = CORES[core].inputs.get(key) if core in CORES else None
    return tag_unit if known is None else known.unit


def _timing(core: str, key: str, asked: Asked, served: HybridModel | None) -> Timing:
    if asked.residence_s > 0.0:
        share = CORES[core].inputs[key].path if core in CORES and key in CORES[core].inputs else 0.0
        return of_path(asked.residence_s, asked.tanks, share)
    if served is not None and key in served.inputs:
        return Timing(served.inputs[key].delay_s, served.inputs[key].lag_s)
    return Timing(0.0, 0.0)


def _table(paths: Sequence[Path], policy: Policy, wanted: Wanted, progress: Progress) -> Table:
    ways = {key: _way(policy, key, tag, wanted.units[key]) for key, tag in wanted.tags.items()}
    back = _way(policy, "the result", wanted.lab.tag, wanted.unit)
    parts = list[Samples]()
    for path in paths:
        found = walked(path, list(dict.fromkeys(wanted.tags.values())), wanted.lab, wanted.every_s, progress)
        if len(found.at):
            parts.append(_samples(path, found, wanted, (ways, back)))
    samples = _joined(parts, tuple(wanted.tags))
    if not samples.n:
        raise Refused(
            f"{paths[0]}: found no result of {wanted.lab.tag} of a sample taken within the record, expected some"
        )
    delay = float(np.median(samples.known_at - samples.at))
    return Table(samples, wanted.core, wanted.name, wanted.unit, wanted.units, wanted.timings, delay)


Way = tuple[float, float]


def _way(policy: Policy, key: str, tag: str, unit: str) -> Way:
    """Return what a tag reads at zero of its unit, and how much a step of one in it is, in another unit."""
    own = policy.units()[tag]
    if not convertible(own, unit):
        raise Refused(f"{tag}: found {key} in {own}, expected {unit} or a unit that can be converted to it")
    zero = convert(0.0, own, unit)
    return zero, convert(1.0, own, unit) - zero


def _samples(path: Path, found: Along, wanted: Wanted, ways: tuple[Mapping[str, Way], Way]) -> Samples:
    """Return the samples of one record; what was taken before it began, or blindly, is left out and told."""
    columns, (zero, slope) = ways
    inside = [one for one in found.results if one.taken >= found.at[0]]
    taken = np.array([one.taken for one in inside])
    places = np.clip(np.searchsorted(found.at, taken + 1e-6, side="right") - 1, 0, len(found.at) - 1)
    sound, inputs = np.ones(len(inside), dtype=bool), dict[str, Floats]()
    for key, tag in wanted.tags.items():
        raw, (offset, factor) = found.values[tag], columns[key]
        if not np.isfinite(raw).any():
            raise Refused(f"{path}: found no good value of {tag} for {key} in the whole record, expected some")
        held, lost = _held(found.at, offset + factor * raw, wanted.lost_after_s)
        timing = wanted.timings[key]
        inputs[key] = along(found.at, held, timing)[places]
        sound &= ~_lost(found.at, lost, taken, timing)
    _tell(path, found.results, inside, sound)
    kept = np.flatnonzero(sound)
    labels = zero + slope * np.array([one.value for one in inside])
    return Samples(inputs, labels, taken, np.array([one.known for one in inside])).rows(kept)


def _held(at: Floats, values: Floats, longest_s: float) -> tuple[Floats, Floats]:
    """Return values with the last good one held, and 1 where that is too old, else 0, each of shape ``(n,)``."""
    good = np.isfinite(values)
    last = np.maximum.accumulate(np.where(good, np.arange(len(values)), -1))
    first = int(np.argmax(good))
    held = values[np.where(last >= 0, last, first)]
    age = np.where(last >= 0, at - at[np.maximum(last, 0)], np.inf)
    return held, (age > longest_s).astype(np.float64)


def _lost(at: Floats, lost: Floats, taken: Floats, timing: Timing) -> np.typing.NDArray[np.bool_]:
    """Return of which samples an input was lost when what it says of them passed it."""
    total = np.concatenate([[0.0], np.cumsum(lost)])
    last = np.searchsorted(at, taken - timing.delay_s + 1e-6, side="right")
    first = np.minimum(np.searchsorted(at, taken - timing.delay_s - timing.lag_s - 1e-6), np.maximum(last - 1, 0))
    return np.asarray(total[last] - total[first] > 0.0)


def _tell(path: Path, all_of_them: Sequence[Result], inside: Sequence[Result], sound: Floats | object) -> None:
    early, blind = len(all_of_them) - len(inside), int(np.sum(~np.asarray(sound, dtype=bool)))
    parts = [f"{early} of samples older than the record"] if early else []
    parts += [f"{blind} of samples whose inputs were lost"] if blind else []
    if parts:
        people.print(f"{path}: left out of {counted(len(all_of_them), 'result')}: {', '.join(parts)}", markup=False)


def _joined(parts: Sequence[Samples], names: Sequence[str]) -> Samples:
    inputs = {name: np.concatenate([np.empty(0), *(part.inputs[name] for part in parts)]) for name in names}
    columns = [np.concatenate([np.empty(0), *(getattr(p, f) for p in parts)]) for f in ("labels", "at", "known_at")]
    found = Samples(inputs, columns[0], columns[1], columns[2])
    return found.rows(np.argsort(found.at, kind="stable"))


def along_path(paths: Sequence[Path], asked: Asked, masses: Sequence[float]) -> Asked:
    """Return what is asked, with the residence time of identified tanks at the median flow of powder in a record.

    Parameters
    ----------
    paths
        Record directories.
    asked
        What is said of their tags.
    masses
        What each tank holds [kg].
    """
    policy = policy_of(paths)
    name = sensor_of(paths, policy, asked)
    tags = _tags(policy, asked, None if name is None else _hybrid(policy, name))
    flows = [tags[key] for key in ("api_flow", "exc_flow") if key in tags]
    if len(flows) < 2 or not masses or asked.residence_s > 0.0:  # noqa: PLR2004  # API and excipient
        return asked
    lab = _lab(policy, asked, None if name is None else _hybrid(policy, name))
    found = walked(paths[0], flows, lab, 60.0)
    ways = [_way(policy, "the flow", tag, "kg/h") for tag in flows]
    powder = sum(
        zero + slope * float(np.nanmedian(found.values[t])) for (zero, slope), t in zip(ways, flows, strict=True)
    )
    return (
        replace(asked, residence_s=sum(masses) / powder * 3600.0, tanks=float(len(masses))) if powder > 0.0 else asked
    )
