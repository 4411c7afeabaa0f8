"""What a simulated line shows through its PLCs, and what it takes from outside."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from controller.lease import claim_after
from hil.plants.faults import Fault
from hil.plc.guard import Limits, Rules, Word
from hil.plc.line import Image, SimulatedLine
from hil.plc.line_a import LINE
from plant_io.quality import Quality
from policies import Access, Policy, load, shipped

MEASURED = ("HOP.M", "NIR.SPECTRUM")
SET = ("FDR_API.F_SP", "FDR_API.F_ACT", "FDR_LUB.F_ACT")


class Tank:
    """A plant of one state: what was fed stays."""

    def __init__(self) -> None:
        self.time, self.mass = 0.0, 0.0
        self.fed: Mapping[str, float] = {}
        self.taken, self.quality = {"NIR.SPECTRUM": 0.0}, {"HOP.M": "bad"}

    @property
    def tags(self) -> dict[str, float]:
        return dict.fromkeys(MEASURED, self.mass)

    def step(self, dt: float, setpoints: Mapping[str, float]) -> None:
        self.time += dt
        self.mass += dt * setpoints["FDR_API.F_SP"]
        self.fed = dict(setpoints)

    def truth(self) -> dict[str, float]:
        return {"mass": self.mass}


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load(shipped("A"))


@pytest.fixture
def tank(policy: Policy) -> SimulatedLine:
    rules = {"feeders": Rules({"FDR_API.F_SP": Limits(1.0, 3.0, 0.05, 2.0)}), "line": Rules()}
    known = {n: t for n, t in policy.tags.items() if n in (*MEASURED, *SET) or n.startswith(("SUP_", "SIM."))}
    small = policy.model_copy(update={"tags": known})
    line = SimulatedLine(small, Tank(), rules, {"FDR_LUB.F_SP": 0.2}, {"FDR_LUB.F_ACT": "FDR_LUB.F_SP"})
    line.advance(2.0)
    return line


def beat(line: SimulatedLine, seconds: int, **setpoints: float) -> None:
    """Play a controller that is alive and armed."""
    for _ in range(seconds):
        for tag, value in setpoints.items():
            line.write(tag.replace("__", "."), value)
        line.write("SUP_F.CLAIM", claim_after(0.0, station=0))
        line.write("SUP_F.ARM", 1)
        line.write("SUP_F.HEARTBEAT", int(line.plcs["feeders"].block.echo) + 1)
        line.advance(1.0)


def shown(line: SimulatedLine, tag: str) -> float:
    return float(np.asarray(line.image().values[tag]).reshape(-1)[0])


def same(one: Image, other: Image) -> bool:
    if one.values.keys() != other.values.keys():
        return False
    return (one.taken, one.quality) == (other.taken, other.quality) and all(
        np.array_equal(one.values[tag], other.values[tag]) for tag in one.values
    )


def test_every_tag_of_the_policy_is_shown(policy: Policy) -> None:
    image = LINE.simulate(policy, seed=1).image()
    assert not policy.tags.keys() - image.values.keys()
    assert {tag: np.size(image.values[tag]) for tag in policy.tags} == {n: t.length for n, t in policy.tags.items()}


def test_a_line_left_alone_stays_local_and_keeps_its_own_setpoints(policy: Policy) -> None:
    line = LINE.simulate(policy, seed=1)
    line.write("FDR_API.F_SP", 2.3)
    line.advance(30.0)
    assert shown(line, "SUP_F.STATE") == Word.LOCAL
    assert shown(line, "FDR_API.F_ACT") == shown(line, "FDR_API.F_SP") == 2.0
    assert shown(line, "FDR_LUB.F_ACT") == 0.2


def test_a_register_shows_what_was_written_until_the_scan_and_what_is_in_force_after_it(tank: SimulatedLine) -> None:
    beat(tank, 3)
    tank.write("FDR_API.F_SP", 9.0)
    assert (shown(tank, "FDR_API.F_SP"), shown(tank, "FDR_API.F_ACT")) == (9.0, 2.0)
    beat(tank, 1)
    assert (shown(tank, "FDR_API.F_SP"), shown(tank, "FDR_API.F_ACT")) == (3.0, 3.0)


def test_the_plant_gets_the_ramp_and_the_read_back_the_target(tank: SimulatedLine) -> None:
    beat(tank, 3)
    beat(tank, 1, FDR_API__F_SP=2.4)
    assert shown(tank, "FDR_API.F_ACT") == 2.4
    assert tank.setpoints["FDR_API.F_SP"] == pytest.approx(2.05)


def test_a_plc_that_hears_nothing_for_five_seconds_falls_back_alone(tank: SimulatedLine) -> None:
    beat(tank, 4, FDR_API__F_SP=2.4)
    tank.advance(4.0)
    assert shown(tank, "SUP_F.STATE") == Word.REMOTE
    tank.advance(1.0)
    assert (shown(tank, "SUP_F.STATE"), shown(tank, "SUP_L.STATE")) == (Word.FALLBACK, Word.LOCAL)
    assert shown(tank, "FDR_API.F_ACT") == 2.4


def test_a_local_override_takes_the_setpoints_back(tank: SimulatedLine) -> None:
    beat(tank, 3)
    tank.permit("feeders", allowed=False)
    beat(tank, 1, FDR_API__F_SP=2.4)
    assert (shown(tank, "SUP_F.STATE"), shown(tank, "FDR_API.F_ACT")) == (Word.LOCAL, 2.0)


@pytest.mark.parametrize(("cold", "setpoint"), [(False, 2.4), (True, 2.0)])
def test_a_plc_started_again_counts_anew_and_forgets_the_handshake(
    tank: SimulatedLine, *, cold: bool, setpoint: float
) -> None:
    beat(tank, 20, FDR_API__F_SP=2.4)
    tank.restart("feeders", cold=cold)
    tank.advance(0.5)
    assert (shown(tank, "SUP_F.STATE"), shown(tank, "SUP_F.SCAN")) == (Word.STARTING, 1)
    assert (shown(tank, "SUP_F.HEARTBEAT"), shown(tank, "SUP_F.ARM")) == (0, 0)
    assert shown(tank, "FDR_API.F_ACT") == setpoint
    assert shown(tank, "SUP_L.SCAN") == 45


def test_a_value_carries_the_time_it_was_taken_or_last_changed(tank: SimulatedLine) -> None:
    tank.advance(5.0)
    tank.image()
    tank.advance(5.0)
    image = tank.image()
    assert (image.taken["NIR.SPECTRUM"], image.taken["HOP.M"]) == (0.0, 12.0)
    assert (image.taken["SUP_F.STATE"], image.taken["SUP_F.SCAN"]) == (7.0, 12.0)
    assert image.quality == {"HOP.M": Quality.BAD}


def test_a_tag_nobody_may_write_is_refused(tank: SimulatedLine) -> None:
    with pytest.raises(KeyError, match="HOP"):
        tank.write("HOP.M", 1.0)


def test_plant_time_goes_by_in_whole_scans_only(tank: SimulatedLine) -> None:
    with pytest.raises(ValueError, match=r"multiples of 0\.5 s"):
        tank.advance(0.7)


def test_any_new_request_asks_for_one_period_so_that_either_side_may_start_anew(tank: SimulatedLine) -> None:
    for request in (1, 2, 700, 1):
        tank.write("SIM.REQUEST", request)
        assert tank.wanted
        tank.grant()
        assert (tank.wanted, shown(tank, "SIM.DONE")) == (False, request)


def test_equal_seeds_and_writes_give_equal_images(policy: Policy) -> None:
    fault = Fault("F04", "FDR_API", on_s=20.0)
    one, other = LINE.simulate(policy, 7, [fault]), LINE.simulate(policy, 7, [fault])
    for line in (one, other):
        line.advance(2.0)
        beat(line, 60, FDR_API__F_SP=2.1)
    assert same(one.image(), other.image())
    assert not same(one.image(), LINE.simulate(policy, 8, [fault]).image())


@pytest.mark.parametrize(
    ("name", "access", "complaint"),
    [("HOP.M", Access.WRITE, "lets it be written"), ("HOP.X", Access.READ, "no such tag")],
)
def test_a_policy_the_line_cannot_serve_is_refused(policy: Policy, name: str, access: Access, complaint: str) -> None:
    tag = policy.tags["HOP.M"].model_copy(update={"access": access})
    with pytest.raises(ValueError, match=rf"tags\.{name}: .*{complaint}"):
        LINE.simulate(policy.model_copy(update={"tags": policy.tags | {name: tag}}), seed=1)
