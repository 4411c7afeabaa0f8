"""A controller that controls a hybrid soft sensor keeps away from limits by the interval of the sensor."""

from __future__ import annotations

import numpy as np
import pytest
from hybrids import TAGS, model, policy
from test_hybrid import USUAL, course

from controller.kit import loop as kit_of
from controller.plan import Problem
from controller.state import LoopState
from controller.turn import _pose
from plant_io import Quality, Reason, Sample, Snapshot
from policies import Mpc, Policy

LIMITS, SDS = (1.0, 6.0), 2.0
SHOWN = {"FDR_API.F_PV": 3.0, "FDR_EXC.F_PV": 12.0, "DRY.AIR_PV": 360.0, "DRY.Y_IN": 0.0085}


def controlled() -> Policy:
    """Line B whose loop keeps the loss on drying within limits by what the hybrid soft sensor says of it."""
    whole = policy()
    loop = whole.loops["granulation"]
    assert isinstance(loop, Mpc)
    held = loop.controlled["lod"].model_copy(
        update={"tag": "SOFT.HYBRID", "target": None, "limits": LIMITS, "backoff": SDS}
    )
    read = loop.measured["lod"].model_copy(update={"tag": "SOFT.HYBRID"})
    declared = loop.model_copy(
        update={"controlled": loop.controlled | {"lod": held}, "measured": loop.measured | {"lod": read}}
    )
    changed = whole.model_copy(update={"loops": {"granulation": declared}})
    return changed.sealed(whole.fingerprint, whole.files)


POLICY = controlled()
LOOP = POLICY.loops["granulation"]
assert isinstance(LOOP, Mpc)
KIT = kit_of("granulation", LOOP, POLICY)


def posed(seen: Snapshot) -> Problem:
    """The problem the loop poses at rest while the line shows this."""
    inputs, known = np.array([0.25, 53.0, 700.0]), np.array(list(SHOWN.values()))
    estimate = KIT.estimator.start(inputs, known, {})
    state = LoopState(estimate=estimate, inputs=tuple(inputs.tolist()), known=tuple(known.tolist()))
    _, problem = _pose(KIT, seen, state)
    assert problem is not None
    return problem


def away(seen: Snapshot) -> float:
    """How far the lower limit of the loss on drying is drawn in, in standard deviations of `SDS` [%]."""
    problem = posed(seen)
    low, high = float(problem.lowest[0]) - LIMITS[0], LIMITS[1] - float(problem.highest[0])
    assert low == pytest.approx(high)
    return low / SDS


def estimators_doubt(seen: Snapshot) -> float:
    """What the estimator doubts by itself [%]: the distance where the tag is bad."""
    shown = seen["SOFT.HYBRID"]
    bad = Sample(shown.value, Quality.BAD, shown.source, shown.arrival, Reason.NO_EVIDENCE, shown.sd)
    return away(seen.extended({"SOFT.HYBRID": bad}))


def test_a_good_value_keeps_the_limits_away_by_its_interval() -> None:
    seen = course(POLICY, 1200, USUAL)[-1]
    one = seen["SOFT.HYBRID"]
    assert one.quality is Quality.GOOD
    half = seen["SOFT.HYBRID.HIGH"].value - one.value
    assert away(seen) == pytest.approx(half / 1.6449, rel=1e-3)


def test_a_wider_interval_is_a_larger_distance() -> None:
    wetter = course(POLICY, 1200, USUAL | {"PMP.F_PV": 3.95})[-1]
    assert wetter["SOFT.HYBRID"].quality is Quality.GOOD
    assert away(wetter) > 1.02 * away(course(POLICY, 1200, USUAL)[-1])


def test_a_value_in_doubt_keeps_them_further_away_as_the_estimator_goes_on_without_it() -> None:
    far = course(POLICY, 1200, USUAL | {"DRY.T_BED": 75.0})[-1]
    one = far["SOFT.HYBRID"]
    assert (one.quality, one.reason) == (Quality.UNCERTAIN, Reason.FALLBACK)
    assert away(far) == pytest.approx(max(one.sd, estimators_doubt(far)))
    assert away(far) > away(course(POLICY, 1200, USUAL)[-1])


def test_without_a_value_the_doubt_of_the_estimator_counts() -> None:
    blind = course(POLICY, 1200, {tag: v for tag, v in USUAL.items() if tag != TAGS["inlet"]})[-1]
    assert blind["SOFT.HYBRID"].quality is Quality.BAD
    assert away(blind) == pytest.approx(estimators_doubt(course(POLICY, 1200, USUAL)[-1]), rel=1e-6)
    assert model().half > 0.0
