"""The guard block the docs give to PLC programmers, executed, does what the simulated PLC does, scan by scan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structured_text import Instance, compiled

from hil.plc.guard import Asked, Block, Limits, Rules, Word, boot, scan
from hil.plc.line_a import LINE

FOLDER = Path(__file__).parents[1] / "docs" / "plc"
BLOCKS = compiled((FOLDER / "guard.st").read_text() + (FOLDER / "feeders.st").read_text())
LIMITS = {"A": Limits(1.0, 3.0, 0.05, 2.0), "B": Limits(10.0, 26.0, 0.3, 17.8, fallback=12.0)}
SCANS = 1500


@dataclass
class Scan:
    """What one scan finds."""

    beat: int
    arm: int
    claim: int
    written: dict[str, float]
    local: dict[str, float]
    permitted: bool
    restart: str = ""


def drawn(seed: int, scans: int, dt: float) -> Iterator[Scan]:
    """Two controllers that come and go, people, nonsense, and starts; seldom enough for every state to last."""
    rng = np.random.default_rng(seed)
    beats, claims, speaking, permitted = [0, 0], [0, 0], [True, False], True
    beat = arm = 0
    for _ in range(scans):
        claim, written = 0, dict[str, float]()
        for i in rng.permutation(2).tolist():
            if rng.random() < 0.02 * dt / 0.5:
                speaking[i] = not speaking[i]
            if not speaking[i] or rng.random() < 0.4:
                continue
            if claims[i] == 0 or rng.random() < 0.02:
                claims[i] = ((max(claims) >> 16) + 1) % 65536 * 65536 + i + 1
            beats[i] = (beats[i] + 1) % 65536
            beat, claim = beats[i], claims[i]
            arm = int(rng.choice([1, 0, 7], p=[0.97, 0.02, 0.01]))
            low, high = rng.uniform(0.0, 4.0), rng.uniform(8.0, 30.0)
            odd = float(rng.choice([nan, inf, -inf, 1e30, -0.0]))
            written = {"A": odd if rng.random() < 0.1 else low, "B": odd if rng.random() < 0.1 else high}
        if rng.random() < 0.05:
            written = {"A": rng.uniform(0.0, 4.0)}
        local = {"B": nan if rng.random() < 0.2 else rng.uniform(8.0, 30.0)} if rng.random() < 0.05 else {}
        permitted = permitted is (rng.random() > 0.01) or (not permitted and rng.random() < 0.2)
        restart = str(rng.choice(["", "warm", "cold"], p=[0.996, 0.002, 0.002]))
        yield Scan(beat, arm, claim, written, local, permitted, restart)
        if restart:
            beat = arm = 0


class Program:
    """The Structured Text, with two setpoints, as a PLC runs it."""

    def __init__(self, rules: Rules, width: Any) -> None:
        self.guard = Instance(BLOCKS["SUP_GUARD"], BLOCKS, width)
        self.setpoints = {tag: Instance(BLOCKS["SUP_SETPOINT"], BLOCKS, width) for tag in LIMITS}
        self._rules = rules
        self._registers = dict.fromkeys(LIMITS, 0.0)

    def start(self, *, cold: bool) -> None:
        for each in (self.guard, *self.setpoints.values()):
            each.start(cold=cold)

    def scan(self, found: Scan, dt: float) -> None:
        guard = self.guard
        given = {"PERMIT": found.permitted, "LEASED": self._rules.leased, "DT": dt}
        words = {"BEAT": found.beat, "ARM": found.arm, "CLAIM": found.claim}
        guard.call({**given, **words}, dict.fromkeys(words, ""))
        for tag, each in self.setpoints.items():
            limit = LIMITS[tag]
            safe = {} if limit.fallback is None else {"FALLS": True, "SAFE": limit.fallback}
            flags = {"TAKE": guard.get("TAKE"), "LOST": guard.get("LOST"), "REMOTE": guard.get("STATE") == 1, "DT": dt}
            fixed = {"LOW": limit.low, "HIGH": limit.high, "RATE": limit.rate, "START": limit.start}
            words = {
                "SP": found.written.get(tag, self._registers[tag]),
                "LOCAL_SP": found.local.get(tag, self._registers[tag]),
                "ENTER": tag in found.local,
            }
            each.call({**flags, **fixed, **safe, **words}, dict.fromkeys(words, ""))
            self._registers[tag] = each.get("SP")

    @property
    def words(self) -> tuple[int, ...]:
        return tuple(self.guard.get(name) for name in ("STATE", "SCAN", "ECHO", "EPOCH", "BIDDER", "OWED"))

    def values(self, name: str) -> dict[str, float]:
        return {tag: float(each.get(name)) for tag, each in self.setpoints.items()}


def simulated(block: Block, found: Scan, rules: Rules, dt: float) -> Block:
    asked = Asked(found.beat, found.arm, found.written, found.claim, found.local)
    return scan(block, asked, rules, permitted=found.permitted, dt=dt)


def words(block: Block) -> tuple[int, ...]:
    return (block.word, block.scan, block.echo, block.epoch, block.bidder, block.owed)


@pytest.mark.parametrize("leased", [True, False], ids=["leased", "not leased"])
@pytest.mark.parametrize("seed", range(3))
def test_the_text_and_the_simulated_plc_agree_in_every_scan(seed: int, *, leased: bool) -> None:
    rules, dt = Rules(LIMITS, leased=leased), 0.5
    block, program, seen = boot(rules), Program(rules, np.float64), Counter[object]()
    for found in drawn(seed, SCANS, dt):
        if found.restart:
            block = boot(rules, block if found.restart == "warm" else None)
            program.start(cold=found.restart == "cold")
        before = block
        block = simulated(block, found, rules, dt)
        program.scan(found, dt)
        assert program.words == words(block)
        assert program.values("ACCEPTED") == dict(block.accepted)
        assert program.values("IN_FORCE") == dict(block.in_force)
        seen.update([block.word, "moved" if block.word is Word.REMOTE and block.accepted != before.accepted else ""])
        seen.update([("from", before.word, block.word)])
    assert all(seen[word] > 10 for word in Word)
    assert seen["moved"] > 50
    assert all(seen["from", Word.REMOTE, word] > 0 for word in (Word.LOCAL, Word.FALLBACK))


@pytest.mark.parametrize("dt", [0.5, 0.125])
def test_in_single_precision_it_does_the_same_within_its_rounding(dt: float) -> None:
    rules = Rules(LIMITS, leased=True)
    block, program = boot(rules), Program(rules, np.float32)
    for found in drawn(9, 1000, dt):
        block = simulated(block, found, rules, dt)
        program.scan(found, dt)
        assert program.words == words(block)
        assert program.values("ACCEPTED") == pytest.approx(dict(block.accepted), rel=1e-6)
        assert program.values("IN_FORCE") == pytest.approx(dict(block.in_force), rel=1e-5)
    assert block.epoch > 0


@pytest.mark.parametrize("dt", [0.1, 0.02, 0.005])
def test_in_single_precision_the_watchdog_is_right_within_one_percent_or_one_scan(dt: float) -> None:
    rules = Rules(LIMITS, leased=True)
    program = Program(rules, np.float32)
    for beat in range(1, 12):
        program.scan(Scan(beat, 1, 65537, {}, {}, permitted=True), dt)
    assert program.words[0] == Word.REMOTE
    silent = 0
    while program.words[0] == Word.REMOTE:
        program.scan(Scan(11, 1, 0, {}, {}, permitted=True), dt)
        silent += 1
    assert abs(silent * dt - rules.watchdog_s) <= max(0.01 * rules.watchdog_s, 1.001 * dt)


@pytest.mark.parametrize("leased", [True, False], ids=["leased", "not leased"])
@pytest.mark.parametrize("dt", [0.0, -0.5, nan])
def test_a_guard_that_is_not_told_how_time_goes_by_takes_nothing(dt: float, *, leased: bool) -> None:
    program, beats = Program(Rules(LIMITS, leased=leased), np.float32), iter(range(1, 40))

    def arms(arm: int, dt: float, scans: int) -> list[int]:
        states = list[int]()
        for beat, _ in zip(beats, range(scans), strict=False):
            program.guard.call(
                {"PERMIT": True, "LEASED": leased, "DT": dt, "BEAT": beat, "ARM": arm, "CLAIM": 65537},
                dict.fromkeys(("BEAT", "ARM", "CLAIM"), ""),
            )
            states.append(program.words[0])
        return states

    assert Word.REMOTE not in arms(0, dt, 5) + arms(1, dt, 8)
    arms(0, 0.5, 1)
    assert arms(1, 0.5, 4)[-1] == Word.REMOTE
    assert arms(1, dt, 1) == [Word.FALLBACK]


def test_the_program_of_the_feeders_wires_the_blocks_as_the_simulated_feeder_plc_is() -> None:
    program = Instance(BLOCKS["FEEDERS"], BLOCKS, np.float64)
    rules = replace(LINE.rules["feeders"], leased=True)
    tags = dict(zip(("API", "EXC"), rules.limits, strict=True))
    block, moved = boot(rules), 0
    for found in drawn(5, 1500, 0.5):
        written = dict(zip(("API", "EXC"), found.written.values(), strict=False))
        for name, value in {"BEAT": found.beat, "ARM": found.arm, "CLAIM": found.claim}.items():
            program.set(name, value)
        program.set("PERMIT", found.permitted)
        for name, value in written.items():
            program.set(f"{name}_SP", value)
        program.call()
        asked = Asked(found.beat, found.arm, {tags[name]: value for name, value in written.items()}, found.claim)
        before, block = block, scan(block, asked, rules, permitted=found.permitted, dt=0.5)
        moved += before.accepted != block.accepted
        assert program.get("CLAIM") == 0
        assert program.get("GUARD").get("STATE") == block.word
        for name, tag in tags.items():
            assert program.get(name).get("ACCEPTED") == block.accepted[tag] == program.get(f"{name}_SP")
            assert program.get(name).get("IN_FORCE") == block.in_force[tag]
    assert moved > 50


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("B := A - 2;", OverflowError),
        ("B := 65536;", OverflowError),
        ("B := R;", TypeError),
        ("IF A THEN B := 1; END_IF;", TypeError),
        ("R := A + 1.0;", TypeError),
    ],
)
def test_what_plcs_do_differently_is_an_error_here(body: str, error: type[Exception]) -> None:
    text = f"PROGRAM P VAR A : UINT := 1; B : UINT; R : REAL; END_VAR {body} END_PROGRAM"
    with pytest.raises(error):
        Instance(compiled(text)["P"], {}, np.float64).call()


def test_the_interpreter_computes_as_the_standard_says() -> None:
    text = """PROGRAM P
    VAR N : UINT; R : REAL; B : BOOL; C : BOOL; END_VAR
    (* precedence: arithmetic, comparison, NOT, AND, OR *)
    N := 7 / 2 + 7 MOD 4 * 2;
    R := LIMIT(0.0, -1.5E0, 2.0) + MAX(1.0, 2.0) * MIN(3.0, 4.0);
    B := FALSE AND FALSE OR TRUE;
    C := NOT (N = 9) OR N > 100;
    END_PROGRAM"""
    program = Instance(compiled(text)["P"], {}, np.float64)
    program.call()
    assert [program.get(name) for name in "NRBC"] == [9, 6.0, True, False]
