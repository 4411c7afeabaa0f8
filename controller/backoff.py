"""Limits kept at a distance that grows with the doubt about the variable: chance constraints, one at a time.

A. Mesbah, "Stochastic model predictive control: an overview and perspectives for future research", IEEE Control Syst.
Mag. 36(6), 2016, doi:10.1109/MCS.2016.2602087: for a normal error a limit is kept with a probability if the expected
value stays away from it by the quantile's number of standard deviations. The doubt is that of now, over the horizon.

A good value is as doubtful as it says. An uncertain one is no evidence to the estimator, which goes on by itself, so
the larger of both doubts counts; a bad one says nothing, and the estimator's counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from plant_io import Quality, Snapshot
from plant_io.signals import Floats

if TYPE_CHECKING:
    from controller.estimates import Estimate


class Doubted(Protocol):
    """How far the controlled variables may be from where they are believed to be."""

    def __call__(self, estimate: Estimate, inputs: Floats, known: Floats) -> Floats:
        """Return the standard deviations, shape ``(n_y,)``, units of the model.

        Parameters
        ----------
        estimate
            What is believed.
        inputs
            Inputs in force, shape ``(n_u,)``, units of the model.
        known
            Known inputs, shape ``(n_w,)``, units of the model.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Backoff:
    """What is needed to keep the distance from the limits of one loop."""

    sds: Floats
    """Distance from the limits of each output, shape ``(n_y,)``, in its present standard deviations [1]."""
    tags: tuple[str, ...]
    """Tag of each output; its standard deviation is taken where it has one, else the estimator's."""
    slopes: Floats
    """Unit of the model per unit of each tag, shape ``(n_y,)``."""
    lowest: Floats
    """Lowest acceptable outputs of the policy, shape ``(n_y,)``, units of the model."""
    highest: Floats
    """Highest acceptable outputs of the policy, shape ``(n_y,)``, units of the model."""
    doubt: Doubted
    """The estimator's doubt about the outputs."""

    def sd(self, seen: Snapshot, estimated: Floats) -> Floats:
        """Return the present standard deviation of each output, shape ``(n_y,)``, units of the model.

        Parameters
        ----------
        seen
            The line.
        estimated
            Those of the estimator, shape ``(n_y,)``, units of the model.
        """
        read = [seen[tag] for tag in self.tags]
        shown = np.array([one.sd if one.quality is not Quality.BAD else np.nan for one in read]) * np.abs(self.slopes)
        unsure = np.array([one.quality is Quality.UNCERTAIN for one in read])
        told = np.where(unsure, np.fmax(shown, estimated), shown)
        return np.where(np.isfinite(told), told, estimated)

    def keep(self, limits: tuple[Floats, Floats], targets: Floats, sd: Floats) -> tuple[Floats, Floats]:
        """Return limits drawn together by the doubt: never beyond each other, and never past a target.

        Parameters
        ----------
        limits
            Lowest and highest acceptable outputs, shapes ``(n_y,)``, units of the model; empty for the policy's.
        targets
            Wanted outputs, not a number where nothing is wanted, shape ``(n_y,)`` or ``(n + 1, n_y)``, units of the
            model.
        sd
            Present standard deviations, shape ``(n_y,)``, units of the model.
        """
        low, high = limits if len(limits[0]) else (self.lowest, self.highest)
        away, middle = self.sds * np.where(np.isfinite(sd), sd, 0.0), 0.5 * (low + high)
        lowest = np.where(away > 0.0, np.minimum(low + away, middle), low)
        highest = np.where(away > 0.0, np.maximum(high - away, middle), high)
        aims = np.atleast_2d(targets)
        wanted = np.where(np.isfinite(aims), aims, middle)
        return (
            np.maximum(np.minimum(lowest, wanted.min(axis=0)), low),
            np.minimum(np.maximum(highest, wanted.max(axis=0)), high),
        )
