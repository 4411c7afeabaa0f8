"""`soft-sensor fit` and `check` where the data are spectra, and what is said of calibrations that are carried over."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.markup import escape
from rich.table import Table

from controller.cli import page as pages
from controller.cli import spectra_data
from controller.cli.ends import Refused, at
from controller.cli.show import people
from controller.cli.spectra_data import Sheet
from controller.soft import pls
from controller.soft.carried import Carried, Worth, on_axis
from controller.soft.fit import Origin, Spectra, calibrate
from controller.soft.pls import Calibration
from plant_io.signals import Floats

_FEWEST = 36
_LATER = 1.0 / 3.0


def calibrated(data: Path, out: str, results: Mapping[str, str], said: Mapping[str, str]) -> dict[str, object]:
    """Fit a calibration to spectra, judge it on the later third of them, and write it.

    Parameters
    ----------
    data
        CSV file of spectra in the order of time, with a column for each result.
    out
        File to write.
    results
        Unit of each result by its column, the main one first.
    said
        What is said of it, for its card.

    Raises
    ------
    Refused
        If nothing can be learnt from it.
    ValueError
        If its contents or wavelengths are not fit for it.
    """
    sheet = spectra_data.read(data)
    if not results:
        raise Refused(f"{data}: found spectra, expected --column result=COLUMN with the content they were taken of")
    wanted = np.column_stack([sheet.numbers(name) for name in results])
    _usable(sheet, wanted)
    cut = round((1.0 - _LATER) * len(wanted))
    ranges = {n: (float(c.min()), float(c.max())) for n, c in zip(results, wanted.T, strict=True)}
    origin = Origin(said.get("use", data.name), 0, 1, ranges)
    early, late = (Spectra(sheet.spectra[part], wanted[part]) for part in (slice(cut), slice(cut, None)))
    with at(str(data)):
        found = calibrate(early, late, sheet.wavelengths, results, origin)
        on_axis(found, late.spectra)
    Path(out).write_text(found.text() + "\n", encoding="utf-8")
    people.print(f"{len(found.score_sd)} components; written to {out}", markup=False)
    card = found.card
    told: dict[str, object] = {"rmsep": card.rmsep[0], "bias": card.bias[0], "coverage": None, "n": card.withheld}
    return told | {"results": dict(results), "fitted_to": card.samples, "data_sha256": card.data_sha256}


def checked(model: Path, data: Path) -> dict[str, object]:
    """Hold a calibration against spectra of known content.

    Raises
    ------
    Refused
        If the spectra are not of its wavelengths, or its contents are not there.
    ValueError
        If their axis is shifted.
    """
    calibration = pls.read(model.read_bytes(), str(model))
    sheet = spectra_data.read(data)
    spectra_data.of_calibration(sheet, calibration)
    with at(str(data)):
        on_axis(calibration, sheet.spectra)
    here, name = pls.Pls.of(calibration), calibration.results[0]
    readings = [here(x) for x in sheet.spectra]
    off = np.array([one.results[0] for one in readings]) - sheet.numbers(name)
    if not np.isfinite(off).all():
        raise Refused(
            f"{data}:{int(np.flatnonzero(~np.isfinite(off))[0]) + 2}: found no number for {name}, expected one"
        )
    rmsep, bias = float(np.sqrt(np.mean(off**2))), float(np.mean(off))
    q, t2 = (float(np.mean([getattr(one, part) for one in readings])) for part in ("q", "t2"))
    unit = calibration.units[0]
    people.print(f"{name}: RMSEP {rmsep:.4g} {unit}, bias {bias:+.3g} {unit}, n {len(off)}; Q {q:.2f}, T2 {t2:.2f}")
    return {"rmsep": rmsep, "bias": bias, "coverage": None, "n": len(off), "q": q, "t2": t2}


def _usable(sheet: Sheet, wanted: Floats) -> None:
    if len(wanted) < _FEWEST:
        raise Refused(f"{sheet.name}: found {len(wanted)} spectra, expected at least {_FEWEST} for a calibration")
    still = np.flatnonzero(~(np.ptp(sheet.spectra, axis=0) > 0.0))
    if len(still):
        where, value = sheet.wavelengths[still[0]], sheet.spectra[0, still[0]]
        raise Refused(
            f"{sheet.name}: found the channel of {where:g} nm at {value:g} in every spectrum, expected that it changes"
        )
    seen = dict[str, int]()
    for i, row in enumerate(sheet.spectra, 2):
        first = seen.setdefault(hashlib.sha256(row.tobytes()).hexdigest(), i)
        if first != i:
            raise Refused(f"{sheet.name}:{i}: found the spectrum of line {first} again, expected every batch once")


def best(found: Carried) -> str:
    """Return in words what the best of all transfers would leave."""
    error = min(one.error for one in found.after.values())
    return f"the error is {found.before.error:.3g} without one and {error:.3g} at best with one"


def _rows(found: Carried) -> Iterator[tuple[str, ...]]:
    every: list[tuple[str, Worth]] = [("nothing done", found.before), *found.after.items()]
    for name, one in every:
        yield name, f"{one.error:.4g}", f"{one.bias:+.3g}", f"{one.q:.3g}"


def _head(calibration: Calibration) -> tuple[str, ...]:
    unit = calibration.units[0]
    return "", f"error of {calibration.results[0]} [{unit}]", f"bias [{unit}]", "Q, usual is 1 [1]"


def show(found: Carried, calibration: Calibration) -> None:
    """Show the figures of a transfer to people."""
    grid = Table(*map(escape, _head(calibration)), title=f"{found.withheld} withheld pairs", title_justify="left")
    for row in _rows(found):
        grid.add_row(*row)
    people.print(grid)
    people.print(f"its wavelength axis is off by {found.axis_nm:+.2f} nm")


def plain(found: Carried) -> dict[str, object]:
    """Return the figures of a transfer as plain values."""
    after = {name: asdict(one) for name, one in found.after.items()}
    told: dict[str, object] = {"method": found.method, "n": found.withheld, "before": asdict(found.before)}
    return told | {"after": after, "axis_nm": found.axis_nm}


def page(found: Carried, calibration: Calibration) -> str:
    """Return the figures of a transfer as a page with plots."""
    name, unit = calibration.results[0], calibration.units[0]
    wanted = pages.plain(found.found["wanted"])
    traces: list[dict[str, object]] = [
        {"x": wanted, "y": pages.plain(values), "name": what.replace("_", " "), "mode": "markers"}
        for what, values in found.found.items()
        if what != "wanted"
    ]
    ends = [float(f(found.found["wanted"])) for f in (np.min, np.max)]
    equal: dict[str, object] = {"x": ends, "y": ends, "name": "equal", "line": {"color": "#999"}}
    axis = f"The axis is off by {found.axis_nm:+.2f} nm."
    told = f"Judged on {found.withheld} withheld pairs; chosen: {found.method}. {axis}"
    parts: Sequence[str] = [
        pages.said(told),
        pages.table(_head(calibration), _rows(found)),
        pages.drawn([*traces, equal], f"{name} wanted [{unit}]", f"{name} found [{unit}]"),
    ]
    return pages.page("Calibration carried over", parts)
