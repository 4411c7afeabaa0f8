"""Bad days of links in virtual time: noticed in time, nothing wrong believed, nothing written, back by itself."""

import pytest
from trials import CONNECTIONS, EVERY_S, FIRST_S, Trial, after, bad, drawn, faults_of, never_right, play

from controller.cycle import Mode, Phase

STALLS = ("stall up", "stall down", "stall both")
OTHERS = ("drop up", "drop down", "drop both", "cut", "slow", "refuse", "silent")


def test_every_kind_of_bad_link_is_noticed_survived_and_over() -> None:
    kinds = [(how, name) for i, how in enumerate((*STALLS, *OTHERS)) for name in [("feeders", "line")[i % 2]]]
    begins = [FIRST_S + EVERY_S * i + 0.37 * (i % 3) for i in range(len(kinds))]
    trials = [Trial(name, how, at, at + 3.3 + i) for i, ((how, name), at) in enumerate(zip(kinds, begins, strict=True))]
    assert faults_of(play(trials)) == []


def test_a_connection_that_is_reset_costs_a_cycle_at_most_and_the_loop_goes_on() -> None:
    begins = [FIRST_S + EVERY_S * i + 0.13 * i for i in range(6)]
    found = play([Trial(CONNECTIONS[i % 2], "reset", at, at + 0.001) for i, at in enumerate(begins)])
    assert never_right(found) == []
    for trial in found.trials:
        near = [c for c in found.cycles if trial.from_s <= after(c) < trial.from_s + 20.0]
        struck = [after(c) for c in near if any(bad(c, name, found.played.policy) for name in CONNECTIONS)]
        assert len(struck) <= 1
        assert all(at <= trial.from_s + 2.0 for at in struck)
        assert near[-1].decision.modes["blend"] == (Mode.AUTO, Phase.ACTIVE)


def test_a_stall_longer_than_the_watchdog_sheds_the_loop_which_waits_to_be_asked_again() -> None:
    trial = Trial("feeders", "stall both", FIRST_S, FIRST_S + 12.0)
    found = play([trial])
    phases = [(at, phase) for at, _, phase in found.played.phases]
    assert faults_of(found) == []
    assert [phase for at, phase in phases if trial.from_s < at < trial.to_s + 5.0][-1] == Phase.SHED.value
    assert phases[-2][1] == Phase.ACTIVE.value


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("hows", [STALLS, OTHERS], ids=["stalls", "others"])
def test_two_hundred_drawn_faults_of_one_to_fifteen_seconds_all_end_well(hows: tuple[str, ...]) -> None:
    assert faults_of(play(drawn(200, hows, seed=7))) == []
