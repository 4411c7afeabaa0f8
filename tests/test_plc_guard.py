"""What a PLC grants its supervisory controller, and what it never does."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hil.plc.guard import Asked, Block, Limits, Rules, Word, boot, scan

SP = "FDR_API.F_SP"
RULES = Rules(limits={SP: Limits(low=1.0, high=3.0, rate=0.05, start=2.0)})
DT = 0.5


def run(block: Block, scans: int, asked: Asked = Asked(), *, permitted: bool = True) -> Block:  # noqa: B008 - frozen
    """Scan with a heartbeat that stands still."""
    for _ in range(scans):
        block = scan(block, asked, RULES, permitted=permitted, dt=DT)
    return block


def beating(block: Block, scans: int, asked: Asked = Asked(arm=1), *, permitted: bool = True) -> Block:  # noqa: B008
    """Scan with a heartbeat that changes in every scan."""
    for _ in range(scans):
        block = scan(block, asked._replace(beat=block.echo + 1), RULES, permitted=permitted, dt=DT)
    return block


LEASED = replace(RULES, leased=True)
CLAIM, OTHER = 1 * 2**16 + 7, 2 * 2**16 + 9


def leased(
    block: Block, scans: int, claim: int = CLAIM, *, arm: object = 1, permitted: bool = True, sp: float | None = None
) -> Block:
    """Scan with one whole frame of a controller in every scan."""
    for _ in range(scans):
        asked = Asked(beat=block.echo + 1, arm=arm, setpoints={} if sp is None else {SP: sp}, claim=claim)
        block = scan(block, asked, LEASED, permitted=permitted, dt=DT)
    return block


def silent(block: Block, scans: int) -> Block:
    """Scan while nobody writes anything: what was written last still stands, and the claim has been cleared."""
    for _ in range(scans):
        block = scan(block, Asked(beat=block.echo, arm=1), LEASED, permitted=True, dt=DT)
    return block


@pytest.fixture
def held() -> Block:
    block = leased(silent(boot(LEASED), 4), 3)
    assert (block.word, block.epoch) == (Word.REMOTE, CLAIM)
    return block


@pytest.fixture
def remote() -> Block:
    block = beating(run(boot(RULES), 4), 1)
    assert block.word is Word.REMOTE
    return block


def test_a_plc_says_starting_for_three_scans_and_then_local() -> None:
    words = [run(boot(RULES), n).word for n in range(1, 5)]
    assert words == [Word.STARTING, Word.STARTING, Word.STARTING, Word.LOCAL]


def test_the_scan_counter_begins_small_at_every_start(remote: Block) -> None:
    assert boot(RULES, remote).scan == 0
    assert run(boot(RULES, remote), 7).scan == 7


def test_armed_permitted_and_alive_is_remote(remote: Block) -> None:
    assert beating(remote, 20).word is Word.REMOTE


def test_without_a_heartbeat_the_arm_word_is_in_vain() -> None:
    assert run(run(boot(RULES), 4), 20, Asked(arm=1)).word is Word.LOCAL


def test_without_a_permit_the_arm_word_is_in_vain() -> None:
    assert beating(run(boot(RULES), 4), 20, permitted=False).word is Word.LOCAL


def test_arm_zero_hands_the_setpoints_back(remote: Block) -> None:
    assert beating(remote, 1, Asked(arm=0)).word is Word.LOCAL


def test_a_setpoint_is_taken_only_while_remote(remote: Block) -> None:
    asked = Asked(arm=1, setpoints={SP: 2.2})
    assert beating(remote, 1, asked).accepted[SP] == 2.2
    assert beating(run(boot(RULES), 4), 1, asked).accepted[SP] == 2.0
    assert beating(remote, 1, asked._replace(arm=0)).accepted[SP] == 2.0


def test_a_setpoint_is_clamped_and_ramped_from_the_value_in_force(remote: Block) -> None:
    block = beating(remote, 1, Asked(arm=1, setpoints={SP: 9.0}))
    assert (block.accepted[SP], block.in_force[SP]) == (3.0, pytest.approx(2.025))
    assert beating(block, 39).in_force[SP] == pytest.approx(3.0)


@pytest.mark.parametrize("nonsense", [nan, inf, -inf, "2.1", None, True, [2.1]])
def test_nonsense_is_refused(remote: Block, nonsense: object) -> None:
    block = beating(remote, 3, Asked(arm=1, setpoints={SP: nonsense}))
    assert (block.word, block.accepted[SP], block.in_force[SP]) == (Word.REMOTE, 2.0, 2.0)


def test_five_seconds_of_silence_is_fallback_with_the_last_setpoint(remote: Block) -> None:
    block = beating(remote, 1, Asked(arm=1, setpoints={SP: 2.2}))
    silent = Asked(beat=block.echo, arm=1)
    assert run(block, 9, silent).word is Word.REMOTE
    lost = run(block, 10, silent)
    assert (lost.word, lost.accepted[SP]) == (Word.FALLBACK, 2.2)


def test_in_fallback_beats_alone_do_not_bring_remote_back(remote: Block) -> None:
    lost = run(remote, 10, Asked(beat=remote.echo, arm=1))
    assert beating(lost, 50).word is Word.FALLBACK


def test_after_fallback_it_takes_a_new_arm_word_and_three_good_beats(remote: Block) -> None:
    lost = run(remote, 10, Asked(beat=remote.echo, arm=1))
    handed_back = run(lost, 1, Asked(beat=lost.echo, arm=0))
    assert handed_back.word is Word.LOCAL
    assert [beating(handed_back, n).word for n in (1, 2, 3)] == [Word.LOCAL, Word.LOCAL, Word.REMOTE]


def test_a_silence_between_the_good_beats_begins_the_count_anew(remote: Block) -> None:
    lost = run(remote, 10, Asked(beat=remote.echo, arm=1))
    two = beating(run(lost, 1, Asked(beat=lost.echo, arm=0)), 2)
    again = run(two, 10, Asked(beat=two.echo, arm=1))
    assert beating(again, 2).word is Word.LOCAL
    assert beating(again, 3).word is Word.REMOTE


def test_a_permit_taken_away_needs_a_new_arm_word(remote: Block) -> None:
    local = beating(remote, 1, permitted=False)
    assert local.word is Word.LOCAL
    assert beating(local, 20).word is Word.LOCAL
    assert beating(beating(local, 1, Asked(arm=0)), 1).word is Word.REMOTE


def test_an_arm_word_from_before_a_start_does_not_count() -> None:
    assert beating(boot(RULES), 20).word is Word.LOCAL


def test_a_warm_start_keeps_the_setpoints_and_a_cold_one_does_not(remote: Block) -> None:
    moved = beating(remote, 40, Asked(arm=1, setpoints={SP: 2.4}))
    assert boot(RULES, moved).in_force[SP] == pytest.approx(2.4)
    assert boot(RULES).in_force[SP] == 2.0


def test_a_ramp_under_way_is_finished_in_fallback_so_that_the_read_back_is_true(remote: Block) -> None:
    block = beating(remote, 1, Asked(arm=1, setpoints={SP: 2.8}))
    lost = run(block, 60, Asked(beat=block.echo, arm=1))
    assert lost.in_force[SP] == pytest.approx(lost.accepted[SP]) == 2.8


ANYTHING = st.one_of(st.floats(), st.integers(-(2**63), 2**63), st.booleans(), st.none(), st.text(max_size=3))
STEP = st.tuples(st.integers(0, 3), st.integers(0, 2), ANYTHING, st.booleans())


@given(st.lists(STEP, max_size=60))
@example([(1, 0, 0.0, True)] * 4 + [(1, 1, nan, True)] * 4)
@example([(1, 0, 0.0, True)] * 4 + [(1, 1, inf, True)] * 4)
@example([(1, 0, 0.0, True)] * 4 + [(1, 1, -inf, True)] * 4)
@example([(1, 0, 0.0, True)] * 4 + [(1, 1, 1e300, True)] * 4)
def test_no_setpoint_in_force_ever_leaves_its_clamp_or_jumps(steps: list[tuple[int, int, object, bool]]) -> None:
    block = boot(RULES)
    for beat, arm, value, permitted in steps:
        asked = Asked(beat=block.echo + beat, arm=arm, setpoints={SP: value, "NO.SUCH": value})
        after = scan(block, asked, RULES, permitted=permitted, dt=DT)
        assert 1.0 <= after.in_force[SP] <= 3.0
        assert 1.0 <= after.accepted[SP] <= 3.0
        assert abs(after.in_force[SP] - block.in_force[SP]) <= 0.05 * DT + 1e-12
        if Word.REMOTE not in (block.word, after.word):
            assert after.accepted == block.accepted
        block = after


@given(ANYTHING, ANYTHING)
@example(0.5, 1)
@example(nan, nan)
@example(inf, inf)
@example(-inf, -inf)
def test_a_heartbeat_that_stands_still_whatever_it_is_keeps_no_plc_remote(beat: object, arm: object) -> None:
    block = run(boot(RULES), 4)
    for _ in range(12):
        block = scan(block, Asked(beat=beat, arm=arm), RULES, permitted=True, dt=DT)
    assert block.word is not Word.REMOTE


def test_a_claim_is_granted_after_three_good_beats_and_shown_as_epoch() -> None:
    block = silent(boot(LEASED), 4)
    assert [(leased(block, n).word, leased(block, n).epoch) for n in (1, 2, 3)] == [
        (Word.LOCAL, 0),
        (Word.LOCAL, 0),
        (Word.REMOTE, CLAIM),
    ]


def test_while_a_lease_is_held_nobody_else_moves_disarms_or_keeps_it_alive(held: Block) -> None:
    block = leased(held, 1, OTHER, sp=2.4)
    assert (block.word, block.epoch, block.accepted[SP]) == (Word.REMOTE, CLAIM, 2.0)
    assert leased(held, 1, OTHER, arm=0).word is Word.REMOTE
    assert leased(held, 10, OTHER).word is Word.FALLBACK


def test_a_setpoint_that_comes_without_the_claim_is_nobodys(held: Block) -> None:
    alone = scan(held, Asked(beat=held.echo + 1, arm=1, setpoints={SP: 2.4}), LEASED, permitted=True, dt=DT)
    assert alone.accepted[SP] == 2.0
    late = scan(alone, Asked(beat=held.echo + 1, arm=1, claim=CLAIM), LEASED, permitted=True, dt=DT)
    assert late.accepted[SP] == 2.0


def test_with_its_claim_the_setpoint_of_the_holder_is_taken(held: Block) -> None:
    assert leased(held, 1, sp=2.4).accepted[SP] == 2.4


def test_a_lease_that_lapsed_is_never_granted_again_and_a_newer_claim_is(held: Block) -> None:
    lost = silent(held, 10)
    assert lost.word is Word.FALLBACK
    assert leased(lost, 20, sp=2.4).word is Word.FALLBACK
    taken = leased(lost, 3, OTHER)
    assert (taken.word, taken.epoch) == (Word.REMOTE, OTHER)
    assert leased(taken, 5, CLAIM, sp=2.4).accepted[SP] == 2.0


def test_a_lease_handed_back_is_free_at_once_and_closed_to_its_holder(held: Block) -> None:
    back = leased(held, 1, arm=0)
    assert back.word is Word.LOCAL
    assert leased(back, 20).word is Word.LOCAL
    assert leased(back, 3, OTHER).word is Word.REMOTE


def test_a_holder_that_fell_silent_acknowledges_the_fallback_with_its_old_claim(held: Block) -> None:
    lost = silent(held, 10)
    assert leased(lost, 1, CLAIM + 1, arm=0).word is Word.FALLBACK
    assert leased(lost, 1, CLAIM, arm=0).word is Word.LOCAL


def test_of_two_that_claim_the_first_is_heard_until_it_falls_silent() -> None:
    block = leased(silent(boot(LEASED), 4), 1)
    for _ in range(3):
        block = leased(leased(block, 1, OTHER), 1)
    assert (block.word, block.epoch) == (Word.REMOTE, CLAIM)
    mute = silent(leased(silent(boot(LEASED), 4), 1), 10)
    assert leased(mute, 3, OTHER).epoch == OTHER


def test_a_claim_waits_for_the_permit_of_the_people_at_the_plant(held: Block) -> None:
    assert leased(silent(boot(LEASED), 4), 9, permitted=False).word is Word.LOCAL
    assert leased(held, 1, permitted=False).word is Word.LOCAL


def test_no_claim_is_heard_while_the_plc_is_starting() -> None:
    assert leased(boot(LEASED), 3).bidder == 0
    assert leased(boot(LEASED), 3).word is Word.STARTING


def test_a_warm_start_keeps_the_epoch_so_that_the_old_holder_stays_out(held: Block) -> None:
    block = leased(boot(LEASED, held), 30, sp=2.4)
    assert (block.word, block.epoch, block.accepted[SP]) == (Word.LOCAL, CLAIM, 2.0)


@pytest.mark.parametrize("claim", [0, -1, 2**32, 0.5, nan, inf, "70000", None, True])
def test_a_claim_that_is_no_number_of_32_bits_is_none(claim: object) -> None:
    block = silent(boot(LEASED), 4)
    for _ in range(9):
        block = scan(block, Asked(beat=block.echo + 1, arm=1, claim=claim), LEASED, permitted=True, dt=DT)
    assert (block.word, block.bidder) == (Word.LOCAL, 0)


def test_levels_count_round() -> None:
    old = silent(boot(LEASED), 4)._replace(epoch=(2**16 - 1) * 2**16 + 5)
    assert leased(old, 3, CLAIM).word is Word.REMOTE
    assert leased(old._replace(epoch=CLAIM), 3, (2**16 - 1) * 2**16 + 5).word is Word.LOCAL


def test_a_plc_with_a_safe_value_goes_there_when_the_heartbeat_is_lost_and_only_then(held: Block) -> None:
    rules = replace(LEASED, limits={SP: replace(LEASED.limits[SP], fallback=1.5)})
    block = leased(held, 1, sp=2.4)
    for _ in range(10):
        block = scan(block, Asked(beat=block.echo), rules, permitted=True, dt=DT)
    assert (block.word, block.accepted[SP]) == (Word.FALLBACK, 1.5)
    turned = scan(block, Asked(beat=block.echo, local={SP: 1.8}), rules, permitted=True, dt=DT)
    assert turned.accepted[SP] == 1.8


def test_people_at_the_plant_set_what_is_not_remote_within_the_clamp(remote: Block) -> None:
    assert run(remote, 1, Asked(beat=remote.echo + 1, arm=1, local={SP: 2.4})).accepted[SP] == 2.0
    local = run(boot(RULES), 4)
    assert run(local, 1, Asked(local={SP: 9.0})).accepted[SP] == 3.0
    assert run(local, 1, Asked(local={SP: nan})).accepted[SP] == 2.0
