"""The line is followed through its phases, each with its own limits, and batches end where the policy says."""

from __future__ import annotations

import dataclasses
from itertools import product

import pytest
from pydantic import ValidationError
from test_material import AUTO, kit, line_of, run, seen

from controller.cycle import Directive, DirectLine, Order
from controller.material.kit import MaterialKit
from controller.material.phases import REFUSED, TABLE, LinePhase, Phase, PhaseEvent, stepped
from controller.material.state import DOUBT, TOTAL, MaterialState
from controller.material.track import Tracked, track
from controller.records import codec
from controller.rights import needed
from policies.people import Right
from policies.phases import Batches, Phases

STILL = {"FDR_API__F_PV": 0.0, "FDR_EXC__F_PV": 0.0, "FDR_LUB__F_PV": 0.0}


def ordered(directive: Directive) -> Order:
    return Order("olga", "as planned", DirectLine(directive))


def made(**words: object) -> MaterialKit:
    """Return the material of line A with other phases or batches."""
    return dataclasses.replace(kit(), declared=kit().declared.model_copy(update=words))


def go(
    seconds: int, state: MaterialState, under: MaterialKit, *orders: Order, at: float, **news: float | None
) -> list[Tracked]:
    found = list[Tracked]()
    for i in range(seconds):
        asked = (*AUTO, *orders) if i == 0 else ()
        found.append(track(seen(at + i, **news), asked, frozenset(("line",)), state, under))
        state = found[-1].state
    return found


def said(cycles: list[Tracked]) -> list[str]:
    return [event.what for one in cycles for event in one.events]


# The table


@pytest.mark.parametrize(("phase", "event"), list(product(LinePhase, PhaseEvent)))
def test_every_pair_of_a_phase_and_an_event_leads_somewhere_or_nowhere(phase: LinePhase, event: PhaseEvent) -> None:
    now, steps = stepped(5.0, Phase(phase, 1.0), (event,))
    if (phase, event) in TABLE:
        assert now == Phase(TABLE[phase, event], 5.0)
        assert [(one.before, one.phase, one.event) for one in steps] == [(phase, now.phase, event)]
    else:
        assert (now, steps) == (Phase(phase, 1.0), ())


def test_an_order_that_changes_nothing_somewhere_has_a_reason() -> None:
    for event in (PhaseEvent.SHUT_DOWN, PhaseEvent.GO_ON):
        assert any((phase, event) not in TABLE for phase in LinePhase)
        assert REFUSED[event]


# Phases of the line


def test_a_line_starts_runs_pauses_and_starts_again() -> None:
    cycles = run(600)
    assert cycles[-1].state.phase.phase is LinePhase.RUNNING
    still = go(60, cycles[-1].state, kit(), at=600.0, **STILL)
    again = go(120, still[-1].state, kit(), at=660.0)
    changes = [one for cycle in (*cycles, *still, *again) for one in cycle.line_phases]
    assert [one.phase.value for one in changes] == ["starting", "running", "paused", "restarting", "running"]


def test_the_gate_rejects_while_the_line_stands_and_for_longer_after_a_pause_than_the_hold_of_production() -> None:
    before = run(600)[-1].state
    still = go(60, before, kit(), at=600.0, **STILL)
    assert "material: diversion 2 begins: the line stands" in said(still)
    again = go(120, still[-1].state, kit(), at=660.0)
    let_out = next(i for i, one in enumerate(again) if not one.state.gate.open)
    assert let_out >= 30


def test_of_what_stood_for_too_long_nothing_is_known_and_its_lots_are() -> None:
    before = run(600)[-1].state
    short = go(200, before, kit(), at=600.0, **STILL)[-1].state
    long = go(300, before, kit(), at=600.0, **STILL)[-1].state
    doubts = [line_of(state).cells[0, :, DOUBT] / line_of(state).cells[0, :, TOTAL] for state in (short, long)]
    assert doubts[0].max() < 0.02
    assert doubts[1].min() >= 0.05 - 1e-12
    assert line_of(long).names == line_of(before).names
    assert line_of(long).lots == pytest.approx(line_of(before).lots)
    after = [go(1, state, kit(), at=901.0)[-1].state.belief for state in (short, long)]
    assert after[1].sd > 2.0 > after[0].sd


def test_what_holds_while_it_is_shut_down_is_what_the_policy_says_of_that() -> None:
    before = run(600)[-1].state
    off = {"SOFT__API": 9.72, "REC__API": 9.85, "SOFT__API__MECH": 9.85}
    assert not go(5, before, kit(), at=600.0, **off)[-1].state.gate.open
    told = go(5, before, kit(), ordered(Directive.SHUT_DOWN), at=600.0, **off)
    assert told[-1].state.phase.phase is LinePhase.STOPPING
    assert told[-1].state.gate.open
    assert any("too near to 9.6 or 10.4" in what for what in said(told))


def test_an_order_that_makes_no_sense_is_refused_and_told() -> None:
    before = run(600)[-1].state
    told = go(1, before, kit(), ordered(Directive.GO_ON), at=600.0)
    assert said(told) == ["material: go on is refused: the line is not being shut down"]
    assert told[-1].events[0].who == "olga"


def test_without_phases_in_the_policy_orders_are_refused_and_nothing_changes() -> None:
    bare = made(phases=None, batches=None)
    both = go(2, MaterialState(), bare, ordered(Directive.SHUT_DOWN), ordered(Directive.END_BATCH), at=0.0)
    assert "material: shut down is refused: the policy tells no phases" in said(both)
    assert "material: end batch is refused: the policy tells no batches" in said(both)
    assert both[-1].state.phase.phase is LinePhase.IDLE


# Batches


def batches(under: MaterialKit, seconds: int = 1500, **news: float | None) -> list[Tracked]:
    return go(seconds, MaterialState(), under, at=0.0, **news)


def test_a_batch_of_a_mass_fed_is_cut_where_that_mass_leaves_the_line() -> None:
    cycles = batches(made(batches=Batches.model_validate({"by": "mass_in", "mass": 3.0})))
    ended = [batch for one in cycles for batch in one.batches]
    held = line_of(cycles[-1].state).cells[0, :, TOTAL].sum()
    assert len(ended) == 2
    first, second = ended
    assert first.made_kg == pytest.approx(3.0 + held, abs=0.05)  # with what the line held at the start
    assert second.made_kg == pytest.approx(3.0, abs=0.05)
    assert second.since == first.until
    assert second.why == "3 kg were fed"


def test_a_batch_of_a_mass_let_out_counts_nothing_that_is_rejected() -> None:
    under = made(batches=Batches.model_validate({"by": "mass_out", "mass": 2.0}))
    rejecting = go(300, MaterialState(), under, at=0.0, LINE__DIVERT=1.0)
    cycles = rejecting + go(1000, rejecting[-1].state, under, at=300.0)
    ended = [batch for one in cycles for batch in one.batches]
    assert [batch.made_kg - batch.diverted_kg for batch in ended] == pytest.approx([2.0] * len(ended), abs=0.05)
    assert ended[0].diverted_kg > 0.0 == ended[1].diverted_kg


def test_a_batch_of_a_time_ends_when_it_has_gone_by() -> None:
    cycles = batches(made(batches=Batches.model_validate({"by": "time", "length": "10m"})), 1300)
    assert [batch.until - batch.since for one in cycles for batch in one.batches] == [600.0, 600.0]


def test_what_was_fed_made_and_let_out_adds_up_over_batches() -> None:
    cycles = batches(made(batches=Batches.model_validate({"by": "mass_out", "mass": 2.0})))
    ended, last = [batch for one in cycles for batch in one.batches], cycles[-1].state
    assert sum(b.made_kg for b in ended) == pytest.approx(last.batching.begun.made_kg, abs=1e-6)
    assert sum(b.fed_kg for b in ended) == pytest.approx(last.batching.begun.fed_kg, abs=1e-6)
    held = line_of(last).cells[0, :, TOTAL].sum()
    held_first = line_of(cycles[0].state).cells[0, :, TOTAL].sum()
    assert last.fed_kg - last.made_kg == pytest.approx(held - held_first, abs=0.02)


def test_no_container_holds_two_batches() -> None:
    cycles = batches(made(batches=Batches.model_validate({"by": "time", "length": "10m"})), 1300)
    ended = [batch.until for one in cycles for batch in one.batches]
    boxes = [box for one in cycles for box in one.containers]
    assert boxes
    assert not any(box.since < end < box.until for box in boxes for end in ended)
    assert {box.until for box in boxes} >= set(ended)


def test_a_person_ends_a_batch_and_a_line_that_was_shut_down_makes_none() -> None:
    before = run(600)[-1].state
    ended = go(1, before, kit(), ordered(Directive.END_BATCH), at=600.0)[-1]
    assert [batch.why for batch in ended.batches] == ["olga ended it: as planned"]
    assert ended.state.batching.number == 2
    stopping = go(1, ended.state, kit(), ordered(Directive.SHUT_DOWN), at=601.0)[-1].state
    stopped = go(2, stopping, kit(), at=602.0, **STILL)
    assert [batch.why for one in stopped for batch in one.batches] == ["the line was shut down"]
    assert said(go(1, stopped[-1].state, kit(), ordered(Directive.END_BATCH), at=604.0, **STILL)) == [
        "material: end batch is refused: no batch is being made"
    ]
    assert go(1, stopped[-1].state, kit(), at=700.0)[-1].state.batching.number == 3


# Orders


@pytest.mark.parametrize("directive", list(Directive))
def test_an_order_for_the_line_survives_the_record_and_takes_a_right_of_its_own(directive: Directive) -> None:
    asked = ordered(directive)
    assert codec.order(codec.unpack(codec.pack(asked))) == asked
    assert needed(asked.act) is Right.DIRECT


# What a policy may say


@pytest.mark.parametrize(
    "words", [{"by": "time"}, {"by": "time", "mass": 3.0}, {"by": "mass_in"}, {"by": "mass_out", "length": "8h"}]
)
def test_a_batch_without_its_size_is_refused(words: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="expected length with by: time, and mass with by: mass_in"):
        Batches.model_validate(words)


def test_limits_of_a_phase_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValidationError, match="expected the lower value first"):
        Phases.model_validate({"flows": 8.0, "start_up": {"limits": [10.4, 9.6]}})
