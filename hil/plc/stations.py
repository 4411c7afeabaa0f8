"""What operators do at the loops of PLCs: a mode for each loop, a setpoint or an output of their own.

A loop is in MAN, AUTO or CAS, as IEC 61804-2 calls these modes. In MAN the output is set by hand and the setpoint
tracks the measurement, in AUTO the setpoint is that of the people at the plant, and in CAS that of the supervisory
controller. A loop that shall be in CAS but whose PLC is not remote is in AUTO on its last setpoint.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum
from math import isfinite
from typing import NamedTuple, Protocol, runtime_checkable

from hil.plc.guard import Block, Limits, Word
from plant_io.signals import Floats


class LoopMode(IntEnum):
    """Mode of a loop of a PLC, as its tag shows it."""

    MAN = 0
    """The output is set by hand, the setpoint tracks the measurement."""
    AUTO = 1
    """The setpoint is that of the people at the plant."""
    CAS = 2
    """The setpoint is that of the supervisory controller."""


@dataclass(frozen=True, slots=True)
class Station:
    """A loop of a PLC as its operators see it; its setpoint names it."""

    value: str
    """Tag of what is measured."""
    output: str = ""
    """Tag in whose unit its output is set by hand; that of `value` if empty, where loop and actuator are one lag."""
    per: tuple[str, ...] = ()
    """Tags over whose sum `value` is held, where the loop holds a ratio."""
    times: float = 1.0
    """Setpoint over `value`, or over the ratio [unit of the setpoint per unit of the measurement or of the ratio]."""
    si: float = 1.0
    """Output of the plant's own loop over that of the tag [unit of the plant per unit of the tag]."""

    def measured(self, tags: Mapping[str, float | Floats]) -> float | None:
        """Return what the setpoint of the loop would have to be for no error, in its unit; None where nothing flows.

        Parameters
        ----------
        tags
            What the PLC sees, by tag, each in its unit.
        """
        return self.asked(_number(tags.get(self.value)), tags)

    def asked(self, value: float, tags: Mapping[str, float | Floats]) -> float | None:
        """Return the setpoint that asks for a measurement, in its unit; None where nothing flows.

        Parameters
        ----------
        value
            The measurement, in the unit of its tag.
        tags
            What the PLC sees, by tag, each in its unit.
        """
        base = sum(_number(tags.get(tag)) for tag in self.per) if self.per else 1.0
        return self.times * value / base if base > 0.0 else None


class Own(NamedTuple):
    """A setpoint that is not the supervisory controller's."""

    value: float
    """It, in its unit."""
    tracks: bool
    """Whether it follows the measurement, and needs no ramp."""


@dataclass(slots=True)
class Hand:
    """The hand of the operator on one loop."""

    target: LoopMode
    """Mode the operator wants."""
    setpoint: float
    """Setpoint in AUTO, and in MAN that which tracks, in its unit."""
    output: float = 0.0
    """Output in MAN, in the unit of the station's output."""


@runtime_checkable
class ByHand(Protocol):
    """A loop inside a truth plant whose output can be set by hand."""

    manual: float | None
    """Output set by hand, in the unit of the plant; None where the loop sets it."""

    @property
    def output(self) -> float:
        """Return the output now, in the unit of the plant."""
        ...


class Stations:
    """The stations of all loops of one line.

    Parameters
    ----------
    stations
        Stations by setpoint.
    plcs
        PLC that takes each remote setpoint, by setpoint; one that is not named is only ever set by people.
    inner
        Loops inside the plant by setpoint, where the plant has them.
    start
        Setpoints at the start by name, each in its unit.
    """

    __slots__ = ("_hands", "_inner", "_plcs", "_shown", "_start", "_stations", "_tags", "_words", "busy")

    def __init__(
        self,
        stations: Mapping[str, Station],
        plcs: Mapping[str, str],
        inner: Mapping[str, ByHand],
        start: Mapping[str, float],
    ) -> None:
        self._stations, self._plcs, self._inner = dict(stations), dict(plcs), dict(inner)
        self._start = dict(start)
        self._hands = {name: self._fresh(name) for name in stations}
        self._tags: Mapping[str, float | Floats] = {}
        self._words: Mapping[str, Word] | None = None
        self._shown: dict[str, float] = {}
        self.busy = False
        """Whether an operator has touched any of them."""

    def order(self, name: str, mode: LoopMode, now: float, output: float | None = None) -> None:
        """Put a loop in a mode; without an output given it stays where it is, so that MAN begins without a bump.

        Parameters
        ----------
        name
            Setpoint of the loop.
        mode
            Mode wanted.
        now
            Setpoint in force, in its unit.
        output
            Output by hand, in the unit of the station's output; only in MAN.

        Raises
        ------
        KeyError
            If there is no such loop.
        ValueError
            If CAS is wanted of a loop that no supervisory controller reaches.
        """
        hand, inner = self._hands[name], self._inner.get(name)
        if mode is LoopMode.CAS and name not in self._plcs:
            raise ValueError(f"{name}: no supervisory setpoint reaches this loop, wanted MAN or AUTO")
        self.busy, self._words = True, None
        if hand.target is not LoopMode.MAN:
            hand.setpoint = now
        if mode is LoopMode.MAN and output is not None:
            hand.output = output
        elif mode is LoopMode.MAN and hand.target is not LoopMode.MAN:
            hand.output = self._found(name, now) if inner is None else inner.output / self._stations[name].si
        hand.target = mode
        if inner is not None:
            inner.manual = hand.output * self._stations[name].si if mode is LoopMode.MAN else None

    def turn(self, name: str, value: float) -> bool:
        """Let people set the setpoint of a loop, and return whether it is theirs; one in MAN tracks and stays.

        Parameters
        ----------
        name
            The setpoint.
        value
            Its value, in its unit.
        """
        hand = self._hands.get(name)
        if hand is None or hand.target is LoopMode.CAS:
            return False
        if hand.target is LoopMode.AUTO:
            self.busy, hand.setpoint = True, value
        return True

    def setpoint(self, name: str) -> float | None:
        """Return the setpoint of a loop that is in the hands of people, in its unit; None of any other.

        Parameters
        ----------
        name
            The setpoint.
        """
        hand = self._hands.get(name)
        return None if hand is None or hand.target is LoopMode.CAS or not self.busy else hand.setpoint

    def look(self, tags: Mapping[str, float | Floats], late: Collection[str]) -> None:
        """Let the setpoints of loops in MAN track what is measured.

        Parameters
        ----------
        tags
            What the PLCs see, by tag, each in its unit.
        late
            PLCs that do not scan.
        """
        self._tags = tags
        if not self.busy:
            return
        for name, hand in self._hands.items():
            if hand.target is LoopMode.MAN and self._plcs.get(name, "") not in late:
                seen = self._stations[name].measured(tags)
                hand.setpoint = hand.setpoint if seen is None or not isfinite(seen) else seen

    def own(self, plc: str) -> dict[str, Own]:
        """Return the setpoints of a PLC that are not the supervisory controller's, by setpoint; "" for people's."""
        return {
            name: Own(hand.setpoint, hand.target is LoopMode.MAN)
            for name, hand in self._hands.items()
            if hand.target is not LoopMode.CAS and self._plcs.get(name, "") == plc
        }

    def felt(self, setpoints: dict[str, float]) -> dict[str, float]:
        """Return what the plant gets: of loops in MAN whose actuator follows like a lag the output set by hand.

        Parameters
        ----------
        setpoints
            Setpoints in force by name, each in its unit.
        """
        if not self.busy:
            return setpoints
        forced: dict[str, float] = {}
        for name, hand in self._hands.items():
            if hand.target is LoopMode.MAN and name not in self._inner:
                asked = self._stations[name].asked(hand.output, self._tags)
                forced[name] = setpoints[name] if asked is None else asked
        return {**setpoints, **forced} if forced else setpoints

    def forget(self, plc: str) -> None:
        """Let a PLC start without retained data: its loops are in the mode of their program."""
        for name, inner in self._inner.items():
            if self._plcs.get(name, "") == plc:
                inner.manual = None
        self._words = None
        self._hands |= {name: self._fresh(name) for name in self._stations if self._plcs.get(name, "") == plc}

    def shown(self, words: Mapping[str, Word]) -> dict[str, float]:
        """Return the mode of each loop as its tag shows it [1]; `words` are those of the PLCs."""
        if words != self._words:
            self._words = words
            self._shown = {mode_tag(name): float(self._actual(name, words)) for name in self._hands}
        return self._shown

    def _actual(self, name: str, words: Mapping[str, Word]) -> LoopMode:
        target, remote = self._hands[name].target, words.get(self._plcs.get(name, "")) is Word.REMOTE
        return target if remote else min(target, LoopMode.AUTO)

    def _fresh(self, name: str) -> Hand:
        return Hand(LoopMode.CAS if name in self._plcs else LoopMode.AUTO, self._start[name])

    def _found(self, name: str, now: float) -> float:
        """Return what a loop that is one lag with its actuator asks of it, in the unit of the measurement."""
        one = self._stations[name].asked(1.0, self._tags)
        return now if one is None else now / one


def mode_tag(setpoint: str) -> str:
    """Return the tag that shows the mode of a loop.

    Examples
    --------
    >>> mode_tag("DRY.TIN_SP")
    'DRY.TIN_MODE'
    """
    return f"{setpoint.removesuffix('_SP')}_MODE"


def kept(before: Block, block: Block, own: Mapping[str, Own], limits: Mapping[str, Limits], dt: float) -> Block:
    """Return a block whose setpoints of loops in AUTO and MAN are those of the people at the plant.

    Parameters
    ----------
    before
        The block before the scan.
    block
        The block after it.
    own
        Setpoints that are not the supervisory controller's.
    limits
        What each setpoint may be.
    dt
        Plant time since the scan before [s].
    """
    accepted, in_force = dict(block.accepted), dict(block.in_force)
    for name, (value, tracks) in own.items():
        limit, was = limits[name], before.in_force[name]
        accepted[name] = min(max(value, limit.low), limit.high)
        reach = limit.rate * dt
        in_force[name] = accepted[name] if tracks else min(max(accepted[name], was - reach), was + reach)
    return block._replace(accepted=accepted, in_force=in_force)


def _number(value: float | Floats | None) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
