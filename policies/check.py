"""Everything that can be said of a policy file before it meets a plant."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from policies import (
    check_address,
    check_alarms,
    check_authority,
    check_cases,
    check_challengers,
    check_dropout,
    check_goals,
    check_incidents,
    check_lease,
    check_loops,
    check_material,
    check_modelled,
    check_monitors,
    check_notices,
    check_plant,
    check_quality,
    check_sampled,
    check_scans,
    check_security,
    check_transfer,
    check_watches,
)
from policies.check_schema import validated
from policies.check_view import View
from policies.errors import Problem
from policies.model import Policy
from policies.positions import Document

_RULES: tuple[Callable[[View], Iterator[Problem]], ...] = (
    check_plant.references,
    check_plant.idle,
    check_plant.units,
    check_plant.writes,
    check_plant.handshakes,
    check_lease.frames,
    check_lease.numbers,
    check_plant.virtual_names,
    check_address.addresses,
    check_security.users,
    check_security.subscriptions,
    check_quality.limits,
    check_quality.currents,
    check_quality.health,
    check_quality.frozen,
    check_quality.substitutes,
    check_scans.classes,
    check_scans.members,
    check_scans.counters,
    check_loops.times,
    check_loops.limits,
    check_loops.steps,
    check_loops.blocks,
    check_loops.moves,
    check_goals.worth,
    check_goals.distances,
    check_goals.protected,
    check_authority.shares,
    check_authority.witnesses,
    check_goals.comings,
    check_modelled.parameters,
    check_modelled.scenarios,
    check_dropout.needs,
    check_dropout.last,
    check_sampled.late,
    check_sampled.results,
    check_sampled.windows,
    check_challengers.results,
    check_challengers.readers,
    check_transfer.pairs,
    check_transfer.effects,
    check_transfer.reach,
    check_transfer.forms,
    check_transfer.pace,
    check_transfer.led,
    check_watches.holds,
    check_watches.foretold,
    check_monitors.monitors,
    check_incidents.units,
    check_incidents.readings,
    check_alarms.names,
    check_alarms.limits,
    check_notices.receivers,
    check_cases.tests,
    check_material.masses,
    check_material.gate,
    check_material.turndown,
)


def checked(document: Document) -> tuple[Policy | None, list[Problem]]:
    """Return the policy in a document, or None, and all its problems, at most one at each place."""
    policy, misfits = validated(document, Policy)
    view = View(document)
    problems: dict[str, Problem] = {}
    for problem in (*document.problems, *misfits, *(problem for rule in _RULES for problem in rule(view))):
        problems.setdefault(problem.path, problem)
    return policy, list(problems.values())
