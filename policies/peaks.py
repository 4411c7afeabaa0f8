"""What a policy says of a chromatogram: which peak is which."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from policies.words import Declared, Duration, Name, Positive, Span, Suffix

STRETCH = "STRETCH"
"""What stands behind the name of a list of peaks for the stretch of its retention times."""


class Peaks(Declared):
    """The sizes of known peaks of a chromatogram, picked from its list by their retention times.

    It gives one tag for each name in `listed`, the name behind a dot, and under its own name the largest peak that has
    no name. A peak that is not there is 0. All are dated when the sample was taken, not when the result came.
    """

    kind: Literal["peaks"]
    """Form of the soft sensor."""
    unit: str
    """UCUM code of the sizes, the unit of `areas`."""
    range: Span
    """Lowest and highest size that can be meant, in `unit`."""
    positions: Name
    """Tag that lists the retention times, relative to that of a reference [1]."""
    areas: Name
    """Tag that lists the sizes of the peaks, in the same order."""
    number: Name
    """Tag that says how many peaks are listed."""
    listed: Annotated[dict[Suffix, Positive], Field(min_length=1)]
    """Retention time of each known peak by name, relative to that of the reference [1]."""
    window: Positive
    """Largest distance of a peak from where its name expects it, relative to the reference [1]."""
    floor_sd: Positive
    """Standard deviation of the size of the smallest peak, in `unit`."""
    share_sd: Positive
    """Standard deviation of the size of a large peak, as a share of it [1]."""
    stretch: Annotated[float, Field(ge=0.0, le=0.3)] = 0.0
    """Largest stretch of retention times about the reference that is found and taken out, as a column ages; it is given
    under the name with ``.STRETCH`` behind it [1]."""
    responses: dict[Suffix, Positive] = Field(default_factory=dict)
    """Response of a peak relative to the reference, by which its size is divided, by name [1]."""
    lod: Annotated[float, Field(ge=0.0)] = 0.0
    """Smallest size that is seen; smaller ones are left out, in `unit`."""
    loq: Annotated[float, Field(ge=0.0)] = 0.0
    """Smallest size that is quantified, and by which retention times are aligned, in `unit`."""
    total: Span | None = None
    """Lowest and highest sum of all sizes; a result outside is refused, in `unit`."""
    carried: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of the sample before that the sampler may carry over [1]."""
    injection: Name | None = None
    """Tag that counts injections, by which those that come twice are known."""
    method: Name | None = None
    """Tag that says the number of the method."""
    methods: tuple[str, ...] = ()
    """Methods whose results are taken, as numbers; needs `method`. Any where empty."""
    version: Name | None = None
    """Tag that says the version of the method as a number."""
    versions: tuple[str, ...] = ()
    """Versions of the method that are taken, as numbers; needs `version` where results say theirs. Any where empty."""
    stale_after_s: Duration = Field(default=1200.0, alias="stale_after")
    """Age of the sample at which its result is doubted [s]."""

    @model_validator(mode="after")
    def _told(self) -> Self:
        if self.methods and self.method is None:
            raise ValueError("found methods alone, expected method beside it: the tag that says the method of a result")
        return self

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return the tags it is made from."""
        said = (self.injection, self.method, self.version)
        return (self.positions, self.areas, self.number, *(tag for tag in said if tag))

    def outputs(self, name: str) -> dict[str, tuple[str, tuple[float, float]]]:
        """Return unit and range of every tag this sensor named `name` gives."""
        return listed(name, self.unit, self.range, self.listed) | stretched(name, self.stretch > 0.0)


def listed(
    name: str, unit: str, span: tuple[float, float], names: dict[str, float]
) -> dict[str, tuple[str, tuple[float, float]]]:
    """Return unit and range of every tag a list of peaks gives.

    Parameters
    ----------
    name
        Name of the sensor.
    unit
        UCUM code of the sizes.
    span
        Lowest and highest size, in `unit`.
    names
        Retention time by name of the peak, relative to the reference [1].
    """
    return dict.fromkeys((name, *(f"{name}.{one}" for one in names)), (unit, span))


def stretched(name: str, aligned: bool) -> dict[str, tuple[str, tuple[float, float]]]:  # noqa: FBT001  # it is a fact
    """Return unit and range of the stretch of a list of peaks, where it is taken out."""
    return {f"{name}.{STRETCH}": ("1", (-0.5, 0.5))} if aligned else {}
