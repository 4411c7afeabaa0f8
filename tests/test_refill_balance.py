"""The balance of a refill: a witness of the load cell that does not look at the product."""

from math import isfinite, isnan

import pytest
from seen import EPOCH, good, written

from controller import soft
from hil.plants.faults import Fault
from hil.plants.line_a import NOMINAL, LineA
from hil.plants.nir import absorbance
from plant_io import Quality, Sample
from policies import load, shipped

POLICY = load(shipped("a"))
KIT = soft.prepare(POLICY)
SPECTRUM = absorbance({"API": 10.0, "EXC": 86.0, "LUB": 1.0, "WATER": 3.0})


def history(*seen: tuple[float, float, float, float], flow: float = 1.8) -> Sample:
    """Return what the balance says after cycles of hopper mass [kg], valve, charge [kg] and number of the charge."""
    state, snapshot = soft.start(KIT), None
    for at, (mass, valve, charge, count) in enumerate(seen):
        now = EPOCH + at
        shown = {"FDR_API.W": mass, "FDR_API.F_PV": flow, "FDR_API.REFILL": valve}
        shown |= {"FDR_API.CHARGE": charge, "FDR_API.CHARGES": count}
        samples = {tag: good(value, now) for tag, value in shown.items() if isfinite(value)}
        snapshot, state = soft.enrich(written(now, POLICY, samples, SPECTRUM), state, KIT)
    assert snapshot is not None
    return snapshot["FDR_API.SPAN"]


BEFORE, OPEN = (0.6, 0.0, 0.0, 0.0), (0.9, 1.0, 0.0, 0.0)


def test_what_left_the_container_over_what_was_shown_to_arrive_is_the_error() -> None:
    # 0.6 kg of rise and, at 1.8 kg/h, 1 g taken away in the two seconds between the readings.
    found = history(BEFORE, OPEN, (1.2, 0.0, 0.601 * 0.96, 1.0))
    assert found.value == pytest.approx(-0.04, abs=1e-6)
    assert found.quality is Quality.GOOD
    assert found.source == EPOCH + 2


def test_a_charge_reported_later_belongs_to_the_moment_the_valve_closed() -> None:
    found = history(BEFORE, OPEN, (1.2, 0.0, 0.0, 0.0), (1.1995, 0.0, 0.0, 0.0), (1.199, 0.0, 0.601, 1.0))
    assert found.value == pytest.approx(0.0, abs=1e-6)


def test_before_the_first_refill_there_is_no_evidence() -> None:
    assert history(BEFORE).quality is Quality.BAD


def test_a_balance_stands_until_the_next_refill() -> None:
    one = history(BEFORE, OPEN, (1.2, 0.0, 0.601, 1.0))
    later = history(BEFORE, OPEN, (1.2, 0.0, 0.601, 1.0), (1.1, 0.0, 0.601, 1.0))
    assert (later.value, later.source) == (one.value, one.source)


@pytest.mark.parametrize(
    "seen",
    [
        (BEFORE, OPEN, (1.2, 0.0, 0.0, 0.0)),
        (BEFORE, OPEN, (float("nan"), 1.0, 0.0, 0.0), OPEN, (1.2, 0.0, 0.601, 1.0)),
        (OPEN, OPEN, (1.2, 0.0, 0.601, 1.0)),
        (BEFORE, OPEN, (0.5, 0.0, 0.601, 1.0)),
        (BEFORE, OPEN, (1.2, 0.0, 0.9, 1.0)),
    ],
    ids=["no charge", "readings lost meanwhile", "begun in the middle", "hopper fell", "beyond belief"],
)
def test_a_refill_that_cannot_be_balanced_says_nothing(seen: tuple[tuple[float, float, float, float], ...]) -> None:
    assert isnan(history(*seen).value)


def test_a_wrong_load_cell_is_found_at_its_next_refill_on_the_simulated_line() -> None:
    line = LineA(3, faults=[Fault("F04", "FDR_API", 60.0, magnitude=0.04)])
    errors: list[float] = []
    state, count = soft.start(KIT), 0.0
    while len(errors) < 2:
        line.step(1.0, NOMINAL)
        now = EPOCH + line.time
        tags = ("W", "F_PV", "REFILL", "CHARGE", "CHARGES")
        shown = {f"FDR_API.{tag}": float(line.tags[f"FDR_API.{tag}"]) for tag in tags}
        seen, state = soft.enrich(
            written(now, POLICY, {t: good(v, now) for t, v in shown.items()}, SPECTRUM), state, KIT
        )
        if shown["FDR_API.CHARGES"] != count:
            count = shown["FDR_API.CHARGES"]
            errors.append(seen["FDR_API.SPAN"].value)
    assert errors == pytest.approx([-0.04, -0.04], abs=0.01)
