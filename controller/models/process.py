"""Identified parameters of a process: the file in which commissioning leaves them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from controller.stored import declared, written
from policies.words import Declared, Number, Positive, Word


class Parameter(Declared):
    """One identified number."""

    value: Positive
    """Value, in `unit`."""
    sd: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """Standard error of the fit, in `unit`."""
    unit: str
    """UCUM unit of value and standard error."""


class Fit(Declared):
    """How well the model follows one reading on the part of the record it was not fitted to."""

    unit: str
    """UCUM unit of `rmse`."""
    rmse: Number
    """Root of the mean squared difference, in `unit`."""
    r2: Number
    """Share of the variance explained [1]."""
    samples: int
    """Values compared [1]."""


class Process(Declared):
    """Identified parameters with the evidence for them."""

    form: Literal["steadyline.process/1"] = Field(alias="schema")
    """Version of this file format."""
    model: Word
    """Name of the control model they belong to."""
    how: str
    """How they were identified, in words."""
    seed: int
    """Seed of the record they were identified from [1]."""
    fitted_s: Positive
    """Length of the first part of the record, which was fitted [s]."""
    tested_s: Positive
    """Length of the rest, which was predicted [s]."""
    parameters: Mapping[str, Parameter]
    """The parameters by name."""
    report: Mapping[str, Fit]
    """Quality of prediction of each reading, by name."""

    def number(self, name: str, unit: str) -> float:
        """Return one parameter in `unit`.

        Raises
        ------
        ValueError
            If it is missing, or is given in another unit.
        """
        found = self.parameters.get(name)
        if found is None:
            raise ValueError(f"parameter {name} is missing; the model wants it in {unit}")
        if found.unit != unit:
            raise ValueError(f"parameter {name} is given in {found.unit}; the model wants it in {unit}")
        return found.value


def read(data: bytes) -> Process:
    """Return the process written in `data`.

    Raises
    ------
    ValueError
        If `data` is no JSON, or not of this format; every mistake is named.
    """
    return declared(Process, data, "identified parameters")


def write(process: Process) -> bytes:
    """Return `process` as a file that a person can read."""
    return written(process)
