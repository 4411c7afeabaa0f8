"""Tables of spectra as instruments write them: a column for each wavelength, a row for each spectrum."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path

import numpy as np

from controller.cli.ends import Refused
from controller.soft.carried import Pairs
from controller.soft.pls import Calibration, Pls
from controller.soft.transfer import same_axis
from plant_io.signals import Floats

_HEAD = re.compile(r"(?P<number>\d+(\.\d+)?)\s*\[?(?P<unit>[A-Za-zµ][\w^-]*)?\]?")
_FEWEST_CHANNELS = 8
_MOST_AU = 10.0  # absorbance that no probe shows: 1 of 10^10 parts of the light
HERE, THERE = "calibrated", "other"
"""What the column `instrument` says of a spectrum."""


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A table of spectra."""

    name: str
    """Name of the file."""
    wavelengths: Floats
    """Wavelength of each channel, shape ``(n_channels,)`` [nm]."""
    spectra: Floats
    """Absorbance, shape ``(n, n_channels)`` [1]."""
    words: Mapping[str, Sequence[str]]
    """The other columns as they are written, by name."""

    def numbers(self, column: str) -> Floats:
        """Return another column as numbers, shape ``(n,)``, in its unit; not a number where a cell is empty.

        Raises
        ------
        Refused
            If there is none of that name, or it holds a word.
        """
        if column not in self.words:
            there = ", ".join(self.words) or "none but wavelengths"
            raise Refused(
                f"{self.name}: found no column {column!r}, expected it beside the wavelengths; it has {there}"
            )
        return np.array([_number(self.name, i, column, text) for i, text in enumerate(self.words[column], 2)])


def holds_spectra(path: Path) -> bool:
    """Return whether a file is a table whose first row names wavelengths."""
    if not path.is_file() or path.suffix == ".sqlite":
        return False
    with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        head = next(csv.reader([file.readline()]), list[str]())
    return sum(_HEAD.fullmatch(name.strip()) is not None for name in head) >= _FEWEST_CHANNELS


def read(path: Path) -> Sheet:
    """Return the spectra in a CSV file.

    Raises
    ------
    Refused
        If it is no table of spectra, a cell of a spectrum holds no number, or wavelengths do not rise in nm.
    OSError
        If it cannot be read.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    if len(rows) < 2:  # noqa: PLR2004  # a header and a row
        raise Refused(f"{path}: found {len(rows)} lines, expected a header and rows of spectra")
    head = [name.strip() for name in rows[0]]
    channels = [i for i, name in enumerate(head) if _HEAD.fullmatch(name)]
    wavelengths = np.array([_wavelength(path, head[i]) for i in channels])
    if len(channels) < _FEWEST_CHANNELS or not bool((np.diff(wavelengths) > 0.0).all()):
        raise Refused(f"{path}: found {len(channels)} wavelengths, expected {_FEWEST_CHANNELS} or more, rising, in nm")
    ragged = [i for i, row in enumerate(rows, 1) if len(row) != len(head)]
    if ragged:
        raise Refused(
            f"{path}:{ragged[0]}: found {len(rows[ragged[0] - 1])} cells, expected {len(head)} as in the head"
        )
    spectra = np.array([[_cell(path, i, head[c], row[c]) for c in channels] for i, row in enumerate(rows[1:], 2)])
    _level(path, spectra)
    others = [(i, name) for i, name in enumerate(head) if i not in channels]
    words = {name: [row[i].strip() for row in rows[1:]] for i, name in others}
    return Sheet(str(path), wavelengths, spectra, words)


def _level(path: Path, spectra: Floats) -> None:
    usual = float(np.median(np.abs(spectra)))
    if usual > _MOST_AU:
        raise Refused(
            f"{path}: found absorbances of about {usual:.3g}, expected at most {_MOST_AU:g}; are they in another unit?"
        )


def of_calibration(sheet: Sheet, calibration: Calibration) -> None:
    """See that the wavelengths of a table are those of a calibration.

    Raises
    ------
    Refused
        If they are not.
    """
    try:
        same_axis(sheet.wavelengths, np.array(calibration.wavelengths))
    except ValueError as error:
        raise Refused(f"{sheet.name}: {error}") from None


def pairs(sheet: Sheet, calibration: Calibration) -> Pairs:
    """Return the spectra of samples that both instruments measured.

    Parameters
    ----------
    sheet
        With the columns ``sample`` and ``instrument``, and one for each result whose contents are known.
    calibration
        The calibration that is carried over.

    Raises
    ------
    Refused
        If they are no pairs.
    """
    of_calibration(sheet, calibration)
    for name in ("sample", "instrument"):
        if name not in sheet.words:
            raise Refused(f"{sheet.name}: found no column {name}, expected sample, and instrument: {HERE} or {THERE}")
    places: dict[str, dict[str, int]] = {HERE: {}, THERE: {}}
    for i, (sample, which) in enumerate(zip(sheet.words["sample"], sheet.words["instrument"], strict=True)):
        if which not in places:
            raise Refused(f"{sheet.name}:{i + 2}: found the instrument {which!r}, expected {HERE} or {THERE}")
        if sample in places[which]:
            raise Refused(f"{sheet.name}:{i + 2}: found sample {sample} twice on the {which} instrument, expected once")
        places[which][sample] = i
    alone = sorted(set(places[HERE]) ^ set(places[THERE]))
    if alone:
        raise Refused(f"{sheet.name}: found sample {alone[0]} on one instrument only, expected every sample on both")
    here, there = list(places[HERE].values()), [places[THERE][sample] for sample in places[HERE]]
    return Pairs(sheet.spectra[here], sheet.spectra[there], _wanted(sheet, calibration, here, there))


def _wanted(sheet: Sheet, calibration: Calibration, here: Sequence[int], there: Sequence[int]) -> Floats:
    """Return contents as they are written beside either spectrum; what is not, as the calibrated instrument has it."""
    here_rows, pls = np.array(here), Pls.of(calibration)
    found = np.array([pls(x).results for x in sheet.spectra[here_rows]])
    for i, name in enumerate(calibration.results):
        if name in sheet.words:
            values = sheet.numbers(name)
            both = np.where(np.isfinite(values[here_rows]), values[here_rows], values[np.array(there)])
            found[:, i] = np.where(np.isfinite(both), both, found[:, i])
    return found


def _wavelength(path: Path, head: str) -> float:
    match = _HEAD.fullmatch(head)
    unit = match["unit"] if match else None
    if match is None or unit not in {None, "nm"}:
        raise Refused(f"{path}: found wavelengths in {unit}, expected nm")
    return float(match["number"])


def _cell(path: Path, line: int, head: str, text: str) -> float:
    value = _number(str(path), line, head, text)
    if not isfinite(value):
        raise Refused(f"{path}:{line}: found no number at {head}, expected a whole spectrum")
    return value


def _number(name: str, line: int, column: str, text: str) -> float:
    try:
        return float(text) if text.strip() else nan
    except ValueError:
        raise Refused(f"{name}:{line}: found {text!r} for {column}, expected a number") from None
