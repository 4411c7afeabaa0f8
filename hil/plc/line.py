"""A truth plant and the PLCs in front of it, put together from the policy that names their tags."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import isclose
from operator import is_not
from types import MappingProxyType

from hil.plc.device import Plc, plain
from hil.plc.guard import Rules
from hil.plc.mischief import Mischief
from hil.plc.scans import SCAN_S, Loops, Seen, Turns, by_hand
from hil.plc.stations import LoopMode, Station, Stations
from hil.plc.truth_plant import TruthPlant
from plant_io.quality import Quality
from plant_io.signals import Floats
from plant_io.values import quick
from policies import Access, Policy

_QUALITY = {"uncertain": Quality.UNCERTAIN, "bad": Quality.BAD}


@quick
@dataclass(frozen=True, slots=True)
class Image:
    """What the PLCs of a line show at one instant."""

    at: float
    """The instant, POSIX time [s]."""
    values: Mapping[str, float | Floats]
    """Every tag, in the unit of the tag; an array has shape ``(length,)``."""
    taken: Mapping[str, float]
    """When each value was taken, or last changed, POSIX time [s]."""
    quality: Mapping[str, Quality] = field(default_factory=dict[str, Quality])
    """Quality of the tags that are not good."""


class SimulatedLine:
    """A truth plant behind its PLCs, as seen and written from outside.

    Parameters
    ----------
    policy
        The policy that names the tags.
    plant
        The truth plant; it is stepped by this object alone.
    rules
        What the program of each PLC fixes, by connection.
    local
        Setpoints that only people at the plant change, by tag, each in its unit.
    shown
        Tags that show such a setpoint, and the setpoint.
    scans
        Plant time of one scan by connection, whole multiples of `SCAN_S`, which it is if absent [s].
    stations
        Loops of the PLCs that have a mode, by setpoint.

    Raises
    ------
    ValueError
        If the policy names a tag the line does not have, or writes one nobody may write, or a scan is no whole number
        of steps.
    """

    def __init__(
        self,
        policy: Policy,
        plant: TruthPlant,
        rules: Mapping[str, Rules],
        local: Mapping[str, float],
        shown: Mapping[str, str],
        *,
        scans: Mapping[str, float] = MappingProxyType({}),
        stations: Mapping[str, Station] = MappingProxyType({}),
    ) -> None:
        self.plant = plant
        self.plcs = {name: Plc(policy, name, program) for name, program in rules.items()}
        self._owners = {tag: plc for plc in self.plcs.values() for tag in plc.registers}
        self._turns = {name: Turns(scans.get(name, SCAN_S)) for name in rules}
        self._seen = Seen(plant.tags, plant.taken, plant.quality)
        self._loops = Loops(plant, {name: tag.connection for name, tag in policy.tags.items()})
        self._policy, self._local, self._shown = policy, dict(local), dict(shown)
        self._lockstep, self._requested, self._done = policy.lockstep, 0.0, 0.0
        self._before: dict[str, float | Floats] = {}
        self._parts: Sequence[Mapping[str, float] | None] = (None,) * (len(rules) + 1)
        self._told: dict[str, float] = {}
        self._since: dict[str, float] = {}
        self._stamps, self._stamped_from = dict[str, float](), 0.0
        self._mischief: Mischief | None = None
        taken = {tag: name for name, program in rules.items() for tag in program.limits}
        self._stations = Stations(stations, taken, by_hand(plant, stations), self.setpoints)
        self._stations.look(self._seen.tags, ())
        self._check(policy)

    def suffer(self, mischief: Mischief) -> None:
        """Let something go wrong from now on."""
        self._mischief = mischief
        mischief.after(self._image(0.0), self._seen.taken)

    @property
    def wanted(self) -> bool:
        """Whether the controller asks for another period.

        Any request but the one last granted does, so that either side may be started anew.
        """
        return self._requested != self._done

    @property
    def setpoints(self) -> dict[str, float]:
        """Setpoints the plant gets now, by tag, each in its unit."""
        remote = {tag: value for plc in self.plcs.values() for tag, value in plc.block.in_force.items()}
        return self._local | remote

    def advance(self, seconds: float) -> None:
        """Let plant time go by in whole scans.

        Parameters
        ----------
        seconds
            How long, a whole multiple of a scan [s].

        Raises
        ------
        ValueError
            If `seconds` is no whole number of scans.
        """
        count = round(seconds / SCAN_S)
        if not isclose(count * SCAN_S, seconds, abs_tol=1e-6):
            raise ValueError(f"a simulated line advances by multiples of {SCAN_S} s, not by {seconds} s")
        for _ in range(count):
            if self._mischief is not None:
                self._mischief.before(self)
            now = self.plant.time
            late = {name for name, plc in self.plcs.items() if not self._turn(name, plc, now)}
            self._step(late)

    def _step(self, late: Collection[str]) -> None:
        """Let the plant take one step, and the PLCs look at it but for those that are `late`."""
        mischief, setpoints = self._mischief, self._stations.felt(self.setpoints)
        self._loops.run(late)
        self.plant.step(SCAN_S, setpoints if mischief is None else mischief.felt(setpoints))
        self._latch(late if mischief is None else {*late, *mischief.frozen})
        self._stations.look(self._seen.tags, late)
        self._local |= {name: own.value for name, own in self._stations.own("").items()} if self._stations.busy else {}
        if mischief is not None:
            mischief.after(self._image(0.0), self._seen.taken)

    def turn(self, name: str, value: float) -> None:
        """Let people at the plant change a setpoint; one that is remote, or of a loop in MAN, stays as it is.

        Parameters
        ----------
        name
            The setpoint.
        value
            Its value, in its unit.

        Raises
        ------
        KeyError
            If there is no such setpoint.
        """
        owner = next((plc for plc in self.plcs.values() if name in plc.rules.limits), None)
        if self._stations.turn(name, value):
            return
        if owner is not None:
            owner.turn(name, value)
        elif name in self._local:
            self._local[name] = value
        else:
            raise KeyError(name)

    def setpoint(self, name: str) -> float:
        """Return a setpoint as accepted, in its unit.

        Raises
        ------
        KeyError
            If there is no such setpoint.
        """
        own = self._stations.setpoint(name)
        if own is not None:
            return own
        owner = next((plc for plc in self.plcs.values() if name in plc.rules.limits), None)
        return self._local[name] if owner is None else owner.setpoint(name)

    def order(self, name: str, mode: LoopMode, output: float | None = None) -> None:
        """Let an operator put a loop in a mode.

        Parameters
        ----------
        name
            Setpoint of the loop.
        mode
            Mode wanted.
        output
            Output by hand, in the unit of the station's output; that found if None.

        Raises
        ------
        KeyError
            If there is no such loop.
        ValueError
            If the loop cannot be in that mode.
        """
        self._stations.order(name, mode, self.setpoints[name], output)

    def overrun(self, plc: str, seconds: float) -> None:
        """Let the scan a PLC is in take longer: until it ends its image ages and its counter stands.

        Parameters
        ----------
        plc
            Connection of the PLC.
        seconds
            By how much [s].
        """
        self._turns[plc].due_s += seconds

    def _turn(self, name: str, plc: Plc, now: float) -> bool:
        """Scan a PLC if it is its turn, and return whether it was; `now` is plant time [s]."""
        dt = self._turns[name].take(now)
        if dt > 0.0:
            plc.own = self._stations.own(name) if self._stations.busy else {}
            plc.scan(dt)
        return dt > 0.0

    def _latch(self, late: Collection[str]) -> None:
        """Let the image of every PLC that has scanned follow the instruments; that of a `late` one stands."""
        plant, before = self.plant, self._seen
        if not late:
            self._seen = Seen(plant.tags, plant.taken, plant.quality)
            return
        tags = self._policy.tags
        old = {tag for tag in before.tags if tag in tags and tags[tag].connection in late}
        self._seen = before.followed(plant.tags, plant.taken, plant.quality, but=old)

    def grant(self) -> None:
        """Show that the period asked for has gone by."""
        self._done = self._requested

    def write(self, tag: str, value: object) -> None:
        """Write a tag from outside, as through a server; the next scan finds it.

        Raises
        ------
        KeyError
            If nobody may write `tag`.
        """
        if self._lockstep is not None and tag == self._lockstep.request:
            self._requested = plain(value)
            return
        self._owners[tag].write(tag, value)

    def restart(self, plc: str, *, cold: bool) -> None:
        """Start one PLC again; the plant goes on."""
        self.plcs[plc].restart(cold=cold)
        if cold:
            self._loops.forget(plc)
            self._stations.forget(plc)

    def permit(self, plc: str, *, allowed: bool) -> None:
        """Let the people at the plant permit or forbid remote setpoints."""
        self.plcs[plc].permitted = allowed

    def truth(self) -> dict[str, float]:
        """Return what is really so, and what the PLCs made of it; for scores only."""
        shown = self._said()
        truth = {"time": self.plant.time, **self.plant.truth(), **shown, **self._local}
        return truth if self._mischief is None else {**truth, **self._mischief.columns(self.plant.time)}

    def image(self, epoch: float = 0.0) -> Image:
        """Return what the PLCs show now; the lock-step counter stands last.

        Parameters
        ----------
        epoch
            Instant of plant time 0, POSIX time [s].
        """
        image = self._image(epoch)
        return image if self._mischief is None else self._mischief.shown(image)

    def _image(self, epoch: float) -> Image:
        """Return what sound PLCs show now; `epoch` is the instant of plant time 0, POSIX time [s]."""
        values = {**self._seen.tags, **{tag: self._local[name] for tag, name in self._shown.items()}}
        values |= self._said()
        if self._lockstep is not None:
            values |= {self._lockstep.request: self._requested, self._lockstep.done: self._done}
        now = self.plant.time
        sampled = self._seen.taken
        before, since = self._before, self._since
        was = before.get
        moved = [tag for tag, value in values.items() if tag not in sampled and was(tag) != value]
        since.update(dict.fromkeys(moved, now))
        stamps = self._stamps
        if self._stamped_from == epoch:
            stamps.update(dict.fromkeys(moved, epoch + now))
        else:
            stamps = self._stamps = {tag: epoch + at for tag, at in since.items()}
            self._stamped_from = epoch
        self._before = values
        wrong = {tag: _QUALITY[word] for tag, word in self._seen.quality.items()}
        taken = {**stamps, **{tag: epoch + at for tag, at in sampled.items()}}
        return Image(epoch + now, values, taken, wrong)

    def _said(self) -> dict[str, float]:
        """Return what the PLCs show of themselves and of the modes of their loops, each in the unit of its tag."""
        words = {name: plc.block.word for name, plc in self.plcs.items()}
        parts = [*[plc.shown() for plc in self.plcs.values()], self._stations.shown(words)]
        if any(map(is_not, parts, self._parts)):  # truth and image of one instant say the same
            self._parts, self._told = parts, dict[str, float]()
            for part in parts:
                self._told.update(part)
        return self._told

    def _check(self, policy: Policy) -> None:
        shown = self.image().values
        request = None if self._lockstep is None else self._lockstep.request
        for name, tag in policy.tags.items():
            if name not in shown:
                raise ValueError(f"tags.{name}: the simulated line {policy.line} has no such tag")
            if tag.access is Access.WRITE and name != request and name not in self._owners:
                raise ValueError(f"tags.{name}: no PLC of the simulated line {policy.line} lets it be written")
