"""What watches are told of loops: states, biases, innovations and inputs, by name, of the cycle before."""

from pathlib import Path

import numpy as np
import pytest
from fakes import MOVER
from test_monitors import declared

from anomaly.artefact import Model
from anomaly.fitting import Training, fit
from controller import beliefs
from controller.estimates import Estimate
from controller.kit import prepare
from controller.records.replay import replay
from controller.state import LoopState
from hil.library import find, open_scenario
from hil.rig.play import in_memory
from policies import Monitor, Policy, load, parse, shipped

LINE_A = load(shipped("a"))
NAMES = ("blend.bias.api_flow", "blend.state.h_a", "blend.innovation.api", "blend.input.api_sp")


def model(tags: tuple[str, ...], mean: float = 0.0) -> Model:
    return fit([mean + np.random.default_rng(3).standard_normal((400, len(tags)))], Training(tags, (), 10.0))


def policy_of(watch: Monitor, found: Model) -> Policy:
    changed = LINE_A.model_copy(update={"watches": {"m": watch}})
    return changed.sealed("0" * 64, {**LINE_A.files, watch.model: found.model_dump_json().encode()})


def test_a_watch_sees_what_it_asked_for_in_its_order() -> None:
    kit = prepare(policy_of(declared(tags=list(NAMES)), model(NAMES)))
    assert kit.watches.asked == NAMES
    x = np.arange(13.0)
    state = LoopState(estimate=Estimate(x, np.eye(13), {"api": 0.3}), inputs=(2.1, 17.8))
    states = list(kit.loops["blend"].model.states)  # type: ignore[union-attr]
    heard = beliefs.heard({"blend": state}, kit.beliefs)
    assert heard.values.tolist() == [states.index("b_a"), states.index("h_a"), 0.3, 2.1]
    assert heard.phases == {"blend": "off"}


def test_a_loop_that_believes_nothing_is_masked() -> None:
    kit = prepare(policy_of(declared(tags=list(NAMES)), model(NAMES)))
    assert np.isnan(beliefs.heard({"blend": LoopState()}, kit.beliefs).values).all()


def test_what_no_loop_believes_is_refused_with_what_comes_nearest() -> None:
    names = ("PRS.MCF", "blend.bias.api_flw")
    with pytest.raises(ValueError, match=r"loop blend believes no bias.api_flw; did you mean 'blend.bias.api_flow'"):
        prepare(policy_of(declared(tags=list(names)), model(names)))


def test_nothing_is_listened_to_where_no_watch_wants_it() -> None:
    assert prepare(LINE_A).beliefs.listens
    assert not prepare(LINE_A.model_copy(update={"watches": {}, "incidents": None})).beliefs.listens


def written(found: Model) -> Policy:
    """Line A with a monitor in its file."""
    watch = (
        b"watches:\n  m: {kind: monitor, model: a.monitor.json, every: 10s, response: Look.,"
        b" tags: [FDR_API.F_PV, blend.bias.api_flow], suppressed: [{loop: blend, phases: [init]}]}\n"
    )
    text = LINE_A.files[""].replace(b"watches:\n", watch, 1)
    return parse(text, "line_a.yaml", {**LINE_A.files, "a.monitor.json": found.model_dump_json().encode()})


def test_a_run_with_a_monitor_is_made_again_bit_for_bit(tmp_path: Path) -> None:
    # Far from what the line does, so that it speaks.
    found = model(("FDR_API.F_PV", "blend.bias.api_flow"), mean=40.0)
    scenario, _ = open_scenario(find("a_demo"))
    played = in_memory(scenario.model_copy(update={"for_s": 300.0}), written(found), 7, tmp_path, build=MOVER)
    assert [alert.watch for alert in played.ran.tally.alerts][:1] == ["m"]
    assert [one.watches for one in played.ran.tally.incidents][:1] == [("m",)]
    again = replay(tmp_path)
    assert (again.identical, again.digest) == (again.cycles, played.ran.tally.digest())
