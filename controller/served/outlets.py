"""Everything other systems are shown of one run, opened together and closed together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from controller.alarms.lifecycle import KEPT, TOLD, UNSEEN
from controller.cycle import Cycle, Order
from controller.kit import Kit
from controller.people import People
from controller.served.facts import Board, facts
from controller.served.orders import Counter
from plant_io import Clock
from plant_io.clocks import WallClock
from plant_io.served.values import Condition, Entry
from policies.told import Priority

if TYPE_CHECKING:
    from controller.served.metrics import Figures
    from controller.served.mqtt import Publisher
    from plant_io.served.opcua import RuntimeServer

SEVERITY: Mapping[Priority, int] = {"high": 800, "medium": 500, "low": 200}
"""Severity of OPC UA of each priority, 1 to 1000 (OPC UA part 5, 6.4.2)."""


class Outlets:
    """Shows each cycle to whoever the policy names; a view of the loop.

    Parameters
    ----------
    kit
        The policy, made ready.
    clock
        Time of messages.
    people
        The users of the station, who may place orders.
    inbox
        Where orders go.
    record
        Record directory; None where none is kept.

    Raises
    ------
    OSError
        If a port is taken, or a certificate can be neither read nor made.
    plant_io.ports.Refusal
        If a password cannot be read.
    ValueError
        If MQTT is wanted and its library is not installed.
    """

    def __init__(
        self, kit: Kit, clock: Clock, people: People, inbox: SimpleQueue[Order], record: Path | None = None
    ) -> None:
        self._board, self._stack, self.told = Board(kit), ExitStack(), list[str]()
        self._counter = Counter(kit, people, inbox, WallClock())
        self._server: RuntimeServer | None = None
        self._figures: Figures | None = None
        self._publisher: Publisher | None = None
        try:
            self._open(kit, clock, record)
        except BaseException:
            self._stack.close()
            raise

    def _open(self, kit: Kit, clock: Clock, record: Path | None) -> None:
        served = kit.policy.served
        pki = Path(served.pki)
        if served.opcua is not None:
            from plant_io.served.opcua import RuntimeServer  # noqa: PLC0415  # heavy

            calls = self._counter.calls() if served.opcua.orders else ()
            self._server = RuntimeServer(served.opcua, facts(kit), calls, pki)
            self._stack.callback(self._server.close)
            self.told.append(f"OPC UA at {self._server.endpoint}")
        if served.metrics is not None:
            from controller.served.metrics import Figures, serve  # noqa: PLC0415  # heavy

            self._figures = Figures(kit)
            if record is not None and kit.policy.records.site is not None:
                from controller.served.copied import copy_figures  # noqa: PLC0415  # heavy

                copy_figures(self._figures.registry, record, clock)
            self._stack.callback(serve(self._figures, served.metrics, pki)[1])
            self.told.append(f"metrics at {served.metrics.listen}")
        if served.mqtt is not None:
            from controller.served.mqtt import Publisher  # noqa: PLC0415  # an extra

            self._publisher = Publisher(served.mqtt, facts(kit), clock, pki)
            self._stack.callback(self._publisher.close)
            self.told.append(f"MQTT to {served.mqtt.broker}")

    def __call__(self, cycle: Cycle) -> None:
        """Show one cycle; if that fails, everything is closed, so that nobody takes the last value for the present."""
        try:
            self._show(cycle)
        except BaseException:
            self.close()
            raise

    def _show(self, cycle: Cycle) -> None:
        self._counter.watch(cycle)
        if self._figures is not None:
            self._figures(cycle)
        if self._publisher is None and self._server is None:
            return
        now = self._board.after(cycle)
        if self._publisher is not None:
            self._publisher.show(now)
        if self._server is not None:
            self._server.show(now)
            self._server.tell([*_conditions(cycle), *_entries(cycle)])

    def close(self) -> None:
        """Close every way out."""
        self._stack.close()


def _conditions(cycle: Cycle) -> Iterable[Condition]:
    for change in cycle.decision.alarms:
        alarm, kept = change.alarm, change.alarm.state in KEPT
        yield Condition(
            name=alarm.name,
            at=change.at,
            active=alarm.stands,
            acked=alarm.state not in UNSEEN,
            suppressed=kept,
            retained=alarm.state in TOLD,
            severity=SEVERITY[alarm.priority],
            what=alarm.what,
        )


def _entries(cycle: Cycle) -> Iterable[Entry]:
    for order in cycle.obeyed:
        yield Entry(cycle.snapshot.at, order.who, f"ordered {order.act}: {order.why}")
    for event in cycle.decision.events:
        yield Entry(event.at, event.who, event.what)
