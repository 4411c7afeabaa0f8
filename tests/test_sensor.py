"""Faults of sensors: each is named, with its class of NE 107, and those of the process are not taken for them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from seen import EPOCH, written

from anomaly import Alert, engine, sensor
from anomaly.sensor import Fault, Finding, SensorsKit
from plant_io import Quality, Sample
from plant_io.signals import Floats
from policies import PolicyError, load, parse, shipped

TAGS = ("A", "B", "C", "D", "E", "F")
BEGINS, LENGTH = 700, 1200


@dataclass(frozen=True)
class Case:
    """Six sensors of two slow factors, with what each of them is foretold to be by the others."""

    values: Floats
    index: int
    seed: int

    @classmethod
    def of(cls, seed: int, spoil: Callable[[Floats, int, np.random.Generator], None]) -> "Case":
        rng = np.random.default_rng(seed)
        loadings, factor = rng.standard_normal((2, 6)), np.zeros(2)
        values = np.empty((LENGTH, 6))
        for k in range(LENGTH):
            factor = 0.97 * factor + 0.25 * rng.standard_normal(2)
            values[k] = factor @ loadings + 0.3 * rng.standard_normal(6)
        spoil(values, seed % 6, rng)
        return cls(values, seed % 6, seed)

    def residuals(self) -> Floats:
        trained, found = self.values[:600], np.empty_like(self.values)
        for j in range(6):
            others = [i for i in range(6) if i != j]
            known = np.column_stack([trained[:, others], np.ones(600)])
            weights = np.linalg.lstsq(known, trained[:, j], rcond=None)[0]
            left = self.values[:, j] - np.column_stack([self.values[:, others], np.ones(LENGTH)]) @ weights
            found[:, j] = left / np.std(left[:600])
        return found

    def findings(self) -> list[tuple[int, Finding]]:
        """Findings with the look at which each was made, in order."""
        changes = np.abs(np.diff(self.values[:600], axis=0))
        kit = SensorsKit(TAGS, 1.4826 * np.median(changes, axis=0))
        state, residuals, found = sensor.start(kit), self.residuals(), list[tuple[int, Finding]]()
        for k in range(LENGTH):
            standing = sensor.look(float(k), self.values[k], state, kit, residuals[k])
            known = {(one.tag, one.fault) for _, one in found}
            found += [(k, one) for one in standing if (one.tag, one.fault) not in known]
        return found


def stuck(values: Floats, i: int, _: np.random.Generator) -> None:
    values[BEGINS:, i] = values[BEGINS, i]


def dropout(values: Floats, i: int, rng: np.random.Generator) -> None:
    for k in range(BEGINS, LENGTH, 9):
        values[k : k + int(rng.integers(1, 5)), i] = np.nan


def spikes(values: Floats, i: int, rng: np.random.Generator) -> None:
    values[BEGINS::25, i] += rng.choice([-7.0, 7.0], len(values[BEGINS::25]))


def noise(values: Floats, i: int, rng: np.random.Generator) -> None:
    values[BEGINS:, i] += rng.standard_normal(LENGTH - BEGINS)


def bias(values: Floats, i: int, _: np.random.Generator) -> None:
    values[BEGINS:, i] += 3.0


def drift(values: Floats, i: int, _: np.random.Generator) -> None:
    values[BEGINS:, i] += 0.01 * np.arange(LENGTH - BEGINS)


def process(values: Floats, i: int, rng: np.random.Generator) -> None:
    """Something that no model knows moves three tags."""
    moved = [i, (i + 1) % 6, (i + 2) % 6]
    values[BEGINS:, moved] += np.minimum(1.0, np.arange(LENGTH - BEGINS) / 60.0)[:, None] * rng.uniform(2.0, 3.0, 3)


def nothing(values: Floats, i: int, rng: np.random.Generator) -> None:
    """Leave everything as it is."""


HEALTH = {"stuck": "failure", "dropout": "failure", "spikes": "maintenance_required", "noise": "off_spec"}


@pytest.mark.parametrize("spoil", [stuck, dropout, spikes, noise], ids=lambda one: one.__name__)
def test_what_shows_in_the_raw_values_is_named_every_time(spoil: Callable[..., None]) -> None:
    for seed in range(6):
        case = Case.of(seed, spoil)
        (k, first), *_ = case.findings()
        assert (first.tag, first.fault) == (TAGS[case.index], spoil.__name__)
        assert first.health == HEALTH[spoil.__name__]
        assert BEGINS <= k <= BEGINS + 150


@pytest.mark.parametrize(("spoil", "least"), [(bias, 4), (drift, 3)], ids=["bias", "drift"])
def test_bias_and_drift_are_told_apart_and_from_everything_else(spoil: Callable[..., None], least: int) -> None:
    found = [(case, case.findings()) for case in (Case.of(seed, spoil) for seed in range(6))]
    named = {(TAGS[case.index] == one.tag, one.fault) for case, findings in found for _, one in findings}
    assert named == {(True, spoil.__name__)}
    assert sum(bool(findings) for _, findings in found) >= least


def test_a_fault_of_the_process_is_not_taken_for_one_of_a_sensor() -> None:
    found = [Case.of(seed, process).findings() for seed in range(8)]
    assert sum(bool(findings) for findings in found) <= 1


def test_normal_operation_has_no_findings() -> None:
    assert [Case.of(seed, nothing).findings() for seed in range(6)] == [[]] * 6


def test_a_drift_is_dated_where_it_left_normal_and_said_with_its_size() -> None:
    (k, found), *_ = Case.of(0, drift).findings()
    assert BEGINS < found.since < k
    assert found.what.startswith("A: the sensor drifts, +4.")
    assert found.what.endswith("no other tag has moved with it (maintenance required by NE 107).")


def test_what_is_over_is_no_finding_any_more() -> None:
    kit = SensorsKit(("A",), np.array([0.1]), still=10)
    state, rng = sensor.start(kit), np.random.default_rng(1)
    stands: list[tuple[Fault, ...]] = []
    for k in range(60):
        value = 5.0 if 20 <= k < 40 else 5.0 + 0.1 * float(rng.standard_normal())
        stands.append(tuple(one.fault for one in sensor.look(float(k), np.array([value]), state, kit)))
    assert stands[19] == ()
    assert stands[35] == ("stuck",)
    assert stands[45] == ()


LINE_A = load(shipped("a"))
FORCE, FILL = "PRS.MCF", "PRS.FILL"


def policy(watch: str) -> bytes:
    text = shipped("a").read_text()
    begin, end = text.index("\nwatches:"), text.find("\nincidents:")
    return (text[:begin] + f"\nwatches:\n  mine: {{{watch}, response: Look.}}\n" + text[end:]).encode()


def test_a_stuck_sensor_of_a_line_is_told_in_the_locked_lane_and_when_it_moves_again() -> None:
    declared = policy(f"kind: sensors, tags: {{{FORCE}: 0.1, {FILL}: 0.05}}, still: 20")
    kit = engine.prepare(parse(declared, "line_a.yaml", dict(LINE_A.files)))
    state, told, rng = engine.start(kit), list[Alert](), np.random.default_rng(2)
    for k in range(120):
        force = 6.0 if 30 <= k < 80 else 6.0 + 0.1 * float(rng.standard_normal())
        fill, at = 9.0 + 0.05 * float(rng.standard_normal()), EPOCH + k
        good = {tag: Sample(value, Quality.GOOD, at, at) for tag, value in ((FORCE, force), (FILL, fill))}
        state, locked, _ = engine.watch(written(at, LINE_A, good), state, kit)
        told += locked.alerts
    begun, ended = told
    assert begun.what == f"{FORCE}: the sensor is stuck, 20 looks without movement (failure by NE 107)."
    assert begun.onset == EPOCH + 29.0 + 1.0
    assert (begun.origin, begun.route, begun.signs[0].tag) == ("sensor", "maintenance", FORCE)
    assert (ended.active, ended.at) == (False, EPOCH + 80)


def test_sensors_without_their_monitor_are_refused() -> None:
    declared = policy(f"kind: sensors, tags: {{{FORCE}: 0.1}}, monitor: all")
    with pytest.raises(PolicyError, match="expected a watch of kind monitor"):
        parse(declared, "line_a.yaml", dict(LINE_A.files))
