"""Material is followed by the residence times of the flow that is fed now, also while the line is turned down."""

from __future__ import annotations

import numpy as np
import pytest
from test_material import STEADY, kit, line_of, seen

from controller.material.cells import row
from controller.material.state import TOTAL, MaterialState
from controller.material.track import Tracked, track
from plant_io.signals import Floats

LEAN = (60.0, 180.0)
"""When the API feeder gives too little [s]."""


def flows(at: float, low: tuple[float, float], share: float = 1.0) -> dict[str, float | None]:
    """What the feeders show at a time: turned down from 20 to 18 kg/h between two others, API at a share of its own."""
    total = float(np.interp(at, low, (20.0, 18.0)))
    return {"FDR_API__F_PV": 0.1 * total * share, "FDR_EXC__F_PV": 0.89 * total, "FDR_LUB__F_PV": 0.01 * total}


def fed(at: float, low: tuple[float, float], size: float = 0.75) -> dict[str, float | None]:
    return flows(at, low, size if LEAN[0] <= at < LEAN[1] else 1.0)


def followed(low: tuple[float, float], seconds: int = 900, state: MaterialState = STEADY) -> list[Tracked]:
    found = list[Tracked]()
    for i in range(seconds):
        found.append(track(seen(1500.0 + i, **fed(float(i), low)), (), frozenset(("line",)), state, kit()))
        state = found[-1].state
    return found


def settled(total: float) -> MaterialState:
    """The line after an hour at one throughput."""
    state, ends = MaterialState(), ((1e9, 2e9) if total == 20.0 else (-2.0, -1.0))
    for i in range(0, 3600, 4):
        state = track(seen(1500.0 - 3600.0 + i, **flows(0.0, ends)), (), frozenset(("line",)), state, kit()).state
    return state


def content(draw: tuple[float, ...], low: tuple[float, float], seconds: int = 900) -> list[float]:
    """Content of what leaves a line whose residence times are off by some standard deviations, every second [%]."""
    cells: list[Floats] = [np.empty((0, 2))] * len(kit().units)
    made = list[float]()
    for i in range(-1200, seconds):
        shown = {name: value or 0.0 for name, value in fed(float(i), low).items()}
        total, api = sum(shown.values()), shown["FDR_API__F_PV"]
        mass, given = total / 3600.0, np.array([total, api]) / 3600.0
        for k, (unit, off) in enumerate(zip(kit().units, draw, strict=True)):
            away = off * np.sqrt(np.diag(np.array(unit.rtd.covariance)))
            held = unit.rtd.at((np.array(unit.rtd.mean) + away).tolist(), total, unit.rtd.reference.speed)
            leaves, into = row(unit.rtd, held, unit.cells.stop - unit.cells.start)
            rates = np.diag(-leaves) + np.diag(leaves[:-1], -1)
            if not len(cells[k]):
                cells[k] = np.asarray(-np.linalg.solve(rates, np.outer(into, given / mass)), np.float64)
            before = cells[k]
            for _ in range(10):
                before = before + 0.1 * mass * (rates @ before + np.outer(into, given / mass))
            given = given - (before.sum(axis=0) - cells[k].sum(axis=0))
            cells[k] = before
        if i >= 0:
            made.append(100.0 * float(given[1] / given[0]))
    return made


def test_the_line_holds_what_its_tracer_tests_say_of_the_flow_and_keeps_it_longer() -> None:
    held = {flow: kit().at(flow, (250.0, 1.0)).held[0].sum() for flow in (18.0, 20.0)}
    blender, press = (unit.rtd for unit in kit().units)
    for flow, mass in held.items():
        said = sum(one.at(one.mean, flow, 250.0).holdup for one in (blender, press))
        assert mass == pytest.approx(said, rel=0.02)
    assert held[18.0] < 0.99 * held[20.0]
    assert held[18.0] / 18.0 > 1.05 * held[20.0] / 20.0


def test_what_the_line_holds_goes_over_to_the_lower_flow_and_no_gram_is_lost() -> None:
    cycles = followed((60.0, 160.0), 1800)
    before, after = line_of(STEADY), line_of(cycles[-1].state)
    assert after.cells[0, :, TOTAL].sum() == pytest.approx(kit().at(18.0, (250.0, 1.0)).held[0].sum(), rel=0.01)
    gone = cycles[-1].state.made_kg - STEADY.made_kg
    given = cycles[-1].state.fed_kg - STEADY.fed_kg + sum(STEADY.pending[:-1]) - sum(cycles[-1].state.pending[:-1])
    assert given - gone == pytest.approx(after.cells[0, :, TOTAL].sum() - before.cells[0, :, TOTAL].sum(), abs=1e-6)


def test_the_gate_stays_open_for_longer_at_the_lower_flow() -> None:
    spans = dict[float, tuple[int, int]]()
    for total, low in ((20.0, (1e9, 2e9)), (18.0, (-2.0, -1.0))):
        gate = [one.state.gate.open for one in followed(low, state=settled(total))]
        spans[total] = (gate.index(True), len(gate) - gate[::-1].index(True))
    assert spans[18.0][0] >= spans[20.0][0]
    assert spans[18.0][1] - LEAN[1] > 1.03 * (spans[20.0][1] - LEAN[1])


@pytest.mark.parametrize("low", [(60.0, 160.0), (200.0, 300.0), (-900.0, -800.0)])
@pytest.mark.parametrize("draw", [(0.0, 0.0), (2.0, 2.0), (-2.0, -2.0), (2.0, -2.0)])
def test_nothing_lean_is_let_out_when_the_flow_is_changed_while_it_is_in_the_line(
    draw: tuple[float, ...], low: tuple[float, float]
) -> None:
    gate = [one.state.gate.open for one in followed(low, state=STEADY if low[0] > 0.0 else settled(18.0))]
    true = content(draw, low)
    bad = [abs(one - 10.0) > 0.5 for one in true]
    assert sum(bad) > 30
    assert not any(wrong and not rejects for wrong, rejects in zip(bad, gate, strict=True))
