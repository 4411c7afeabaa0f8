"""The language of scenarios: what is said is understood, and every mistake is told with its place beforehand."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.cycle import SetMode
from hil import library
from hil.scenario import Scenario
from policies import PolicyError
from policies.check_shape import published

GOOD = """\
scenario: 1
title: A run for tests
line: A
for: 10m
clock: memory
seeds: [3, 4]
plc:
  feeders: {watchdog: 3s, start: {FDR_API.F_SP: 2.1}}
orders:
  - {mode: shadow}
  - {after: 3m, mode: auto, loop: blend}
stimuli:
  - {setpoint: BLD.N_SP, by: 10, after: 2m}
  - {setpoint: FDR_API.F_SP, by: 2, unit: g/min, after: 1m, shape: prbs, every: 30s, for: 1m}
faults:
  - {id: F04, target: FDR_API, after: 4m, shape: ramp, ramp: 1m, magnitude: 4, unit: "%"}
  - {id: bias, target: FDR_API.F_PV, after: 5m, magnitude: 10, unit: g/min}
requirements:
  URS-1: The blend stays good
assertions:
  good: {kind: band, requirement: URS-1, truth: api_frame, low: 9.5, high: 10.5}
"""

OLD = """\
scenario: 1
title: A file of an earlier release
line: A
for: 20m
seed: 4
orders:
  - {after: 3m, mode: auto}
faults:
  - {id: F52, target: NIR, after: 10m}
assertions:
  holds: {kind: phase, requirement: The loop stands still, loop: blend, phase: hold, after: 10m, within: 60s}
  on_target: {kind: kpi, requirement: It stays good, kpi: api.in_spec_fraction, at_least: 0.5}
  quiet: {kind: quiet, requirement: The chart is silent, watch: api_chart}
"""


def opened(tmp_path: Path, text: str, clock: str | None = None) -> Scenario:
    file = tmp_path / "x.scenario.yaml"
    file.write_text(text, encoding="utf-8")
    return library.open_scenario(file, clock=clock)[0]


def refused(tmp_path: Path, text: str, clock: str | None = None) -> list[str]:
    with pytest.raises(PolicyError) as error:
        opened(tmp_path, text, clock)
    return [str(problem).replace(f"{tmp_path}/", "") for problem in error.value.problems]


def test_sizes_are_kept_in_the_units_of_their_tags_and_of_the_catalogue(tmp_path: Path) -> None:
    scenario = opened(tmp_path, GOOD)
    assert [turned.by for turned in scenario.stimuli] == [10.0, pytest.approx(0.12)]
    assert [wrong.magnitude for wrong in scenario.faults] == [pytest.approx(0.04), pytest.approx(0.6)]


def test_orders_are_for_the_loop_they_name_or_for_all(tmp_path: Path) -> None:
    scenario = opened(tmp_path, GOOD)
    policy = library.open_scenario(tmp_path / "x.scenario.yaml")[1]
    acts = [(timed.after_s, timed.order.act) for timed in scenario.timed(policy)]
    assert [(at, act.loop, act.mode) for at, act in acts if isinstance(act, SetMode)] == [
        (0.0, "blend", "shadow"),
        (180.0, "blend", "auto"),
    ]


def test_a_file_of_an_earlier_release_is_read_as_it_is(tmp_path: Path) -> None:
    scenario = opened(tmp_path, OLD)
    assert (scenario.seed, scenario.seeds, len(scenario.assertions)) == (4, None, 3)
    assert scenario.requirement("It stays good") == ("", "It stays good")


def test_a_requirement_is_named_by_its_id_or_stands_there_itself(tmp_path: Path) -> None:
    assert opened(tmp_path, GOOD).requirement("URS-1") == ("URS-1", "The blend stays good")


def test_chance_is_drawn_from_the_seed_of_the_run_unless_it_has_its_own(tmp_path: Path) -> None:
    scenario = opened(tmp_path, GOOD)
    assert len({fault.seed for seed in (3, 4) for fault in scenario.struck(seed)}) == 4
    own = scenario.model_copy(update={"faults": (scenario.faults[0].model_copy(update={"seed": 7}),)})
    assert [own.struck(seed)[0].seed for seed in (3, 4)] == [7, 7]


CLAIM = "{kind: band, requirement: URS-1, truth: api_frame, low: 9.5, high: 10.5}"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("line: A", "line: Z", "x.scenario.yaml:3:7: line: found the line 'Z'"),
        ("truth: api_frame", "truth: api_fram", "21:49: assertions.good.truth: found 'api_fram';"),
        ("truth: api_frame", "tag: FDR_API.F_PW", "21:47: assertions.good.tag: found 'FDR_API.F_PW'; did you mean"),
        ("truth: api_frame", "tag: NIR.SPECTRUM", "21:47: assertions.good.tag: found 'NIR.SPECTRUM', "),
        ("truth: api_frame,", "", "21:9: assertions.good: found both or neither of tag and truth, wanted one of them"),
        ("requirement: URS-1", "requirement: URS-2", "21:35: assertions.good.requirement: found 'URS-2'; did you mean"),
        ("kind: band", "kind: bend", "21:16: assertions.good.kind: found 'bend', expected agrees, alarm, alarm_load,"),
        (
            CLAIM,
            "{kind: phase, requirement: URS-1, loop: blend, phase: activ, within: 1m}",
            "phase: found 'activ', expected off, ready",
        ),
        (
            CLAIM,
            "{kind: phase, requirement: URS-1, loop: bland, phase: active, within: 1m}",
            "loop: found 'bland'; did you mean 'blend'?",
        ),
        (
            CLAIM,
            "{kind: kpi, requirement: URS-1, kpi: api.iea, at_most: 1}",
            "kpi: found 'api.iea'; did you mean 'api.iae'?",
        ),
        (CLAIM, "{kind: quiet, requirement: URS-1, watch: nir_fi}", "watch: found 'nir_fi'; did you mean 'nir_fit'?"),
        (
            CLAIM,
            "{kind: quiet, requirement: URS-1, watch: nir_fit, after: 10m}",
            "after: found 600 s, but the run ends after 600 s",
        ),
        (
            CLAIM,
            "{kind: detected, requirement: URS-1, fault: F05, within: 1m}",
            "fault: found 'F05'; did you mean 'F04'?",
        ),
        ("id: F04", "id: F99", "16:10: faults[0].id: found 'F99'"),
        ("target: FDR_API,", "target: BLD,", "16:23: faults[0].target: found 'BLD', wanted one of FDR_API"),
        ("after: 4m", "after: 10m", "16:39: faults[0].after: found 600 s, but the run ends after 600 s"),
        ("ramp: 1m, ", "", "16:5: faults[0]: found shape ramp, wanted ramp beside it"),
        ("shape: ramp,", "", "16:5: faults[0]: found ramp, wanted it only beside shape ramp"),
        ("shape: ramp, ramp: 1m", "shape: pulse", "16:50: faults[0].shape: found pulse, wanted for beside it"),
        ("magnitude: 4,", "magnitude: 70,", "faults[0].magnitude: found 0.7, wanted -0.5 to 0.5: shortfall"),
        ('unit: "%"', "unit: kg", "faults[0].unit: found 'kg', wanted '1' or what can be converted to it"),
        ("target: FDR_API.F_PV", "target: FDR_API.F_PB", "17:24: faults[1].target: found 'FDR_API.F_PB'; did you mean"),
        ("unit: g/min}\nrequirements", "unit: grm/min}\nrequirements", "faults[1].unit: found 'grm/min'"),
        ("id: bias", "id: swapped", "faults[1].with: found nothing, wanted with: and the tag shown instead"),
        ("setpoint: BLD.N_SP", "setpoint: BLD.M_SP", "13:16: stimuli[0].setpoint: found 'BLD.M_SP';"),
        ("BLD.N_SP, by: 10,", "FDR_LUB.F_SP, by: 0.01, unit: kg/h,", "stimuli[0].unit: found 'kg/h', but no unit is"),
        (
            "by: 10,",
            "by: 10, unit: kg/h,",
            "stimuli[0].unit: found 'kg/h', wanted '/min' or what can be converted to it",
        ),
        ("  feeders: {", "  feeder: {", "8:11: plc.feeder: found 'feeder'; did you mean 'feeders'?"),
        ("F_SP: 2.1", "F_SP: 21", "plc.feeders.start.FDR_API.F_SP: found 21, wanted 1 to 3 kg/h"),
        ("watchdog: 3s", "scan: 700ms", "plc.feeders.scan: found 0.7 s, wanted a whole multiple of 0.5 s"),
        ("loop: blend}", "loop: bland}", "orders[1].loop: found 'bland'; did you mean 'blend'?"),
        ("{mode: shadow}", "{after: 1m}", "orders[0]: found several or none of mode, accept, alarms, line and target"),
        ("for: 10m", "for: 10", "for: found 10, expected a duration such as 500ms, 10s, 5m or 8h"),
        ("seeds: [3, 4]", "seeds: []", "seeds: found [], expected a list of at least one entry"),
        ("clock: memory", "policy: none.yaml", "policy: found 'none.yaml', wanted a policy file beside the scenario"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    found = refused(tmp_path, GOOD.replace(old, new, 1))
    assert any(said in problem for problem in found), found
    assert all(problem.startswith("x.scenario.yaml:") for problem in found)


def test_a_scenario_that_claims_nothing_is_refused(tmp_path: Path) -> None:
    (said,) = refused(tmp_path, GOOD.partition("requirements:")[0])
    assert "assertions: found none, wanted at least one" in said


@pytest.mark.parametrize(
    ("fault", "clock", "said"),
    [
        ("{id: link_slow, target: line}", "memory", "wanted clock virtual, lockstep or wall"),
        ("{id: link_slow, target: line}", "lockstep", "in lock-step time waits too: wanted clock virtual or wall"),
        ("{id: link_stall, target: line}", "lockstep", "in lock-step time waits too: wanted clock virtual or wall"),
        ("{id: solver_hang, target: blend}", "wall", "wanted clock memory, virtual or lockstep"),
    ],
)
def test_a_fault_that_a_clock_cannot_carry_is_refused_in_one_sentence(
    tmp_path: Path, fault: str, clock: str, said: str
) -> None:
    text = OLD.replace("{id: F52, target: NIR, after: 10m}", fault)
    (problem,) = refused(tmp_path, text, clock)
    assert said in problem
    assert "\n" not in problem


def test_every_shipped_scenario_is_good() -> None:
    for name in library.names():
        assert library.open_scenario(library.find(name))[0].title


def test_the_schema_is_published_and_names_every_kind_of_assertion() -> None:
    schema = published(Scenario)
    assert all(f"'{kind}'" in str(schema["$defs"]) for kind in ("always", "eventually", "first_out", "iae", "max_move"))
