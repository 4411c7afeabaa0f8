"""What a policy says of who estimates the state of a loop: a filter, or a window that moves along."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from policies.choice import Named, section
from policies.words import Declared, Duration, Positive


class EkfSettings(Declared):
    """Extended Kalman filter; the default."""

    kind: Literal["ekf"] = "ekf"
    """Estimator."""


class MheSettings(Declared):
    """Moving-horizon estimation: all that was read in a window is weighed again for each sample."""

    kind: Literal["mhe"] = "mhe"
    """Estimator."""
    horizon_s: Duration = Field(default=300.0, alias="horizon")
    """Length of the window [s]."""
    iterations: Annotated[int, Field(ge=1, le=10)] = 2
    """How often the window is linearised, each time along the last solution [1]."""
    arrival: Positive = 1.0
    """Weight of what the filter believed when the window begins; 1 is what its covariance says [1]."""


ESTIMATORS = ("ekf", "mhe")
"""Names of the estimators."""

Estimation = Annotated[
    EkfSettings | MheSettings,
    Field(discriminator="kind"),
    BeforeValidator(section(*ESTIMATORS)),
    Named(ESTIMATORS),
]
"""Who estimates the state of a loop, by name or with settings."""
