"""What stands between people and the loop: orders, the record, and views that cannot delay it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, Full, Queue, SimpleQueue
from threading import Thread

from controller.cycle import Accept, Cycle, LoopAct, Mode, Order, SetMode
from controller.kit import Kit
from controller.loop import Sink
from controller.records.journal import Journal
from controller.service import WILLING
from plant_io import Clock, Plant, Setpoint
from plant_io.clocks import stopwatch
from policies.sentences import counted

_LAST_CYCLES = 5
_LONGEST_QUEUE = 600
_KEPT_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Timed:
    """An order to be placed some time after the start."""

    after_s: float
    """Time since the start of the run, on its own clock [s]."""
    order: Order
    """The order."""


@dataclass(slots=True)
class Desk:
    """Places orders, hands the loops back when the run ends, and lets nothing move without a record."""

    kit: Kit
    """What is permitted and wanted."""
    clock: Clock
    """Time of the run."""
    timed: Sequence[Timed]
    """Orders placed by themselves, in their order."""
    inbox: SimpleQueue[Order]
    """Orders people place while it runs."""
    for_s: float | None
    """Length of the run [s]; None for until stopped."""
    begun: float
    """Start of the run, POSIX time [s]."""
    stopping: str = ""
    """Why the run is to end."""
    broken: str = ""
    """Why nothing may be moved."""
    barred: str = ""
    """Why no loop may be put in service in this run, whoever asks; empty where it may."""
    asked: Callable[[], str] = lambda: ""
    """Says why the run is to end, where somebody asked for it; else nothing."""
    armed: frozenset[str] = frozenset()
    """Connections whose PLC has not been seen to have its setpoints back."""
    said: Mapping[str, float] = field(default_factory=dict[str, float])
    """What was last written to each PLC besides setpoints, by tag, in the unit of the tag."""
    _placed: int = 0
    _willing: bool = False
    _told: bool = False
    _running: bool = False
    _ended: bool = False
    _left: int = _LAST_CYCLES

    def __call__(self) -> Sequence[Order]:
        """Return the orders placed since the last cycle."""
        now = self.clock.now() - self.begun
        due = [t.order for t in self.timed[self._placed :] if t.after_s <= now + 1e-6]
        self._placed += len(due)
        due += self._posted()
        due = [self._heeded(order) for order in due]
        if self.broken and (self._willing or due):
            due += self._all(Mode.SHADOW, self.broken)
        self.stopping = self.stopping or self.asked()
        if self.stopping and not self._told:
            due += self._all(Mode.OFF, self.stopping)
            self._told = True
        return due

    def _heeded(self, order: Order) -> Order:
        """Return an order, or, where loops may not be put in service, what is made of it: it stays in the record."""
        act = order.act
        willing = isinstance(act, Accept) or (isinstance(act, SetMode) and act.mode in WILLING)
        if not self.barred or not willing or not isinstance(act, LoopAct):
            return order
        return Order(order.who, f"refused: {self.barred}; asked: {order.why}", SetMode(act.loop, Mode.SHADOW))

    def _posted(self) -> list[Order]:
        orders: list[Order] = []
        while not self.inbox.empty():
            orders.append(self.inbox.get_nowait())
        return orders

    def _all(self, mode: Mode, why: str) -> list[Order]:
        return [Order("system", why, SetMode(name, mode)) for name in self.kit.loops]

    def over(self, _number: int) -> bool:
        """Return whether the loop may end: asked to, and every PLC handed back, or tried for long enough."""
        if not self.stopping and self.for_s is not None and self.clock.now() - self.begun >= self.for_s - 1e-6:
            self.stopping = "the run has reached its end"
        if self._ended:
            return True
        if not self._told:
            return False
        self._left -= 1
        return not self.armed or self._left <= 0

    def watch(self, cycle: Cycle) -> None:
        """See which loops want to move, and which PLCs have not got their setpoints back."""
        self._willing = any(mode in WILLING for mode, _ in cycle.decision.modes.values())
        self.armed = cycle.decision.armed
        self._look(cycle)
        self.said = {s.tag: s.value for s in cycle.decision.handshake} or self.said

    def _look(self, cycle: Cycle) -> None:
        """See whether a simulated plant has ended; nobody is left then to hand anything back to."""
        time = self.kit.policy.plant_time
        if time is None or time.running is None:
            return
        shown = cycle.snapshot.good(time.running)
        self._running |= bool(shown)
        if self._running and shown == 0.0:
            self._ended, self.stopping, self.armed = True, "the plant has ended", frozenset()

    async def hand_back(self, plant: Plant) -> None:
        """Write a zero to the arm word of every PLC that is armed: the last resort of a run that broke off."""
        words = [self.kit.policy.connections[name].handshake for name in sorted(self.armed)]
        arms = {w.arm_tag for w in words if w is not None and w.arm_tag is not None}
        claims = {w.claim for w in words if w is not None and w.claim is not None}
        await plant.write(
            [
                *(Setpoint(tag, self.said[tag]) for tag in sorted(claims) if tag in self.said),
                *(Setpoint(tag, 0.0) for tag in sorted(arms)),
            ]
        )


@dataclass(slots=True)
class Recorder:
    """Keeps cycles in the journal, in order; while it cannot, it says so, keeps them in hand and tries again."""

    journal: Journal
    """Where cycles are kept."""
    desk: Desk
    """Told while nothing can be kept."""
    waiting: deque[Cycle] = field(default_factory=deque[Cycle])
    """Cycles not yet kept, oldest first."""
    commit_s: list[float] = field(default_factory=list[float])
    """Wall time of each record [s]."""
    _dropped: int = 0

    @property
    def not_kept(self) -> int:
        """Return how many cycles the record does not hold [1]."""
        return self._dropped + len(self.waiting)

    def __call__(self, cycle: Cycle) -> None:
        """Keep one cycle, and those that could not be kept before."""
        self.waiting.append(cycle)
        watch = stopwatch()
        try:
            for _ in range(min(len(self.waiting), _KEPT_AT_ONCE)):
                self.journal.cycle(self.waiting[0])
                self.waiting.popleft()
        except OSError as error:
            self.desk.broken = f"no record, no control: {error}"
            if len(self.waiting) > _LONGEST_QUEUE:
                self.waiting.popleft()
                self._dropped += 1
                self.desk.stopping = "too many cycles could not be recorded"
        else:
            self.desk.broken = self._behind()
            self.commit_s.append(watch())

    def finish(self) -> None:
        """Keep what is still in hand, now that nothing waits for it.

        Raises
        ------
        OSError
            If it cannot be kept.
        """
        while self.waiting:
            self.journal.cycle(self.waiting[0])
            self.waiting.popleft()

    def _behind(self) -> str:
        """Return why nothing may be moved although this cycle was kept."""
        if self.waiting:
            are = "is" if len(self.waiting) == 1 else "are"
            return f"no record, no control: {counted(len(self.waiting), 'cycle')} {are} still to be recorded"
        if self.journal.full:
            return f"no record, no control: what was held in reserve is being used: {self.journal.full}"
        return ""


class Viewer:
    """Shows cycles in a thread of its own, so that a slow, blocked or broken view never delays the loop.

    Parameters
    ----------
    view
        What is shown; if it fails, nothing more is shown.
    """

    def __init__(self, view: Sink) -> None:
        self._view = view
        self._cycles: Queue[Cycle | None] = Queue(_LONGEST_QUEUE)
        self._thread = Thread(target=self._show, name="viewer", daemon=True)
        self._thread.start()

    def __call__(self, cycle: Cycle) -> None:
        """Hand one cycle over; if the view is far behind, the oldest is not shown."""
        self._put(cycle)

    def close(self, within_s: float = 2.0) -> None:
        """Show what is left, for at most `within_s` [s]."""
        self._put(None)
        self._thread.join(within_s)

    def _put(self, what: Cycle | None) -> None:
        try:
            self._cycles.put_nowait(what)
        except Full:
            try:
                self._cycles.get_nowait()
                self._cycles.put_nowait(what)
            except (Empty, Full):
                return

    def _show(self) -> None:
        while (cycle := self._cycles.get()) is not None:
            try:
                self._view(cycle)
            except Exception:  # noqa: BLE001  # whatever breaks a view is no reason to stop controlling
                return
