"""Material on its way through the line: residence times, lots, and what is let out."""

from __future__ import annotations

import dataclasses
import json
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.cycle import Mode, Order, SetMode
from controller.kit import prepare
from controller.material import flow
from controller.material.cells import closed_open, count, grown, row
from controller.material.kit import MaterialKit
from controller.material.rtd import Reference, Rtd, read, write
from controller.material.state import ACTIVE, DOUBT, TOTAL, Line, MaterialState
from controller.material.track import Tracked, track, where
from plant_io import Quality, Snapshot, TagIndex
from plant_io.quality import Reason
from plant_io.signals import Sample
from policies import load, shipped

REFERENCE = Reference(flow=20.0, speed=250.0)
POLICY = load(shipped("A"))
KIT = prepare(POLICY).material
INDEX = TagIndex.of(POLICY)
NORMAL = {
    "FDR_API.F_PV": 2.0,
    "FDR_EXC.F_PV": 17.8,
    "FDR_LUB.F_PV": 0.2,
    "FDR_API.MODE": 1.0,
    "FDR_EXC.MODE": 1.0,
    "FDR_API.CHARGES": 3.0,
    "FDR_EXC.CHARGES": 7.0,
    "FDR_API.CHARGE": 0.6,
    "FDR_EXC.CHARGE": 3.0,
    "FDR_API.W": 1.0,
    "FDR_EXC.W": 5.0,
    "BLD.N_PV": 250.0,
    "LINE.DIVERT": 0.0,
    "LINE.DIVERT_ACT": 0.0,
    "REC.API": 10.0,
    "SOFT.API": 10.0,
    "SOFT.API.MECH": 10.0,
    "TAB.API.MASS": 200.0,
}
SD = {"REC.API": 0.03, "SOFT.API": 0.07, "TAB.API.MASS": 0.45}
AUTO = (Order("ana", "steady", SetMode("blend", Mode.AUTO)),)


def rtd(form: str, shape: float, holdup: float = 0.5, **more: object) -> Rtd:
    names = {"tanks": ("holdup", "tanks"), "dispersion": ("holdup", "peclet"), "kernel": ("holdup",)}[form]
    mean = (log(holdup), log(shape))[: len(names)]
    none = tuple((0.0,) * len(names) for _ in names)
    whole = {"schema": "steadyline.rtd/1", "form": form, "how": "", "reference": REFERENCE} | more
    return Rtd.model_validate(whole | {"names": names, "mean": mean, "covariance": none})


def moments(one: Rtd) -> tuple[float, float]:
    """Mean and variance of the residence, as mass [kg, kg2]."""
    held = one.at(one.mean, 20.0, 250.0)
    leaves, enters = row(one, held, count(one, held.shape))
    within = np.linalg.inv(np.diag(leaves) - np.diag(leaves[:-1], -1))
    mean = float((within @ enters).sum())
    return mean, 2.0 * float((within @ within @ enters).sum()) - mean**2


def kit() -> MaterialKit:
    assert KIT is not None
    return KIT


def seen(at: float, **news: float | None) -> Snapshot:
    values = NORMAL | {name.replace("__", "."): value for name, value in news.items()}
    made = Snapshot.empty(at, INDEX)
    samples = {
        name: Sample(value, Quality.GOOD, at, at, Reason.NONE, SD.get(name, float("nan")))
        for name, value in values.items()
        if value is not None
    }
    return made.extended(samples).settled()


def run(seconds: int, state: MaterialState | None = None, *, at: float = 0.0, **news: float | None) -> list[Tracked]:
    """Cycles of one second in which the line shows the same."""
    found, state = list[Tracked](), state or MaterialState()
    for i in range(seconds):
        asked = AUTO if not state.asked else ()
        found.append(track(seen(at + i, **news), asked, frozenset(("line",)), state, kit()))
        state = found[-1].state
    return found


def line_of(state: MaterialState) -> Line:
    assert state.line is not None
    return state.line


STEADY = run(1500)[-1].state


@pytest.mark.parametrize("number", [1.2, 2.0, 2.5, 3.0, 7.3])
def test_tanks_in_series_have_the_hold_up_and_the_variance_of_any_number_of_tanks(number: float) -> None:
    mean, variance = moments(rtd("tanks", number))

    assert mean == pytest.approx(0.5, rel=1e-6)
    assert variance == pytest.approx(0.25 / number, rel=1e-2)


@pytest.mark.parametrize("peclet", [4.0, 10.0, 40.0])
def test_dispersion_has_the_mean_and_the_variance_of_a_closed_open_vessel(peclet: float) -> None:
    mean, variance = moments(rtd("dispersion", peclet))

    assert mean == pytest.approx(0.5 * (1.0 + 1.0 / peclet), rel=1e-9)
    assert variance == pytest.approx(0.25 * (2.0 / peclet + 3.0 / peclet**2), rel=0.2)


def test_the_step_response_of_dispersion_has_the_moments_of_the_literature() -> None:
    theta = np.linspace(0.0, 12.0, 24_001)
    rest = 1.0 - np.array([closed_open(at, 8.0) for at in theta.tolist()])
    step = float(theta[1])
    mean, second = float(rest.sum()) * step, 2.0 * float((theta * rest).sum()) * step

    assert mean == pytest.approx(1.0 + 1.0 / 8.0, rel=1e-3)
    assert second - mean**2 == pytest.approx(2.0 / 8.0 + 3.0 / 64.0, rel=2e-3)


def test_a_kernel_keeps_its_shares_whatever_unit_they_are_in() -> None:
    one, other = (rtd("kernel", 1.0, kernel=tuple(k * x for x in (0.0, 1.0, 3.0, 2.0, 0.5))) for k in (1.0, 7.0))

    assert moments(one) == pytest.approx(moments(other))
    assert moments(one)[0] == pytest.approx(0.5, rel=1e-9)


def test_the_hold_up_follows_flow_and_speed() -> None:
    one = rtd("tanks", 3.0).model_copy(
        update={"names": ("holdup", "tanks", "by_flow", "by_speed"), "mean": (log(0.4), log(3.0), 0.6, -0.5)}
    )

    assert one.at(one.mean, 40.0, 250.0).holdup == pytest.approx(0.4 * 2.0**0.6)
    assert one.at(one.mean, 20.0, 1000.0).holdup == pytest.approx(0.2)


def test_a_distribution_comes_back_from_its_file_as_it_was() -> None:
    one = rtd("kernel", 1.0, kernel=(1.0, 2.0))

    assert read(write(one)) == one


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"names": ("holdup", "pipes")}, "pipes"),
        ({"mean": (0.0,)}, "2 means"),
        ({"covariance": ((1.0, 0.5), (0.4, 1.0))}, "not symmetric"),
        ({"kernel": (1.0,)}, "kernel"),
    ],
)
def test_a_distribution_that_makes_no_sense_is_refused_in_words(change: dict[str, object], said: str) -> None:
    plain = json.loads(write(rtd("tanks", 3.0))) | change

    with pytest.raises(ValueError, match=said):
        read(json.dumps(plain).encode())


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(0.05, 1.0)), min_size=1, max_size=40),
    st.sampled_from(["tanks", "dispersion"]),
    st.floats(1.1, 12.0),
    st.floats(0.05, 2.0),
)
def test_no_gram_is_lost_or_made_in_any_row_of_cells(
    feed: list[tuple[float, float]], form: str, shape: float, holdup: float
) -> None:
    one = rtd(form, shape, holdup)
    leaves, enters = row(one, one.at(one.mean, 20.0, 250.0), count(one, shape))
    kept, spread = (found[0] for found in grown((np.diag(-leaves) + np.diag(leaves[:-1], -1))[None], 0.01))
    cells, fed, gone = np.zeros(len(leaves)), 0.0, 0.0
    for share, mass in feed:
        after = kept @ cells + spread @ enters * share * mass
        left = cells.sum() + share * mass - after.sum()
        assert left >= -1e-12
        cells, fed, gone = after, fed + share * mass, gone + left

    assert (cells >= -1e-12).all()
    assert cells.sum() + gone == pytest.approx(fed, abs=1e-9)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(*(st.floats(0.0, 0.01) for _ in range(4))), min_size=1, max_size=30))
def test_every_component_and_every_lot_balances_through_the_line(fed: list[tuple[float, ...]]) -> None:
    line, way = line_of(STEADY), kit().at(20.0, (250.0, 1.0))
    before, lots = line.cells[0].sum(axis=0), line.lots.sum()
    out = np.zeros(3)
    for part in fed:
        line, left = flow.step(line, part, way, kit())
        out += [left.mass_kg, left.active_kg, left.lots.sum()]
    given_ = np.array(fed).sum(axis=0)
    after = line.cells[0].sum(axis=0)

    assert after[TOTAL] + out[0] == pytest.approx(before[TOTAL] + given_[:3].sum(), abs=1e-9)
    assert after[ACTIVE] + out[1] == pytest.approx(before[ACTIVE] + given_[0], abs=1e-9)
    assert line.lots.sum() + out[2] == pytest.approx(lots + given_[:3].sum(), abs=1e-9)
    assert (line.lots >= -1e-12).all()


def test_what_is_in_a_unit_is_the_sum_of_its_lots() -> None:
    line = line_of(STEADY)

    assert line.lots.sum(axis=1) == pytest.approx(line.cells[0][:, TOTAL], rel=1e-6)


def test_a_new_charge_mixes_with_what_is_in_the_hopper_and_travels_through_the_units() -> None:
    told = run(60, STEADY, at=1500.0, FDR_API__CHARGES=4.0, FDR_API__CHARGE=0.6, FDR_API__W=1.2)
    line = line_of(told[-1].state)
    hopper = dict(line.hoppers[0].lots)

    assert hopper == pytest.approx({"api/3": 0.5, "api/4": 0.5})
    there = where(line, "api/4", kit())
    assert there["blender"] > 2.0 * there["press"] > 0.0


def test_a_lot_that_is_fed_no_more_leaves_the_line_in_the_end() -> None:
    later = run(2400, STEADY, at=1500.0, FDR_API__CHARGES=4.0, FDR_API__CHARGE=1.2, FDR_API__W=1.2)

    assert sum(where(line_of(later[-1].state), "api/3", kit()).values()) < 1e-6


def test_a_container_says_which_lots_are_in_it() -> None:
    full = [one for cycle in run(2000, STEADY, at=1500.0) for one in cycle.containers]

    assert full[0].mass_kg == pytest.approx(5.0, abs=0.011)
    assert sum(full[0].lots.values()) == pytest.approx(full[0].mass_kg, abs=1e-5)
    assert full[0].lots["exc/7"] == pytest.approx(0.89 * full[0].mass_kg, rel=0.01)
    assert full[0].content == pytest.approx(10.0, abs=0.01)
    assert full[0].lowest < 10.0 < full[0].highest


def test_what_was_in_the_line_at_the_start_is_unknown_and_diverted_until_it_is_gone() -> None:
    cycles = run(1500)
    ended = [one for cycle in cycles for one in cycle.diversions if one.until is not None]

    assert cycles[0].state.gate.open
    assert 200.0 < ended[0].until < 700.0  # type: ignore[operator]  # it has ended
    assert not cycles[-1].state.gate.open


def test_a_line_that_is_declared_steady_is_not_diverted_at_the_start() -> None:
    steady = dataclasses.replace(kit(), declared=kit().declared.model_copy(update={"start": "steady"}))
    state = MaterialState()
    for i in range(60):
        state = track(seen(float(i)), (), frozenset(), state, steady).state

    assert not state.gate.open


def test_unknown_flows_divert_when_what_was_fed_then_arrives_and_not_before() -> None:
    blind = run(60, STEADY, at=1500.0, FDR_API__F_PV=None)
    later = run(900, blind[-1].state, at=1560.0)
    opened = [i for i, cycle in enumerate((*blind, *later)) if cycle.state.gate.open]

    assert not blind[5].state.gate.open
    assert 15 < opened[0] < 120
    assert opened[-1] < 800


def test_a_product_that_is_not_seen_any_more_is_diverted() -> None:
    cycles = run(120, STEADY, at=1500.0, SOFT__API=None)

    assert not cycles[50].state.gate.open
    assert cycles[70].state.gate.open
    assert [one.trigger for cycle in cycles for one in cycle.diversions] == ["unknown"]


def test_a_correction_that_is_doubted_stands_for_a_while_and_no_longer() -> None:
    words = kit().declared
    short = words.model_copy(update={"content": words.content.model_copy(update={"kept_s": 300.0})})
    brief = dataclasses.replace(kit(), declared=short)
    state = run(5, STEADY, at=1500.0, REC__API=10.1)[-1].state
    gates = list[bool]()
    for i in range(400):
        state = track(seen(1505.0 + i, REC__API=None), (), frozenset(("line",)), state, brief).state
        gates.append(state.gate.open)

    assert state.corrected[0] == pytest.approx(0.1)
    assert not any(gates[:290])
    assert all(gates[310:])


def test_a_product_that_shows_itself_near_a_limit_is_diverted_whatever_the_flows_say() -> None:
    near = run(10, STEADY, at=1500.0, SOFT__API=9.55)
    far = run(10, STEADY, at=1500.0, SOFT__API=9.75)

    assert near[-1].state.gate.open
    assert not far[-1].state.gate.open


def test_lean_feed_is_diverted_from_before_it_arrives_until_after_it_is_gone() -> None:
    lean = run(120, STEADY, at=1500.0, FDR_API__F_PV=1.0)
    later = run(900, lean[-1].state, at=1620.0)
    cycles = [*lean, *later]
    opened = [i for i, cycle in enumerate(cycles) if cycle.state.gate.open]
    bad = [i for i, cycle in enumerate(cycles) if cycle.state.belief.mean < 9.5]
    told = [one for cycle in cycles for one in cycle.diversions]

    assert opened[0] < bad[0] - 10
    assert opened[-1] > bad[-1] + 10
    assert [one.trigger for one in told] == ["content", "content"]
    assert told[1].until is not None
    assert told[1].mass_kg == 0.0  # the tag says that the gate stood still


def test_the_mass_of_a_diversion_is_what_left_while_the_gate_stood_open() -> None:
    lean = run(120, STEADY, at=1500.0, FDR_API__F_PV=1.0, LINE__DIVERT=1.0, LINE__DIVERT_ACT=1.0)
    later = run(900, lean[-1].state, at=1620.0, LINE__DIVERT=1.0, LINE__DIVERT_ACT=1.0)
    begun, ended = (one for cycle in (*lean, *later) for one in cycle.diversions)

    assert ended.until is not None
    assert ended.mass_kg == pytest.approx(20.0 / 3600.0 * (ended.until - begun.since), rel=0.1)


def test_a_smaller_permitted_probability_diverts_longer() -> None:
    lean = run(120, STEADY, at=1500.0, FDR_API__F_PV=1.0)
    cycles = run(900, lean[-1].state, at=1620.0)

    def length(far: float) -> int:
        words = kit().declared.content.limits
        return sum(c.state.belief.mean - far * c.state.belief.sd < words[0] for c in (*lean, *cycles))

    assert length(kit().distance) > length(1.0) > length(0.0) > 0


def balanced(*held: float) -> list[Tracked]:
    """What comes of refills of 3 kg of excipient after which the hopper shows these masses, from 5 kg on."""
    found, state = list[Tracked](), STEADY
    for i, mass in enumerate(held):
        at = 1500.0 + 100.0 * i
        blind = run(18, run(5, state, at=at, FDR_EXC__CHARGES=7.0 + i)[-1].state, at=at + 5.0, FDR_EXC__MODE=0.0)
        after = seen(at + 23.0, FDR_EXC__CHARGES=8.0 + i, FDR_EXC__W=mass)
        found.append(track(after, (), frozenset(("line",)), blind[-1].state, kit()))
        state = found[-1].state
    return found


def doubt(one: Tracked) -> float:
    return float(line_of(one.state).cells[0, :, DOUBT].sum())


def test_a_refill_that_does_not_balance_leaves_what_was_fed_meanwhile_in_doubt() -> None:
    (right,), (flushed,) = balanced(7.91), balanced(7.80)

    assert not any("balance" in event.what for event in right.events)
    assert any("more was fed" in event.what for event in flushed.events)
    assert doubt(flushed) - doubt(right) == pytest.approx(0.5 * 0.1 * 0.104, rel=0.2)


def test_what_every_refill_shows_is_a_scale_and_no_doubt() -> None:
    wrong = balanced(7.80, 7.80, 7.80)

    assert [sum("balance" in event.what for event in one.events) for one in wrong] == [1, 0, 0]


def test_the_gate_is_written_only_where_people_want_a_loop_in_auto_and_the_plc_takes_it() -> None:
    def written(orders: tuple[Order, ...], remote: frozenset[str]) -> tuple[float, ...]:
        return tuple(s.value for s in track(seen(0.0), orders, remote, MaterialState(), kit()).setpoints)

    assert written(AUTO, frozenset(("line",))) == (1.0,)
    assert written((), frozenset(("line",))) == ()
    assert written(AUTO, frozenset()) == ()


def test_the_gate_goes_on_while_its_loop_was_shed_and_ends_when_a_person_takes_the_loop_back() -> None:
    state = track(seen(0.0), AUTO, frozenset(), MaterialState(), kit()).state
    shed = track(seen(1.0), (), frozenset(), state, kit())
    back = track(seen(2.0), (Order("ana", "enough", SetMode("blend", Mode.SHADOW)),), frozenset(), shed.state, kit())

    assert shed.wants == {"line"}
    assert back.wants == frozenset()


def test_a_gate_that_does_not_follow_is_told_once() -> None:
    cycles = run(30, LINE__DIVERT_ACT=0.0)

    assert sum("does not follow" in event.what for cycle in cycles for event in cycle.events) == 1


def test_equal_cycles_give_equal_setpoints_diversions_and_containers() -> None:
    one, other = (
        [(c.setpoints, c.diversions, c.containers, c.events) for c in run(300, STEADY, FDR_API__F_PV=1.0)]
        for _ in range(2)
    )

    assert one == other
