"""Operators take loops of the simulated PLCs: MAN, AUTO and CAS, without a bump."""

import pytest

from hil.plc.line import SimulatedLine
from hil.plc.lines import blueprint, names
from hil.plc.stations import LoopMode, Station, mode_tag
from policies import load, shipped

MAN, AUTO, CAS = LoopMode.MAN, LoopMode.AUTO, LoopMode.CAS
LOOPS = [(name, setpoint) for name in names() for setpoint in blueprint(name).stations]


def standing(name: str) -> SimulatedLine:
    """A line without noise and mismatch, its PLCs just started."""
    line = blueprint(name).simulate(load(shipped(name)), 1, mismatch=0.0, noise=0.0)
    line.advance(60.0)
    return line


def shown(line: SimulatedLine, tag: str) -> float:
    return float(line.image().values[tag])


def led(line: SimulatedLine, plc: str, seconds: float, **setpoints: float) -> None:
    """Let a controller beat, ask for remote setpoints and write some of its own."""
    words = line.plcs[plc].words
    for _ in range(round(seconds)):
        line.write(words.heartbeat, line.plcs[plc].block.echo + 1)
        line.write(words.arm, 1)
        if words.claim is not None:
            line.write(words.claim, 65_537)
        for tag, value in setpoints.items():
            line.write(tag.replace("__", "."), value)
        line.advance(1.0)


def station(name: str, setpoint: str) -> Station:
    return blueprint(name).stations[setpoint]


@pytest.mark.parametrize(("name", "setpoint"), LOOPS)
def test_every_loop_shows_its_mode_in_a_tag_of_the_shipped_policy(name: str, setpoint: str) -> None:
    tag = load(shipped(name)).tags[mode_tag(setpoint)]
    assert (tag.unit, tag.range) == ("1", (0.0, 2.0))
    assert tag.connection == load(shipped(name)).tags[station(name, setpoint).value].connection


@pytest.mark.parametrize(("name", "setpoint"), LOOPS)
def test_a_loop_goes_to_man_and_back_without_a_bump(name: str, setpoint: str) -> None:
    line, pv = standing(name), station(name, setpoint).value
    before = shown(line, pv)
    line.order(setpoint, MAN)
    line.advance(120.0)
    by_hand = shown(line, pv)
    line.order(setpoint, AUTO)
    line.advance(120.0)
    assert shown(line, mode_tag(setpoint)) == AUTO
    assert by_hand == pytest.approx(before, rel=0.06)
    assert shown(line, pv) == pytest.approx(by_hand, rel=0.06)


@pytest.mark.parametrize(("name", "setpoint"), LOOPS)
def test_in_man_the_measurement_follows_the_output_and_the_setpoint_the_measurement(name: str, setpoint: str) -> None:
    line, its = standing(name), station(name, setpoint)
    before, output = shown(line, its.value), shown(line, its.output or its.value)
    line.order(setpoint, MAN, 0.9 * output)
    line.advance(600.0)
    assert shown(line, mode_tag(setpoint)) == MAN
    assert shown(line, its.value) < 0.97 * before
    assert line.setpoint(setpoint) == pytest.approx(its.measured(line.image().values), rel=0.02)


def test_a_supervisory_setpoint_is_taken_in_cas_only() -> None:
    line = standing("B")
    led(line, "dryer", 10.0)
    assert shown(line, "DRY.TIN_MODE") == CAS
    led(line, "dryer", 10.0, DRY__TIN_SP=54.0, MIL__N_SP=950.0)
    assert (line.setpoint("DRY.TIN_SP"), line.setpoint("MIL.N_SP")) == (54.0, 950.0)
    line.order("DRY.TIN_SP", AUTO)
    led(line, "dryer", 10.0, DRY__TIN_SP=56.0, MIL__N_SP=960.0)
    assert (shown(line, "DRY.TIN_ACT"), shown(line, "MIL.N_ACT")) == (54.0, 960.0)
    line.turn("DRY.TIN_SP", 50.0)
    led(line, "dryer", 10.0, DRY__TIN_SP=56.0)
    assert shown(line, "DRY.TIN_ACT") == 50.0
    line.order("DRY.TIN_SP", CAS)
    led(line, "dryer", 10.0, DRY__TIN_SP=56.0)
    assert shown(line, "DRY.TIN_ACT") == 56.0


def test_what_was_written_in_auto_is_not_taken_later() -> None:
    line = standing("C")
    led(line, "reactors", 10.0)
    line.order("R1.T_SP", AUTO)
    led(line, "reactors", 3.0, R1__T_SP=65.0)
    line.order("R1.T_SP", CAS)
    led(line, "reactors", 5.0)
    assert shown(line, "R1.T_ACT") == 60.0


def test_a_local_setpoint_is_clamped_and_ramps_like_a_remote_one() -> None:
    line = standing("C")
    line.order("R1.T_SP", AUTO)
    line.turn("R1.T_SP", 200.0)
    line.advance(5.0)
    assert line.plcs["reactors"].block.accepted["R1.T_SP"] == 85.0
    assert line.setpoints["R1.T_SP"] == pytest.approx(61.0)


def test_a_loop_in_cas_drops_to_auto_when_the_watchdog_trips() -> None:
    line = standing("D")
    led(line, "loop", 10.0, LOOP__T_SP=81.0)
    assert shown(line, "LOOP.T_MODE") == CAS
    line.advance(60.0)
    assert (shown(line, "LOOP.T_MODE"), line.setpoint("LOOP.T_SP")) == (AUTO, 81.0)


def test_a_loop_that_no_controller_reaches_cannot_be_in_cas() -> None:
    with pytest.raises(ValueError, match="wanted MAN or AUTO"):
        standing("E").order("MIL.N_SP", CAS)


def test_a_cold_start_puts_loops_back_in_the_mode_of_their_program_and_a_warm_one_does_not() -> None:
    line = standing("A")
    line.order("FDR_API.F_SP", MAN, 60.0)
    line.restart("feeders", cold=False)
    line.advance(5.0)
    assert shown(line, "FDR_API.F_MODE") == MAN
    line.restart("feeders", cold=True)
    line.advance(5.0)
    assert shown(line, "FDR_API.F_MODE") == AUTO
