"""The way of the verb `identify` for residence-time distributions: tracer tests in, a distribution out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import exp, sqrt
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from controller.cli.ends import Refused, at, reading
from controller.cli.show import give, people, writable

if TYPE_CHECKING:
    from controller.material.fit import Forms, Tracer
    from controller.material.rtd import Reference, Rtd, Shape
    from plant_io.signals import Floats

_TITLE = re.compile(r"(?P<name>\w+)\s*(?:\[(?P<unit>[^\]]+)\])?")
_UNITS = {"time": "s", "flow": "kg/h"}
_NEEDED = ("time", "flow", "outlet")
_KNOWN = ("line", "test", *_NEEDED, "inlet", "speed")
_SPREAD = 1.05
_BINS = 40


def identify_rtd(data: Path, out: str, form: Shape, json: str | None) -> int:
    """Fit a residence-time distribution to tracer tests and write it with what is known of its parameters."""
    from controller.material.rtd import write  # noqa: PLC0415  # heavy

    writable(out)
    with reading(), people.status("fitting", spinner="line"):
        found = fitted(data, form)
    try:
        Path(out).write_bytes(write(found))
    except OSError as error:
        raise Refused(f"{out}: this cannot be written: {error.strerror}") from error
    for name, mean, row in zip(found.names, found.mean, range(len(found.names)), strict=True):
        sd = sqrt(found.covariance[row][row])
        spoken = f"{exp(mean):.4g}, relative sd {sd:.2g}" if not name.startswith("by_") else f"{mean:.3g}, sd {sd:.2g}"
        people.print(f"{name}: {spoken}", markup=False)
    people.print(f"written to {out}", markup=False)
    fit = found.fit
    give({"fit": {} if fit is None else fit.model_dump(), "rtd": found.model_dump(mode="json", by_alias=True)}, json)
    return 0


def fitted(data: Path, form: Shape) -> Rtd:
    """Return the distribution fitted to the tracer tests in a file.

    Raises
    ------
    Refused
        If it is no table of tracer tests.
    ValueError
        If the tests do not tell enough.
    """
    from controller.material import fit  # noqa: PLC0415  # heavy
    from controller.material.rtd import Reference  # noqa: PLC0415  # heavy

    columns = _columns(data)
    tests = _tests(data, columns)
    each = [test for own in tests.values() for test in own]
    flows, speeds = [float(test.flow.mean()) for test in each], [test.speed for test in each]
    speed = float(np.median(speeds)) if "speed" in columns else 1.0
    reference = Reference(flow=float(np.median(flows)), speed=speed)
    forms = fit.Forms(form, by_flow=_spread(flows), by_speed="speed" in columns and _spread(speeds))
    how = f"{len(each)} tracer tests on {len(tests)} line(s), {data.name}"
    with at(str(data)):
        if form == "kernel":
            return _kernel(tests, forms, reference, how)
        return fit.fitted(tests, forms, reference, how)


def _kernel(tests: Mapping[str, list[Tracer]], forms: Forms, reference: Reference, how: str) -> Rtd:
    from controller.material import fit  # noqa: PLC0415  # heavy

    each = [test for own in tests.values() for test in own]
    if any(test.ideal for test in each):
        raise Refused("a kernel needs a measured inlet; fit tanks or dispersion to an ideal pulse")
    shares = fit.kernel_of(each, _BINS, 4.0)
    return fit.fitted(tests, forms, reference, how, shares)


def _columns(data: Path) -> dict[str, Floats]:
    from controller.cli.tf_data import read_columns  # noqa: PLC0415  # heavy
    from policies.units import convert  # noqa: PLC0415  # heavy

    found = dict[str, "Floats"]()
    units = dict[str, str]()
    for title, values in read_columns(data).items():
        match = _TITLE.fullmatch(title)
        name, unit = (match["name"], match["unit"]) if match else (title, None)
        if name not in _KNOWN:
            raise Refused(f"{data}: found the column {title!r}, expected some of {', '.join(_KNOWN)}, with [unit]")
        if unit is None and name not in {"line", "test"}:
            raise Refused(f"{data}: {name}: found no unit, expected one in brackets, such as {name} [s]")
        wanted, units[name] = _UNITS.get(name), unit or ""
        try:
            found[name] = values if wanted is None else values * convert(1.0, units[name], wanted)
        except ValueError as error:
            raise Refused(f"{data}: {name}: {error}") from None
    if missing := [name for name in _NEEDED if name not in found]:
        raise Refused(f"{data}: found no column {missing[0]!r}, expected {', '.join(_NEEDED)}")
    if "inlet" in units and units["inlet"] != units["outlet"]:
        raise Refused(f"{data}: found inlet in {units['inlet']} and outlet in {units['outlet']}, expected one unit")
    return found


def _tests(data: Path, columns: Mapping[str, Floats]) -> dict[str, list[Tracer]]:
    size = len(columns["time"])
    lines, numbers = columns.get("line", np.zeros(size)), columns.get("test", np.zeros(size))
    found = dict[str, list["Tracer"]]()
    for line in dict.fromkeys(lines.tolist()):
        for number in dict.fromkeys(numbers[lines == line].tolist()):
            rows = (lines == line) & (numbers == number)
            found.setdefault(f"{line:g}", []).append(_test(data, {k: v[rows] for k, v in columns.items()}))
    return found


def _test(data: Path, rows: Mapping[str, Floats]) -> Tracer:
    from controller.material.fit import Tracer  # noqa: PLC0415  # heavy

    at, flow = rows["time"], rows["flow"]
    if not np.isfinite(at).all() or not (np.diff(at) > 0.0).all():
        raise Refused(f"{data}: time: found times that do not grow within a test, expected that they do")
    if not (flow > 0.0).all():
        raise Refused(f"{data}: flow: found a flow that is none, expected it in every row")
    speed = float(np.nanmean(rows["speed"])) if "speed" in rows else 1.0
    if "inlet" in rows:
        inlet = rows["inlet"]
        there = np.isfinite(inlet)
        if not there.any():
            raise Refused(f"{data}: inlet: found no value in a test, expected some")
        return Tracer(at, flow, speed, np.interp(at, at[there], inlet[there]), rows["outlet"])
    pulse = np.where(at < at[0] + _pulse_s(at), 1.0, 0.0)
    stays = _stays(rows["outlet"])
    signal = np.where(at > at[0], 1.0, 0.0) if stays else np.concatenate([[0.0], pulse[:-1]])
    return Tracer(at, flow, speed, signal, rows["outlet"], ideal=True)


def _pulse_s(at: Floats) -> float:
    return float(np.median(np.diff(at)))


def _stays(outlet: Floats) -> bool:
    """Return whether the outlet ends where it is farthest from its beginning, as after a step."""
    seen = outlet[np.isfinite(outlet)]
    few = max(len(seen) // 20, 1)
    away = np.abs(seen - seen[:few].mean())
    return bool(away[-few:].mean() > 0.5 * away.max())


def _spread(values: list[float]) -> bool:
    return max(values) > _SPREAD * min(values)
