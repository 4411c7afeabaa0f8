"""A calibration of spectra: what it holds, and what it makes of one spectrum.

References
----------
S. Wold, M. Sjostrom, L. Eriksson, "PLS-regression: a basic tool of chemometrics", Chemom. Intell. Lab. Syst. 58(2),
2001, doi:10.1016/S0169-7439(01)00155-1.
J. E. Jackson, G. S. Mudholkar, "Control procedures for residuals associated with principal component analysis",
Technometrics 21(3), 1979, doi:10.1080/00401706.1979.10489779.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from controller.soft.spectra import Snv, Step, Treatment
from controller.soft.transfer import Carrier, SlopeBias, Transfer
from controller.stored import stored
from plant_io.signals import Floats
from policies.words import Declared, Positive, Row, Span

_sum = np.add.reduce  # what `sum` of an array does, without its wrapper
WORST = 1e9
"""Misfit reported for a spectrum without any shape [1]."""


class Card(Declared):
    """Where a calibration comes from and what it is worth (model card)."""

    data_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Hash over spectra and reference values of calibration and test, hexadecimal."""
    source: str
    """Where the spectra come from."""
    seed: int
    """Seed they were drawn with [1]."""
    scans: Annotated[int, Field(ge=1)]
    """Scans averaged for one spectrum [1]."""
    samples: Annotated[int, Field(ge=1)]
    """Calibration samples [1]."""
    withheld: Annotated[int, Field(ge=1)]
    """Later samples kept back for the test [1]."""
    ranges: dict[str, Span]
    """Lowest and highest composition calibrated, in the unit of each component."""
    rmsecv: Row
    """Cross-validated error of the first result with 1, 2, ... components, in its unit."""
    rmsep: Row
    """Root-mean-square error of each result on the withheld samples, in its unit."""
    bias: Row
    """Mean error of each result on the withheld samples, in its unit."""
    q_99: Positive
    """99 % quantile of Q on the withheld samples, in multiples of its mean [1]."""
    t2_99: Positive
    """99 % quantile of T2 on the withheld samples, in multiples of its mean [1]."""


class Calibration(Declared):
    """A PLS calibration as plain numbers, as it stands in its file."""

    format: Literal[1]
    """Version of this format."""
    kind: Literal["snv_pls", "pls"]
    """Partial least squares after the standard normal variate, or after `pretreatment`."""
    pretreatment: tuple[Step, ...] = ()
    """Steps before the regression, where the kind is ``pls``."""
    results: tuple[str, ...]
    """What it gives, the main result first."""
    units: tuple[str, ...]
    """UCUM unit of each result."""
    wavelengths: Row
    """Wavelengths of the channels [nm]."""
    mean: Row
    """Mean spectrum after the pretreatment, shape ``(n_channels,)`` [1]."""
    intercept: Row
    """Results at the mean spectrum, shape ``(n_results,)``, in `units`."""
    coef: tuple[Row, ...]
    """Regression coefficients, shape ``(n_results, n_channels)``, in `units` per 1."""
    rotations: tuple[Row, ...]
    """Weights that give the scores, shape ``(n_channels, n_components)`` [1]."""
    loadings: tuple[Row, ...]
    """Loadings that give the fitted spectrum, shape ``(n_channels, n_components)`` [1]."""
    score_sd: tuple[Positive, ...]
    """Standard deviation of each score in the calibration, shape ``(n_components,)`` [1]."""
    q_usual: Positive
    """Mean sum of squared residuals of the withheld samples [1]."""
    t2_usual: Positive
    """Mean squared distance of the scores of the withheld samples [1]."""
    card: Card
    """Where it comes from and what it is worth."""

    @model_validator(mode="after")
    def _shapes_agree(self) -> Self:
        n, m, k = len(self.wavelengths), len(self.results), len(self.score_sd)
        found = {
            "mean": (len(self.mean), n),
            "units": (len(self.units), m),
            "intercept": (len(self.intercept), m),
            "rmsep": (len(self.card.rmsep), m),
            "coef": (*map(len, self.coef), len(self.coef), *(n for _ in self.coef), m),
            "rotations": (*map(len, self.rotations), len(self.rotations), *(k for _ in self.rotations), n),
            "loadings": (*map(len, self.loadings), len(self.loadings), *(k for _ in self.loadings), n),
        }
        wrong = [name for name, sizes in found.items() if sizes[: len(sizes) // 2] != sizes[len(sizes) // 2 :]]
        if wrong:
            raise ValueError(f"the sizes of {', '.join(wrong)} do not fit {n} channels, {m} results, {k} components")
        if self.kind == "snv_pls" and self.pretreatment:
            raise ValueError("a calibration of kind snv_pls has no other pretreatment; its kind is pls")
        Treatment.of(self.steps, n)
        return self

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return the steps before the regression, in order."""
        return (Snv(),) if self.kind == "snv_pls" else self.pretreatment

    def text(self) -> str:
        """Return what its file holds."""
        return self.model_dump_json(indent=1, exclude=None if self.pretreatment else {"pretreatment"})


def read(data: bytes, name: str) -> Calibration:
    """Return the calibration in a file.

    Parameters
    ----------
    data
        What the file holds, JSON.
    name
        Name of the file, for the message.

    Raises
    ------
    ValueError
        If the file is no calibration.
    """
    return stored(Calibration, data, name, "NIR calibration")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a calibration makes of one spectrum."""

    results: tuple[float, ...]
    """Results, in the units of the calibration."""
    q: float
    """Sum of squared residuals, in multiples of its mean over the test set [1]."""
    t2: float
    """Squared distance of the scores from the centre, in multiples of its mean over the test set [1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Pls:
    """A calibration made ready to evaluate, with numpy alone."""

    treat: Treatment
    """Pretreatment of spectra."""
    mean: Floats
    """Mean spectrum after the pretreatment, shape ``(n_channels,)`` [1]."""
    intercept: Floats
    """Results at the mean spectrum, shape ``(n_results,)``, units of the results."""
    coef: Floats
    """Regression coefficients, shape ``(n_results, n_channels)``, units of the results per 1."""
    rotations: Floats
    """Weights that give the scores in their standard deviations, shape ``(n_channels, n_components)`` [1]."""
    loadings: Floats
    """Fitted spectrum per standard deviation of each score, shape ``(n_channels, n_components)`` [1]."""
    q_usual: float
    """Usual sum of squared residuals [1]."""
    t2_usual: float
    """Usual squared distance of the scores [1]."""
    carrier: Carrier | None = None
    """What carries it over to another instrument; None for the one that was calibrated."""

    @classmethod
    def of(cls, calibration: Calibration, transfer: Transfer | None = None) -> Pls:
        """Return `calibration` made ready, for another instrument if there is a `transfer`.

        Raises
        ------
        ValueError
            If the transfer belongs to another calibration.
        """
        if transfer is not None:
            _belongs(transfer, calibration)
        sd = np.array(calibration.score_sd)
        return cls(
            treat=Treatment.of(calibration.steps, len(calibration.wavelengths)),
            mean=np.array(calibration.mean),
            intercept=np.array(calibration.intercept),
            coef=np.array(calibration.coef),
            rotations=np.array(calibration.rotations) / sd,
            loadings=np.array(calibration.loadings) * sd,
            q_usual=calibration.q_usual,
            t2_usual=calibration.t2_usual,
            carrier=None if transfer is None else Carrier.of(transfer),
        )

    def __call__(self, spectrum: Floats) -> Reading:
        """Return what the calibration makes of one spectrum.

        Parameters
        ----------
        spectrum
            Absorbance, shape ``(n_channels,)`` [1].
        """
        if not spectrum.item(spectrum.argmax()) - spectrum.item(spectrum.argmin()) > 0.0:
            return Reading(tuple(self.intercept.tolist()), WORST, WORST)
        # Plain sums: a matrix product adds in an order of the processor's own, and a replay elsewhere would differ.
        treated = self.treat(spectrum)
        centred = (treated if self.carrier is None else self.carrier.spectrum(treated)) - self.mean
        scores: Floats = _sum(centred[:, None] * self.rotations, axis=0)
        residual = centred - _sum(self.loadings * scores, axis=1)
        found: Floats = self.intercept + _sum(self.coef * centred, axis=1)
        return Reading(
            results=tuple((found if self.carrier is None else self.carrier.results(found)).tolist()),
            q=min(float(_sum(residual * residual)) / self.q_usual, WORST),
            t2=min(float(_sum(scores * scores)) / self.t2_usual, WORST),
        )


def _belongs(transfer: Transfer, calibration: Calibration) -> None:
    if transfer.calibration_sha256 != calibration.card.data_sha256:
        raise ValueError("the transfer belongs to a calibration of other data")
    if isinstance(transfer, SlopeBias):
        found, wanted, what = len(transfer.slope), len(calibration.results), "results"
    else:
        found, wanted, what = len(transfer.offset), len(calibration.wavelengths), "channels"
    if found != wanted:
        raise ValueError(f"the transfer has {found} {what}, but the calibration {wanted}")
