"""Bad days of line A as a whole, in memory: words swapped, an image that stands, a storm of bad quality."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fakes import HOLDER
from moves import moves

from controller.cycle import Cycle, Mode, Order, Phase, SetMode
from controller.desk import Timed
from controller.kit import prepare
from controller.mpc.worker import Inline
from controller.runtime import Door, Options, operate
from hil.library import find, open_scenario
from hil.plc.line_a import LINE
from hil.rig.memory import Memory
from hil.rig.play import EPOCH, in_memory
from hil.scenario import Asked, Wrong
from plant_io import Batch, Quality, Reason
from plant_io.clocks import SimClock
from plant_io.line import Line
from policies import Policy, load, shipped
from policies.quality import Frozen

FROM_S, TO_S, FOR_S = 60.0, 80.0, 140.0
WIDE = {"float32": np.float32, "uint32": np.uint32}

Spoil = Callable[[float, Policy, Batch], Batch]


def quick() -> Policy:
    policy = load(shipped("A"))
    return policy.model_copy(update={"loops": {n: p.model_copy(update={"settle": 3}) for n, p in policy.loops.items()}})


def spoilt(policy: Policy, connection: str, spoil: Spoil, seed: int = 1) -> tuple[list[Cycle], list[dict[str, Any]]]:
    """Run the controller on line A in memory; what one connection reads goes through `spoil` for a while."""
    memory = Memory(LINE.simulate(policy, seed), EPOCH)
    truths: list[dict[str, Any]] = []

    def make(name: str, bound: Policy) -> Any:
        driver = memory.make(name, bound)
        honest = driver.read

        async def read(*given: Any) -> Batch:
            batch = await honest(*given)
            since = clock.now() - EPOCH
            return spoil(since, bound, batch) if name == connection and FROM_S <= since < TO_S else batch

        driver.read = read  # type: ignore[method-assign]
        return driver

    clock = SimClock(EPOCH, memory.advance)
    cycles: list[Cycle] = []

    def see(cycle: Cycle) -> None:
        cycles.append(cycle)
        truths.append(dict(memory.line.image(EPOCH).values))

    auto = tuple(Timed(at, Order("ana", "test", SetMode("blend", Mode.AUTO))) for at in (1.0, 100.0))
    through = Door(clock, Line(policy, clock, make), Inline(HOLDER, (dict(policy.loops), dict(policy.files))))
    options = Options(for_s=FOR_S, orders=auto, unrecorded=True)
    asyncio.run(operate(prepare(policy), options, through, (see,)))
    return cycles, truths


def after(cycle: Cycle) -> float:
    return cycle.snapshot.at - EPOCH


def check(policy: Policy, connection: str, cycles: list[Cycle], truths: list[dict[str, Any]]) -> None:
    """No wrong value is good, nothing moves but in ACTIVE, the other connection does not suffer, and it ends."""
    written = {name for name, tag in policy.tags.items() if tag.access.value == "write"}
    for cycle, truth in zip(cycles, truths, strict=True):
        for name, tag in policy.tags.items():
            value = cycle.snapshot.good(name)
            if name in written or tag.length > 1 or value is None or name.startswith(("SUP", "SIM")):
                continue
            grain = 0.0 if tag.type == "float32" else abs(tag.scale)
            assert abs(value - float(truth[name])) <= grain + 1e-9 + 1e-5 * abs(truth[name])
        assert not moves(cycle) or cycle.decision.modes["blend"][1] is Phase.ACTIVE
    others = [name for name, tag in policy.tags.items() if tag.connection != connection]
    assert all(c.snapshot[name].quality is Quality.GOOD for c in cycles for name in others)
    assert cycles[50].decision.modes["blend"] == (Mode.AUTO, Phase.ACTIVE)
    assert {c.decision.modes["blend"] for c in cycles[-8:-3]} == {(Mode.AUTO, Phase.ACTIVE)}
    bad = [after(c) for c in cycles if any(c.snapshot[n].quality is not Quality.GOOD for n in policy.tags)]
    assert FROM_S <= bad[0] <= FROM_S + 2.0
    assert bad[-1] < TO_S + 3.0


def swapped(_: float, policy: Policy, batch: Batch) -> Batch:
    """Swap the two words of every value that has two."""
    tags = [tag for tag in policy.tags.values() if tag.connection == "feeders"]
    values = batch.values.copy()
    for i, tag in enumerate(tags):
        if tag.type in WIDE:
            words = np.array([values[i]], WIDE[tag.type]).view(np.uint16)[::-1]
            values[i] = float(words.copy().view(WIDE[tag.type])[0])
    return replace(batch, values=values)


def test_words_that_come_swapped_in_the_middle_of_a_run_are_not_believed() -> None:
    policy = quick()
    cycles, truths = spoilt(policy, "feeders", swapped)
    check(policy, "feeders", cycles, truths)
    struck = [c for c in cycles if FROM_S <= after(c) < TO_S]
    assert all(c.snapshot["FDR_API.F_ACT"].reason is Reason.WRONG_TYPE for c in struck)
    assert all(c.snapshot["FDR_API.F_ACT"].quality is Quality.BAD for c in struck)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_storm_of_bad_and_wrong_values_moves_nothing_wrong(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def storm(_: float, _policy: Policy, batch: Batch) -> Batch:
        n = len(batch.quality)
        worst = rng.choice([Quality.GOOD, Quality.UNCERTAIN, Quality.BAD], size=n).astype(np.uint8)
        worst[:5] = Quality.BAD
        hit = np.repeat(worst != Quality.GOOD, _lengths(_policy))
        wrong = np.where(hit, batch.values * rng.uniform(-2.0, 3.0, len(hit)), batch.values)
        reason = np.where(worst != Quality.GOOD, Reason.SENSOR_FAILURE, Reason.NONE).astype(np.uint8)
        return replace(batch, values=wrong, quality=worst, reason=reason)

    policy = quick()
    cycles, truths = spoilt(policy, "line", storm, seed)
    check(policy, "line", cycles, truths)


def _lengths(policy: Policy) -> list[int]:
    return [tag.length for tag in policy.tags.values() if tag.connection == "line"]


def test_an_image_that_stands_behind_a_living_heartbeat_is_found_out_by_rule_and_age() -> None:
    scenario, policy = open_scenario(find("a_quiet"))
    policy = quick().model_copy(
        update={
            "tags": {
                n: t.model_copy(update={"frozen": Frozen.model_validate({"after": "10s"})}) if n == "HOP.M" else t
                for n, t in policy.tags.items()
            }
        }
    )
    frozen = Wrong.model_validate({"id": "plc_frozen", "target": "line", "after": "60s", "for": "60s"})
    asked = tuple(Asked.model_validate({"after": f"{at}s", "mode": "auto"}) for at in (1, 150))
    told = scenario.model_copy(update={"for_s": 200.0, "faults": (frozen,), "orders": asked, "assertions": {}})
    cycles: list[Cycle] = []
    in_memory(told, policy, 1, build=HOLDER, sinks=(cycles.append,))
    heard = [c.snapshot.good("SUP_L.SCAN") for c in cycles]
    assert None not in heard
    assert np.diff(np.array(heard, float)).min() > 0.0
    hopper = [after(c) for c in cycles if c.snapshot["HOP.M"].reason is Reason.FROZEN]
    spectrum = [after(c) for c in cycles if c.snapshot["NIR.SPECTRUM"].reason is Reason.STALE]
    assert 60.0 + 10.0 <= hopper[0] <= 60.0 + 10.0 + 2.0
    assert spectrum[0] <= 60.0 + policy.tags["NIR.SPECTRUM"].stale_after_s + 2.0
    assert hopper[-1] < 120.0 + 3.0
    blind = [c for c in cycles if spectrum[0] + 2.0 <= after(c) < 120.0]
    assert not any(moves(c) for c in blind)
    assert not any(moves(c) for c in cycles if c.decision.modes["blend"][1] is not Phase.ACTIVE)
    assert cycles[-3].decision.modes["blend"] == (Mode.AUTO, Phase.ACTIVE)
