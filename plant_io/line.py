"""A whole line over its connections: one snapshot per cycle, one receipt per setpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from math import isfinite

from plant_io import drivers
from plant_io.clocks import LockstepClock, WallClock
from plant_io.latch import Latch, tags_of
from plant_io.link import Link, LinkState, Patience
from plant_io.ports import Clock, Driver, Make
from plant_io.rests import Rest
from plant_io.scan import Coherence
from plant_io.scanner import ANSWER_SHARE, Scanner, together
from plant_io.signals import Outcome, Receipt, Setpoint, Snapshot
from plant_io.timing import Figures
from policies import Access, Lockstep, OpcUa, Policy, Tag
from policies.scans import CONTROL

_SHORTEST_OPENING_S = 1.0
_COMPARED_S = 0.001  # to compare one tag with the policy
_POLL_S = 0.001


class Line:
    """A `Plant` reached through the connections of a policy.

    Parameters
    ----------
    policy
        Connections and tags.
    clock
        Gives arrival times.
    make
        Makes the drivers; called afresh for every attempt to connect.
    lead
        The same policy with the addresses at which a simulated plant is led, where these are others.

    Raises
    ------
    ValueError
        If the lock-step tags do not share a connection, or no driver is installed for a protocol.
    """

    def __init__(self, policy: Policy, clock: Clock, make: Make = drivers.make, lead: Policy | None = None) -> None:
        if make is drivers.make:
            drivers.check(policy)
        self._policy = policy
        self._clock = clock
        self._latch = Latch(policy)
        self._last = Snapshot.empty(clock.now(), self._latch.index)
        lockstep = policy.lockstep if isinstance(clock, LockstepClock) else None
        self._rests = {} if lockstep is None else {name: Rest() for name in policy.connections}
        self.links: Mapping[str, Link] = {
            name: _link(name, policy, make, lockstep, self._rests.get(name)) for name in policy.connections
        }
        """Supervised connections, by name."""
        self._scanners = {name: Scanner(link, policy, clock) for name, link in self.links.items()}
        self._counted: Mapping[str, int] = {}
        self._given_up: set[str] = set()
        self._pacer = None if policy.lockstep is None else _Pacer(policy.lockstep, lead or policy, make)
        self._led = lockstep is not None
        self._wall = WallClock()

    @property
    def figures(self) -> Mapping[str, Mapping[str, Figures]]:
        """How each scan class is kept to, by connection and class."""
        return {name: scanner.figures for name, scanner in self._scanners.items()}

    def summary(self) -> Mapping[str, object]:
        """Return how each connection and its scan classes kept to their times, as plain values."""
        return {name: _counts(link) | {"scans": _plain(self.figures[name])} for name, link in self.links.items()}

    @property
    def restarts(self) -> Mapping[str, int]:
        """Times each device was found restarted [1], by connection."""
        return {name: link.restarts for name, link in self.links.items()}

    async def open(self) -> None:
        """Begin to keep the connections up; returns at once, whether they are or not."""
        for link in self._all():
            link.start()
        for scanner in self._scanners.values():
            scanner.start()

    async def ready(self, within_s: float) -> bool:
        """Wait until every connection is established and every scan class read once, and return whether it is so.

        Parameters
        ----------
        within_s
            Longest wait, wall time [s].
        """
        led = [self._pacer.link] if self._pacer is not None and self._led else []
        return await _established((*self._scanners.values(), *led), within_s)

    async def read(self, at: float) -> Snapshot:
        """Latch every tag: what is read in every cycle now, all connections at the same time; the rest as it came last.

        Parameters
        ----------
        at
            Start of the cycle, POSIX time [s].
        """
        found = await together([scanner.read(at) for scanner in self._scanners.values()])
        answers = {name: answer for name, answer in zip(self.links, found, strict=True) if answer is not None}
        before, self._counted = self._counted, self.restarts
        restarted = frozenset(name for name, count in self._counted.items() if count > before.get(name, 0))
        notes = tuple(f"{name}: {what}" for name, link in self.links.items() for what in link.news())
        torn = {name: each.torn for name, each in self._scanners.items() if name in answers and each.torn}
        self._last = self._latch.snapshot(at, answers, self._last)
        if restarted or notes or torn:
            self._last = replace(self._last, restarted=restarted, notes=notes, torn=torn)
        return self._last

    async def write(self, setpoints: Sequence[Setpoint]) -> Sequence[Receipt]:
        """Ask for `setpoints`, in order within a connection; one receipt each, in order."""
        receipts: dict[int, Receipt] = {}
        asked: dict[str, list[int]] = {}
        for i, setpoint in enumerate(setpoints):
            why = refusal(setpoint, self._policy)
            if why:
                receipts[i] = Receipt(setpoint, Outcome.REFUSED, why)
            else:
                asked.setdefault(self._policy.tags[setpoint.tag].connection, []).append(i)
        await together([self._ask(self.links[name], setpoints, which, receipts) for name, which in asked.items()])
        return [receipts[i] for i in range(len(setpoints))]

    async def close(self) -> None:
        """Give the connections back."""
        await asyncio.gather(*(scanner.close() for scanner in self._scanners.values()))
        await asyncio.gather(*(link.close() for link in self._all()))

    async def step(self, k: int) -> bool:
        """Ask a simulated plant for its `k`-th period and return whether it went along in time.

        Parameters
        ----------
        k
            Count of periods since the start [1].

        Raises
        ------
        ValueError
            If the policy has no lock-step.
        """
        if self._pacer is None:
            raise ValueError(f"the policy of line {self._policy.line} has no lockstep")
        if not self._led:
            self._led = True
            self._pacer.link.start()
        await self._rejoin(self._pacer)
        return await self._pacer.step(k)

    async def _rejoin(self, pacer: _Pacer) -> None:
        """Keep plant time standing until lost connections are back; once for each loss, in vain or not.

        What was in vain is tried again as plant time goes by, and waited for while it is tried.
        """
        for name in self._given_up & self._away():
            if name in self._rests:
                self._rests[name].step(pacer.every_s)
        await _established([self.links[name] for name in self._away() - self._given_up], pacer.patience_s)
        self._given_up = self._away()
        for name, rest in self._rests.items():
            rest.led = name in self._given_up
        until = self._wall.now() + pacer.patience_s
        while self._trying() and self._wall.now() < until:
            await self._wall.sleep_until(self._wall.now() + _POLL_S)

    def _trying(self) -> bool:
        return any(not self._rests[name].resting for name in self._given_up & self._away() if name in self._rests)

    def _away(self) -> set[str]:
        return {name for name, link in self.links.items() if link.state in {LinkState.OPENING, LinkState.DOWN}}

    def _all(self) -> list[Link]:
        return [*self.links.values(), *([self._pacer.link] if self._pacer is not None and self._led else [])]

    async def _ask(
        self, link: Link, setpoints: Sequence[Setpoint], which: Sequence[int], receipts: dict[int, Receipt]
    ) -> None:
        raw = [_raw(setpoints[i], self._policy) for i in which]
        for i, receipt in zip(which, await link.write(raw), strict=True):
            receipts[i] = replace(receipt, setpoint=setpoints[i])


class _Pacer:
    """Leads a simulated plant through its periods, over a connection of its own.

    Its own, because it asks often and for two tags only.
    """

    def __init__(self, lockstep: Lockstep, policy: Policy, make: Make) -> None:
        request, done = policy.tags[lockstep.request], policy.tags[lockstep.done]
        if request.connection != done.connection:
            raise ValueError(f"{lockstep.request} and {lockstep.done} must come through one connection")
        name = request.connection
        told = {n: policy.tags[n].model_copy(update={"scan": CONTROL}) for n in (lockstep.request, lockstep.done)}
        alone = policy.model_copy(update={"tags": told})
        self.patience_s = lockstep.patience_s
        """Longest wait for one period, wall time [s]."""
        self.every_s = lockstep.every_s or policy.period_s
        """Length of one period of the plant [s]."""
        self._request = lockstep.request
        self._policy = alone
        self._done = done
        self._slot = list(tags_of(name, alone)).index(lockstep.done)
        self._before: float | None = None
        self._wall = WallClock()
        self.link = Link("lockstep", _maker(make, name, alone), Patience(lockstep.patience_s, _opening(policy, name)))
        """Connection of its own."""

    async def step(self, k: int) -> bool:
        """Ask for the `k`-th period; False if it did not come within the patience of the policy."""
        try:
            async with asyncio.timeout(self.patience_s):
                while (done := await self._asked(k)) is None:
                    await self.link.ready()
        except TimeoutError:
            return False
        return done

    async def _asked(self, k: int) -> bool | None:
        """Ask for `k` and wait for it, on from what the plant had done; None if the connection went away meanwhile."""
        if self._before is None:
            if (done := await self._shown()) is None:
                return None
            self._before = done - (k - 1)
        wanted = self._before + k
        await self.link.write([_raw(Setpoint(self._request, wanted), self._policy)])
        while (done := await self._shown()) is not None:
            if done >= wanted:
                return done == wanted
            await self._wall.sleep_until(self._wall.now() + _POLL_S)
        return None

    async def _shown(self) -> float | None:
        """Return how many periods the plant has done [1]; None if the connection went away."""
        batch = await self.link.read()
        return None if batch is None else float(batch.values[self._slot]) * self._done.scale + self._done.offset


async def _established(links: Iterable[Link | Scanner], within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            await asyncio.gather(*(link.ready() for link in links))
    except TimeoutError:
        return False
    return True


def _link(name: str, policy: Policy, make: Make, lockstep: Lockstep | None, rest: Rest | None) -> Link:
    coherence = Coherence.of(name, policy)
    whole = None if coherence is None else coherence.holds
    return Link(name, _maker(make, name, policy), _patience(policy, name, lockstep), whole, rest)


def _counts(link: Link) -> dict[str, object]:
    kept: dict[str, object] = {"reads": link.reads, "misses": link.misses, "rereads": link.rereads}
    return kept | {"reconnects": link.reconnects, "restarts": link.restarts}


def _plain(scans: Mapping[str, Figures]) -> dict[str, object]:
    return {name: dict(figures.plain()) for name, figures in scans.items()}


def _maker(make: Make, name: str, policy: Policy) -> Callable[[], Driver]:
    return lambda: make(name, policy)


def _patience(policy: Policy, name: str, lockstep: Lockstep | None) -> Patience:
    # A plant that waits for the controller has no deadlines; a busy machine must not look like a lost link.
    longest = min(ANSWER_SHARE * policy.period_s, policy.connections[name].timeout_s)
    return Patience(longest if lockstep is None else lockstep.patience_s, _opening(policy, name))


def _opening(policy: Policy, name: str) -> float:
    link = policy.connections[name]
    # Keys are agreed on and users known in several rounds, some of which take a PLC long to compute.
    rounds = 2.0 if isinstance(link, OpcUa) and link.security != "None" else 1.0
    compared_s = _COMPARED_S * len(tags_of(name, policy))
    return rounds * max(_SHORTEST_OPENING_S, 2.0 * link.timeout_s) + compared_s


def _raw(setpoint: Setpoint, policy: Policy) -> Setpoint:
    tag = policy.tags[setpoint.tag]
    return replace(setpoint, value=(setpoint.value - tag.offset) / tag.scale)


def refusal(setpoint: Setpoint, policy: Policy) -> str:
    """Return why a setpoint is not even sent, or nothing."""
    tag = policy.tags.get(setpoint.tag)
    if tag is None:
        return "the policy knows no such tag"
    if tag.access is not Access.WRITE:
        return "the policy does not let it be written"
    if tag.length != 1:
        return f"it holds {tag.length} values, and only single ones are written"
    return _misfit(setpoint.value, tag)


def _misfit(value: float, tag: Tag) -> str:
    """Return why a value is none of a tag, or nothing."""
    if tag.scale == 0.0:
        return "the policy gives it no scale"
    if not isfinite(value):
        return f"{value:g} is not a finite number"
    low, high = tag.range
    return "" if low <= value <= high else f"{value:g} {tag.unit} lies outside {low:g} to {high:g} {tag.unit}"
