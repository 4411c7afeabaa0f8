"""What a policy says of soft sensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from policies.hybrid import Hybrid
from policies.peaks import Peaks
from policies.reconciled import Reconciled
from policies.tablets import LabelClaim, MovingBlock
from policies.words import Declared, Duration, Name, Positive, Span, Suffix


class FusedNir(Declared):
    """A concentration from a spectrum and from the feeder flows, fused with a standard deviation.

    It gives six tags: its own name (fused), and with the suffixes ``.NIR`` (spectrum alone), ``.MECH``
    (residence-time path from the flows alone), ``.GAP`` (estimated difference of the two), ``.Q`` and ``.T2``
    (how badly the spectrum fits its calibration, in multiples of the mean over its test set).

    In the long run the fused value follows the spectrum: a bias of the spectrum is a bias of the result, and ``.GAP``
    cannot tell it from a bias of a feeder.
    """

    kind: Literal["fused_nir"]
    """Form of the soft sensor."""
    unit: str
    """UCUM code of the result."""
    range: Span
    """Lowest and highest result that can be meant, in `unit`."""
    model: str
    """Calibration file (PLS), beside the policy."""
    transfer: str | None = None
    """File that carries the calibration over to the instrument of this line, beside the policy; none if it is that."""
    process: str
    """Identified process parameters, beside the policy; gives the residence-time path."""
    spectrum: Name
    """Tag of the spectrum, absorbance [1]."""
    active: Name
    """Tag of the mass flow of the active ingredient."""
    others: Annotated[tuple[Name, ...], Field(min_length=1)]
    """Tags of the other mass flows, in the same unit."""
    nir_sd: Positive
    """Standard deviation of one prediction from a spectrum, in `unit`."""
    drift_sd: Positive
    """Standard deviation the mismatch of the two paths gains in the square root of a minute, in `unit`."""
    bias_sd: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Standard deviation of what all predictions from spectra may be wrong by together, in `unit`."""
    also: dict[Suffix, str] = Field(default_factory=dict)
    """Further results of the calibration, such as water: suffix of the tag and its UCUM unit."""
    stale_after_s: Duration = Field(default=15.0, alias="stale_after")
    """Age of the spectrum at which the result rests on the flows alone, and of a flow at which it is doubted [s]."""
    flows_lost_s: Duration = Field(default=60.0, alias="flows_lost")
    """Time without a flow after which nothing is concluded from the flows [s]."""
    worst_fit: Positive = 10.0
    """Q or T2 above which a spectrum is not believed, in multiples of the mean over the test set [1]."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return the tags it is made from."""
        return (self.spectrum, self.active, *self.others)

    def outputs(self, name: str) -> dict[str, tuple[str, tuple[float, float]]]:
        """Return unit and range of every tag this sensor named `name` gives."""
        return given(name, self.unit, self.range, self.also)


def given(
    name: str, unit: str, span: tuple[float, float], also: Mapping[str, str]
) -> dict[str, tuple[str, tuple[float, float]]]:
    """Return unit and range of every tag a sensor gives.

    Parameters
    ----------
    name
        Name of the sensor.
    unit
        UCUM code of its result.
    span
        Lowest and highest result, in `unit`.
    also
        Further results: suffix and UCUM code.
    """
    further = {f"{name}.{suffix}": (code, (-1e9, 1e9)) for suffix, code in also.items()}
    return further | {
        name: (unit, span),
        f"{name}.NIR": (unit, span),
        f"{name}.MECH": (unit, span),
        f"{name}.GAP": (unit, (-span[1], span[1])),
        f"{name}.Q": ("1", (0.0, 1e9)),
        f"{name}.T2": ("1", (0.0, 1e9)),
    }


class RefillBalance(Declared):
    """The error of a feeder's load cell, from the balance of each refill: what left the container against what arrived.

    It gives two tags. Its own name: how much more material there is than the load cell shows, relative [1], a witness
    that does not look at the product at all. And with the suffix ``.BLIND``: 1 while the feeder cannot weigh what it
    feeds, during a refill and for some time after it, else 0.
    """

    kind: Literal["refill_balance"]
    """Form of the soft sensor."""
    mass: Name
    """Tag of the hopper mass as the load cell shows it."""
    flow: Name
    """Tag of the mass flow as the feeder shows it."""
    refill: Name
    """Tag that is not zero during a refill."""
    charge: Name
    """Tag of the net mass the newest refill took out of its container, weighed there, in the unit of `mass`."""
    count: Name
    """Tag that numbers the refills: it changes when `charge` shows a new one."""
    range: Span = (-0.2, 0.2)
    """Lowest and highest relative error that can be meant [1]."""
    sd: Positive
    """Standard deviation of one balance, relative [1]."""
    blind_s: Duration = Field(default=8.0, alias="blind")
    """Time after a refill for which the feeder goes on without weighing [s]."""
    bounded_s: Duration = Field(default=120.0, alias="bounded")
    """Longest refill, its container's weighing included, that makes a balance [s]."""
    stale_after_s: Duration = Field(default=3600.0, alias="stale_after")
    """Age at which the newest balance is doubted [s]."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return the tags it is made from."""
        return (self.mass, self.flow, self.refill, self.charge, self.count)

    def outputs(self, name: str) -> dict[str, tuple[str, tuple[float, float]]]:
        """Return unit and range of the tags this sensor named `name` gives."""
        return balanced(name, self.range)


def balanced(name: str, span: tuple[float, float]) -> dict[str, tuple[str, tuple[float, float]]]:
    """Return unit and range of every tag a refill balance gives.

    Parameters
    ----------
    name
        Name of the sensor.
    span
        Lowest and highest relative error [1].
    """
    return {name: ("1", span), f"{name}.BLIND": ("1", (0.0, 1.0))}


SoftSensor = Annotated[
    FusedNir | RefillBalance | Peaks | Reconciled | MovingBlock | LabelClaim | Hybrid, Field(discriminator="kind")
]
"""Any soft sensor."""
