"""Cross-rules of the models a plan is made with."""

from __future__ import annotations

from collections.abc import Iterator

from policies.check_view import View
from policies.errors import Problem

_MOST = 25
"""Most leaves of a scenario tree [1]."""


def parameters(view: View) -> Iterator[Problem]:
    """Check that an installed model has identified parameters, and scenarios something to be off."""
    for loop in view.match("loops.*"):
        if view.text(*loop, "kind") != "mpc" or view.get(*loop, "process") is not None:
            continue
        if view.text(*loop, "model") is not None:
            message = "missing, expected the file of the identified parameters of the model"
            yield view.problem((*loop, "process"), message, at_key=True)
        elif view.get(*loop, "scenarios") is not None:
            message = "found scenarios of a model without process, expected its identified parameters"
            yield view.problem((*loop, "scenarios"), message, at_key=True)


def scenarios(view: View) -> Iterator[Problem]:
    """Check that scenarios are solved by IPOPT, are few, and part before the end of the horizon."""
    for here in view.match("loops.*.scenarios"):
        loop = here[:2]
        if "sqp" in {view.text(*loop, "solver"), view.text(*loop, "solver", "kind")}:
            message = "found sqp, expected ipopt, or nothing: the condensed program carries one scenario"
            yield view.problem((*loop, "solver"), message)
        named = [view.text(*path) for path in view.match(f"loops.{loop[1]}.scenarios.parameters.*")]
        for i, name in enumerate(named):
            if name in named[:i]:
                yield view.problem((*here, "parameters", i), f"found {name!r} twice, expected it once")
        apart, horizon = view.number(*here, "robust_horizon") or 1.0, view.number(*loop, "horizon")
        leaves = (1 + 2 * len(named)) ** apart
        if leaves > _MOST:
            message = f"found {leaves:.0f} scenarios in all, expected at most {_MOST}"
            yield view.problem((*here, "robust_horizon"), message, at_key=True)
        if horizon is not None and apart >= horizon:
            message = f"found {apart:.0f}, expected less than the horizon of {horizon:.0f}"
            yield view.problem((*here, "robust_horizon"), message)
