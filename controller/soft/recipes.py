"""What a hybrid soft sensor may be made of: forms, learners and features to choose from, simple ones first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Literal

from controller.models.process import Parameter, Process
from controller.soft.cores import CORES
from controller.soft.hybrid_model import CORE_VALUE, NO_CORE
from controller.soft.learners import SETTINGS, Kind
from controller.soft.samples import Samples
from policies.hybrid import Form

SAMPLES_PER_FEATURE = 3
"""Samples wanted for each feature beside a core, so that what is left over is not learnt by heart [1]."""


MANY = 40
"""Samples from which a learner beside a core is chosen as one without [1].

Below, the choice itself would cost more than a better kind of learner brings: it is partial least squares, of features
that say something of what the core leaves out.
"""

FEW_KIND: Kind = "pls"
"""Learner beside a core while samples are few."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to make a soft sensor."""

    form: Form
    """How core and learner are put together."""
    core: str
    """Name of the core, or of none."""
    kind: Kind | None
    """The learner; none for the core alone."""
    setting: float = 0.0
    """What is tuned of it, unit of `SETTINGS`."""
    features: tuple[str, ...] = ()
    """What the learner looks at."""
    governs: str | None = None
    """Parameter of the core that the learner gives."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made."""

    core: str
    """Name of the core, or of none."""
    forms: tuple[Form, ...]
    """Forms to choose from."""
    kinds: tuple[Kind, ...] = ("ridge", "pls", "gp", "gp_each")
    """Learners to choose from, the simple ones first."""
    inputs: tuple[str, ...] = ()
    """Inputs a learner without a core may look at; all if empty."""
    governs: str | None = None
    """Parameter of the core that a learner may give; the first if absent."""
    seed: int = 1
    """Seed of the learners [1]."""
    prior: Mapping[str, Parameter] = field(default_factory=dict[str, Parameter])
    """Parameters of the core that are known already, from commissioning; they are taken as guesses."""
    label_sd: float = 0.0
    """Standard deviation of one label, in its unit, or relative where the core is logarithmic."""

    @property
    def growth(self) -> float:
        """Return the share of the variance of errors that grows with the value [1]."""
        return 0.0 if self.core == NO_CORE else CORES[self.core].growth

    @property
    def logarithm(self) -> bool:
        """Return whether core and learner meet in the logarithm of the result."""
        return self.core != NO_CORE and CORES[self.core].logarithm


_BEST: tuple[Form, ...] = ("parallel", "serial_features", "serial_parameter")


def plan_of(
    core: str, form: Literal["best"] | Form, governs: str | None, label_sd: float, process: Process | None
) -> Plan:
    """Return what a person asks for as a plan.

    Parameters
    ----------
    core
        Name of the core, or of none; then a learner stands alone.
    form
        How core and learner are put together, or the best of all ways.
    governs
        Parameter of the core that a learner gives, for the form that has one.
    label_sd
        Standard deviation of one label, in its unit.
    process
        Identified parameters that are taken as guesses.

    Raises
    ------
    ValueError
        If the core has no such parameter.
    """
    if core == NO_CORE:
        return Plan(NO_CORE, ("learner_only",), label_sd=label_sd)
    unknowns = CORES[core].unknowns
    if governs is not None and governs not in unknowns:
        raise ValueError(f"found no parameter {governs} of the core {core}, expected one of {', '.join(unknowns)}")
    found: Mapping[str, Parameter] = {} if process is None else process.parameters
    prior = {n: p for n, p in found.items() if n in unknowns and p.unit == unknowns[n].unit}
    return Plan(core, _BEST if form == "best" else (form,), governs=governs, prior=prior, label_sd=label_sd)


def recipes(plan: Plan, samples: Samples) -> Iterator[Recipe]:
    """Give every recipe a plan leaves open, simple ones first."""
    names = plan.inputs or tuple(samples.inputs)
    if plan.forms == ("learner_only",):
        for kind in plan.kinds:
            for setting in SETTINGS[kind]:
                yield Recipe("learner_only", NO_CORE, kind, setting, names)
        return
    if "mechanistic_only" in plan.forms:
        yield Recipe("mechanistic_only", plan.core, None)
    guesses = {name: one.guess for name, one in CORES[plan.core].unknowns.items()}
    first = {name: values[:1] for name, values in samples.inputs.items()}
    clues = tuple(name for name in CORES[plan.core](dict(guesses), first) if name != "value")
    own = (CORE_VALUE, *clues)
    further = tuple(name for name in names if name not in CORES[plan.core].inputs)
    sets = [own, *([(*own, *further)] if further else []), (*own, *names)]
    most = max(samples.n // SAMPLES_PER_FEATURE, len(own))
    fitting = [features for features in sets if len(features) <= most]
    forms: list[Form] = [form for form in plan.forms if form != "mechanistic_only"]
    few = samples.n < MANY and FEW_KIND in plan.kinds
    for kind in (FEW_KIND,) if few else plan.kinds:
        for setting, form, features in product(SETTINGS[kind], forms, fitting):
            yield Recipe(
                form, plan.core, kind, setting, features, _governed(plan) if form == "serial_parameter" else None
            )


def _governed(plan: Plan) -> str:
    return plan.governs or next(iter(CORES[plan.core].unknowns))
