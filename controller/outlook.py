"""What a problem says of the samples to come: announced values, and limits kept at a distance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from controller.backoff import Backoff
from controller.coming import Announced, ahead
from controller.estimates import Estimate
from controller.models import ControlModel
from controller.mpc.doubt import Doubt
from plant_io import Snapshot
from plant_io.signals import Floats
from policies import Mpc
from policies.units import convert, difference


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What a problem is about besides state and inputs, as far as it may be looked ahead."""

    known: Floats
    """Known inputs, shape ``(n_w,)``, or ``(horizon + 1, n_w)`` where something is announced, units of the model."""
    targets: Floats
    """Wanted outputs, shape ``(n_y,)``, or ``(horizon + 1, n_y)`` where something is announced, units of the model."""
    lowest: Floats
    """Lowest acceptable outputs, shape ``(n_y,)``, units of the model; empty for those of the policy."""
    highest: Floats
    """Highest acceptable outputs, shape ``(n_y,)``, units of the model; empty for those of the policy."""


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """What is needed to look ahead for one loop."""

    known: Mapping[int, Announced]
    """How known inputs are announced, by their place."""
    targets: Mapping[int, Announced]
    """How targets are announced, by the place of the output."""
    backoff: Backoff | None
    """How limits are kept at a distance; None where they are not."""
    span: tuple[int, float]
    """Samples of the horizon [1], and length of a sample [s]."""

    @classmethod
    def of(cls, model: ControlModel, declared: Mpc, units: Mapping[str, str]) -> Outlook | None:
        """Return the outlook of a loop, None where nothing is announced and no distance is kept."""
        known, targets = dict[int, Announced](), dict[int, Announced]()
        for i, (name, unit) in enumerate(model.known.items()):
            read = declared.foreseen[name]
            if read.next is not None and read.at is not None:
                known[i] = Announced.of((read.next, read.at), units[read.tag], unit, units)
        for i, (name, unit) in enumerate(model.controlled.items()):
            held = declared.controlled[name]
            if held.coming is not None:
                targets[i] = Announced.of((held.coming.next, held.coming.at), held.unit, unit, units)
        backoff = _backoff(model, declared, units)
        there = known or targets or backoff
        return cls(known, targets, backoff, (declared.horizon, declared.sample_s)) if there else None

    def over(self, now: View, seen: Snapshot, estimate: Estimate, inputs: Floats) -> View:
        """Return what a problem is about over the samples to come.

        Parameters
        ----------
        now
            What it is about at present.
        seen
            The line.
        estimate
            What is believed.
        inputs
            Inputs in force, shape ``(n_u,)``, units of the model.
        """
        found = replace(
            now,
            known=ahead(now.known, self.known, seen, self.span),
            targets=ahead(now.targets, self.targets, seen, self.span),
        )
        if self.backoff is None:
            return found
        sd = self.backoff.sd(seen, self.backoff.doubt(estimate, inputs, now.known))
        low, high = self.backoff.keep((now.lowest, now.highest), found.targets, sd)
        return replace(found, lowest=low, highest=high)


def _backoff(model: ControlModel, declared: Mpc, units: Mapping[str, str]) -> Backoff | None:
    held = [(declared.controlled[name], unit) for name, unit in model.controlled.items()]
    if not any(one.sds for one, _ in held):
        return None
    limits = np.array([[convert(end, one.unit, unit) for end in one.limits] for one, unit in held])
    return Backoff(
        sds=np.array([one.sds for one, _ in held]),
        tags=tuple(one.tag for one, _ in held),
        slopes=np.array([difference(1.0, units[one.tag], unit) for one, unit in held]),
        lowest=limits[:, 0],
        highest=limits[:, 1],
        doubt=Doubt(model),
    )
