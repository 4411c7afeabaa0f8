"""A simulated line on which things go wrong beside the plant: PLCs, actuators, instruments."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping
from dataclasses import replace
from math import inf

import numpy as np

from hil.faults.course import Course, Handled, Turn
from hil.faults.sensors import Deceits, Shown, scalar
from hil.faults.tables import PLCS, SENSORS, STAMPS
from hil.plants.faults import CATALOGUE, Fault, intensity, of_plant
from hil.plants.noise import Mismatch
from hil.plc.guard import Limits, Rules, Word
from hil.plc.line import Image, SimulatedLine
from hil.plc.lines import blueprint
from hil.plc.scans import SCAN_S
from hil.plc.stations import LoopMode
from plant_io.quality import Quality
from policies import Policy

_RIVAL, _BEATS = 65_543.0, 65_536


def simulate(policy: Policy, seed: int, course: Course, mismatch: Mismatch = 1.0) -> SimulatedLine:
    """Return the line of a policy with everything that will happen on it.

    Parameters
    ----------
    policy
        The policy that names line and tags.
    seed
        Seed of noise, disturbances and of the true parameters.
    course
        What happens on it.
    mismatch
        Spread of the true parameters, 1 as specified, or ``hard``: each two standard deviations off [1].

    Raises
    ------
    ValueError
        If a fault or a setting does not suit the line.
    """
    drawn = blueprint(policy.line)
    rules, scans = dict(drawn.rules), dict(drawn.scans)
    for name, setup in course.setups.items():
        rules[name] = _set_up(rules[name], setup.watchdog_s, setup.start)
        scans |= {} if setup.scan_s is None else {name: setup.scan_s}
    start = {tag: value for setup in course.setups.values() for tag, value in setup.start.items()}
    local = {tag: start.get(tag, value) for tag, value in drawn.local.items()}
    plant = [fault for fault in course.faults if of_plant(fault.id)]
    line = replace(drawn, rules=rules, scans=scans, local=local).simulate(policy, seed, plant, mismatch)
    for name, setup in course.setups.items():
        line.permit(name, allowed=setup.permitted)
    if course.eventful:
        line.suffer(Struck(policy, course))
    return line


def _set_up(rules: Rules, watchdog_s: float | None, start: Mapping[str, float]) -> Rules:
    limits = {tag: replace(limit, start=start.get(tag, limit.start)) for tag, limit in rules.limits.items()}
    return replace(rules, limits=limits, watchdog_s=rules.watchdog_s if watchdog_s is None else watchdog_s)


class Struck:
    """Everything that goes wrong on a line beside its unit operations, and everything people turn.

    Parameters
    ----------
    policy
        The policy that names the tags.
    course
        What happens.
    """

    def __init__(self, policy: Policy, course: Course) -> None:
        self._policy, self._faults = policy, tuple(course.faults)
        kinds = SENSORS.keys() | STAMPS.keys()
        echoes = [_stuck_echo(policy, fault) for fault in course.faults if fault.id == "plc_echo"]
        self._deceits = Deceits([*(f for f in course.faults if f.id in kinds), *echoes], policy.tags)
        self._plcs = [fault for fault in course.faults if fault.id in PLCS]
        self._turns = [(turn, turn.sequence()) for turn in course.turns]
        self._turned: dict[int, float] = {}
        self._handled = sorted(course.handled, key=lambda each: each.at_s)
        self._base: dict[str, Rules] = {}
        self._held: dict[str, float] = {}
        self._active: set[int] = set()
        self._clear_s: dict[int, float] = {}
        self._around: dict[str, float] = {}
        self._time = 0.0
        self.frozen: Collection[str] = ()
        """Connections whose PLC does not look at its instruments."""

    def before(self, line: SimulatedLine) -> None:
        """Act on the PLCs before they scan."""
        self._time = line.plant.time
        while self._handled and self._handled[0].at_s <= self._time:
            handle(self._handled.pop(0), line)
        for i, (turn, sequence) in enumerate(self._turns):
            self._turn(i, turn, turn.offset(self._time, sequence), line)
        for i, fault in enumerate(self._plcs):
            grown = intensity(fault, self._time)
            begins = grown > 0.0 and i not in self._active
            ends = grown <= 0.0 and i in self._active
            (self._active.add if grown > 0.0 else self._active.discard)(i)
            if begins or ends:
                self._change(fault, line, begins=begins)
            if fault.id == "plc_overrun" and grown > 0.0 and self._time >= self._clear_s.get(i, 0.0):
                line.overrun(fault.target, _full(fault) * grown)
                self._clear_s[i] = self._time + _full(fault) * grown + SCAN_S
            if fault.id == "rival" and grown > 0.0 and self._time % 1.0:
                self._compete(line, fault.target)
        self._bind(line)

    def felt(self, setpoints: dict[str, float]) -> Mapping[str, float]:
        """Return what the actuators make of setpoints.

        Parameters
        ----------
        setpoints
            Setpoints by tag, each in its unit.
        """
        for fault in self._plcs:
            if fault.id == "sp_sticky" and fault.target in setpoints:
                wanted = setpoints[fault.target]
                held = self._held.get(fault.target, wanted)
                band = self._full_of_range(fault) * intensity(fault, self._time)
                self._held[fault.target] = wanted if abs(wanted - held) > band or band == 0.0 else held
        return {**setpoints, **self._held} if self._held else setpoints

    def after(self, image: Image, sampled: Container[str] = ()) -> None:
        """Look at what would be shown after a step, its times being plant time; `sampled` tags hold their readings."""

        def sound(tag: str) -> Shown:
            value = np.atleast_1d(np.asarray(image.values[tag], np.float64))
            return Shown(value, image.taken[tag], image.quality.get(tag, Quality.GOOD))

        self._time = image.at
        self._deceits.look(image.at, sound, sampled)

    def shown(self, image: Image) -> Image:
        """Return what is shown instead."""
        epoch = image.at - self._time
        values, taken, quality = dict(image.values), dict(image.taken), dict(image.quality)
        for tag, seen in self._deceits.shown.items():
            values[tag], taken[tag], quality[tag] = scalar(seen.value), epoch + seen.taken, seen.quality
        for connection, ahead_s in self._ahead().items():
            taken |= {t: taken[t] + ahead_s for t, tag in self._policy.tags.items() if tag.connection == connection}
        return Image(image.at, values, taken, quality)

    def columns(self, time: float) -> Mapping[str, float]:
        """Return how far each fault is developed at a plant `time` [s], by name of its column of truth [1]."""
        found: dict[str, float] = {}
        for fault in self._faults:
            found[column(fault)] = max(found.get(column(fault), -inf), intensity(fault, time))
        return found

    def _ahead(self) -> dict[str, float]:
        """Return by how much clocks of PLCs are ahead, by connection [s]."""
        off = [fault for fault in self._plcs if fault.id == "plc_clock"]
        return {fault.target: _full(fault) * intensity(fault, self._time) for fault in off}

    def _turn(self, number: int, turn: Turn, offset: float, line: SimulatedLine) -> None:
        before = self._turned.get(number, 0.0)
        if offset != before:
            line.turn(turn.name, line.setpoint(turn.name) + offset - before)
            self._turned[number] = offset

    def _change(self, fault: Fault, line: SimulatedLine, *, begins: bool) -> None:
        """Let a fault begin or end."""
        plc = line.plcs.get(fault.target)
        match fault.id:
            case "plc_local":
                line.permit(fault.target, allowed=not begins)
            case "plc_watchdog" if begins and plc is not None and plc.block.word is Word.REMOTE:
                owed = plc.rules.beats
                plc.block = plc.block._replace(word=Word.FALLBACK, rearmed=False, owed=owed)
            case "plc_cold" | "plc_warm" if begins:
                line.restart(fault.target, cold=fault.id == "plc_cold")
            case "plc_frozen":
                others = set(self.frozen) - {fault.target}
                self.frozen = others | {fault.target} if begins else others
            case "sp_clamped" if begins:
                self._around[fault.target] = line.setpoint(fault.target)
            case _:
                return

    def _compete(self, line: SimulatedLine, name: str) -> None:
        """Write to a PLC as a second controller does that knows nothing of the first, half a second after it."""
        plc = line.plcs[name]
        if plc.words.claim is not None:
            line.write(plc.words.claim, _RIVAL)
        for tag, limit in plc.rules.limits.items():
            line.write(tag, limit.high)
        line.write(plc.words.arm, 1.0)
        line.write(plc.words.heartbeat, float(int(self._time) % _BEATS))

    def _bind(self, line: SimulatedLine) -> None:
        """Let setpoints of the PLCs be ignored, clamped or slow."""
        active = [f for i, f in enumerate(self._plcs) if i in self._active and f.id.startswith("sp_")]
        for name, plc in line.plcs.items():
            base = self._base.setdefault(name, plc.rules)
            mine = [fault for fault in active if fault.target in base.limits]
            changed = {f.target: self._bound(f, base.limits[f.target]) for f in mine if f.id != "sp_ignored"}
            plc.rules = replace(base, limits={**base.limits, **changed}) if changed else base
            for fault in mine:
                if fault.id == "sp_ignored":
                    plc.forget(fault.target)

    def _bound(self, fault: Fault, limit: Limits) -> Limits:
        if fault.id == "sp_slow":
            return replace(limit, rate=limit.rate * (1.0 + (_full(fault) - 1.0) * intensity(fault, self._time)))
        if fault.id != "sp_clamped":
            return limit
        reach, middle = self._full_of_range(fault), self._around[fault.target]
        return replace(limit, low=max(limit.low, middle - reach), high=min(limit.high, middle + reach))

    def _full_of_range(self, fault: Fault) -> float:
        """Return the magnitude of a fault, in the unit of its tag; the catalogue's counts widths of the tag's range."""
        if fault.magnitude is not None:
            return fault.magnitude
        tag = self._policy.tags.get(fault.target)
        return inf if tag is None else CATALOGUE[fault.id].magnitude * (tag.range[1] - tag.range[0])


def column(fault: Fault) -> str:
    """Return the name of the column of truth that tells how far a fault is developed.

    Examples
    --------
    >>> column(Fault("F04", "FDR_API", 900.0))
    'fault.F04.FDR_API'
    """
    return f"fault.{fault.id}.{fault.target}"


def handle(handled: Handled, line: SimulatedLine) -> None:
    """Let an operator act at the station of a loop.

    Raises
    ------
    KeyError
        If the line has no such loop or value.
    ValueError
        If the loop cannot be in that mode.
    """
    if handled.mode:
        line.order(handled.name, LoopMode[handled.mode], handled.output)
    if handled.setpoint is not None:
        line.turn(handled.name, handled.setpoint)


def _full(fault: Fault) -> float:
    return CATALOGUE[fault.id].magnitude if fault.magnitude is None else fault.magnitude


def _stuck_echo(policy: Policy, fault: Fault) -> Fault:
    """Return the stuck echo of a heartbeat as the reading that is stuck."""
    words = policy.connections[fault.target].handshake
    echo = None if words is None else policy.tags[words.heartbeat].read_back
    if echo is None:
        raise ValueError(f"connections.{fault.target}: the heartbeat has no echo that could be stuck")
    return replace(fault, id="stuck", target=echo, magnitude=1.0)
