"""A loop of transfer functions in service: targets from tags, samples counted by the plant, a heartbeat alone."""

from __future__ import annotations

import numpy as np
import pytest
from linear_plant import EXAMPLES, Contract, Led

import policies
from controller.cycle import Mode, Order, SetMode
from policies import Policy, parse


def test_it_follows_targets_that_tags_show() -> None:
    led = Led().auto()
    led.samples(4)
    led.plant.targets |= {"xD": 0.75, "xB": 0.5}
    off = led.samples(60)
    assert led.modes[-1] == "active"
    assert off[-1] < 0.005


def test_it_comes_into_service_with_a_heartbeat_alone() -> None:
    led = Led().auto()
    led.samples(2)
    assert led.modes[-1] == "active"
    assert led.plant.beat > 0.0


def test_before_anyone_asks_nothing_is_written_and_the_plant_may_fall_back() -> None:
    led = Led()
    led.samples(10)
    assert (led.plant.beat, led.plant.fallback) == (0.0, 1.0)
    assert not any(led.plant.moved.values())


def test_a_plant_that_has_fallen_back_is_won_over_by_beats() -> None:
    led = Led()
    led.samples(10)
    led.auto()
    led.samples(4)
    assert (led.modes[-1], led.plant.fallback) == ("active", 0.0)


def test_a_plant_that_falls_back_is_let_go_and_taken_again_as_the_policy_says() -> None:
    led = Led().auto()
    led.samples(4)
    led.plant.fallback = 1.0
    led.cycle()
    assert led.modes[-1] == "shed"
    led.plant.fallback = 0.0
    led.samples(12)
    assert led.modes[-1] == "active"


def test_one_problem_is_posed_for_each_sample_and_followed_within_it() -> None:
    led = Led().auto()
    led.samples(4)
    led.plant.targets["xD"] = 0.5
    first, second, third = led.sample()
    assert [len(d.problems) for d in (first, second, third)] == [1, 0, 0]
    assert first.setpoints == ()
    assert {s.tag for s in second.setpoints} == {"MV.R", "MV.S"}


def test_a_sample_that_went_by_unseen_is_caught_up_with() -> None:
    led = Led().auto()
    led.samples(4)
    led.plant.targets["xD"] = 0.5
    led.samples(3)
    led.plant.step()
    led.sample()
    truth, state = led.plant.plant.shown(), led.state.loops["column"]
    assert state.estimate is not None
    assert np.abs(list(state.estimate.innovations.values())).max() < 0.05
    assert truth["xD"] > 0.1


def test_a_target_that_cannot_be_read_stays_what_it_was() -> None:
    led = Led().auto()
    led.plant.targets["xD"] = 0.5
    led.samples(40)
    led.bad = {"SP.xD": 9.0}
    assert led.samples(10)[-1] < 0.01
    assert "column: SP.xD not read, last target used" in led.said
    assert led.modes[-1] == "active"


def test_without_a_target_ever_read_the_loop_is_not_ready() -> None:
    led = Led()
    led.bad = {"SP.xD": 0.0}
    led.auto()
    led.samples(5)
    assert led.modes[-1] == "off"


def test_the_model_bridges_a_gap_in_the_evidence() -> None:
    led = Led().auto()
    led.samples(4)
    led.plant.targets |= {"xD": 0.75}
    led.samples(30)
    led.bad, led.plant.targets["xB"] = {"PV.xD": 5.0}, 0.5
    off = led.samples(25)
    assert led.modes[-1] == "active"
    assert "column: the model stands in for PV.xD" in led.said
    assert off[-1] < 0.05


def test_a_gap_longer_than_the_policy_bridges_holds_a_loop_that_cannot_do_without() -> None:
    led = Led(policy=critical()).auto()
    led.samples(4)
    led.bad = {"PV.xD": 5.0}
    led.samples(35)
    assert led.modes[-1] == "hold"
    led.bad = {}
    led.samples(2)
    assert led.modes[-1] == "active"


def critical() -> Policy:
    """The column, its top product critical."""
    path = EXAMPLES / "wood_berry.yaml"
    return parse(path.read_bytes().replace(b"bridge: 30m}", b"bridge: 30m, on_bad: hold}", 1), path.name, {})


@pytest.mark.parametrize("fault", ["freeze", "spike"])
def test_it_recovers_from_a_reading_that_lies(fault: str) -> None:
    led = Led(Contract(noise=0.01)).auto()
    led.samples(4)
    led.plant.targets |= {"xD": 0.75, "xB": 0.5}
    led.samples(40)
    stuck = led.plant.tags()["PV.xD"]
    for _ in range(20):
        seen = led.plant.tags()["PV.xD"]
        led.plant.seen["xD"] = stuck if fault == "freeze" else 1.2 * seen
        led.sample()
    assert np.mean(led.samples(60)[-20:]) < 0.03
    assert led.modes[-1] == "active"


def test_a_load_that_is_not_measured_is_met_without_offset() -> None:
    led = Led().auto()
    led.samples(4)
    led.plant.hidden = {"F": 0.3}
    assert max(led.samples(120)[-5:]) < 0.01


def test_equal_runs_decide_alike_bit_for_bit() -> None:
    def run() -> list[object]:
        led = Led(Contract(noise=0.01)).auto()
        led.plant.targets["xD"] = 0.3
        return [d for _ in range(10) for d in led.sample()]

    assert run() == run()


def changed(old: str, new: str) -> list[str]:
    text = (EXAMPLES / "wood_berry.yaml").read_text()
    assert old in text
    with pytest.raises(policies.PolicyError) as raised:
        parse(text.replace(old, new).encode(), "p.yaml", {})
    return [f"{p.path}: {p.message}" for p in raised.value.problems]


MISTAKES = [
    (
        "dead_time: 7.0",
        "dead_time: 45",
        "matrix.xb.r.dead_time: found 45 min, expected at most a sample less than",
    ),
    ("      xb:\n        r", "      xc:\n        r", "matrix.xc: found 'xc', expected the name of a measurement"),
    (
        "        s: {gain: -18.9",
        "        q: {gain: -18.9",
        "matrix.xd.q: found 'q', expected the name of an input",
    ),
    ("target: SP.xD", "target: SP.xQ", "controlled.xd.target: found 'SP.xQ', expected the name of a tag; did you mean"),
    ("target: SP.xD", "target: true", "controlled.xd.target: found true, expected a number, or the name of the tag"),
    ("target: SP.xD, ", "", "controlled.xd: found neither target nor limits, expected one of them"),
    ("lags: [16.7]", "lags: [16.7], leads: [1, 2]", "xd.r.leads: found 2 leads, expected no more than the 1 lags"),
    ("lags: [16.7]", "lags: [-1]", "matrix.xd.r.lags[0]: found -1, expected a number above 0"),
    ("period: 20s", "period: 1m", "sample: found 1m, expected at least two cycles, 2m, for a plan comes a cycle after"),
    ("every: 1m", "every: 30s", "lockstep.every: found 30s, expected a whole multiple of the period of 20s"),
    ("waits: true", "waits: true, speed: 60", "plant_time.speed: found a speed for a plant that waits, expected one"),
    (
        "fallback: SYS.Fallback",
        "state: SYS.Fallback",
        "handshake.state: found state alone, expected arm and state",
    ),
    ("      s: {tag: MV.S", "      t: {tag: MV.S", "moved.t: found t, to which nothing in the matrix answers"),
]


@pytest.mark.parametrize(("old", "new", "said"), MISTAKES, ids=[new for _, new, _ in MISTAKES])
def test_a_mistake_in_a_matrix_is_one_sentence(old: str, new: str, said: str) -> None:
    assert [line for line in changed(old, new) if said in line]


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.yaml")))
def test_the_examples_are_good(name: str) -> None:
    found = policies.load(EXAMPLES / f"{name}.yaml")
    assert isinstance(found, Policy)
    assert found.line == name.removesuffix("_modbus")


def test_off_stops_the_heartbeat() -> None:
    led = Led().auto()
    led.samples(4)
    led.sample(Order("test", "stop", SetMode("column", Mode.OFF)))
    beat = led.plant.beat
    led.samples(2)
    assert led.plant.beat == beat
