"""A line whose PLC process may end in mid-run, and whose controller may."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from hil.rig.lives import Killed
from hil.rig.process import NotServing
from hil.rig.truth import Truth
from plant_io.line import Line
from plant_io.ports import Clock
from plant_io.signals import Outcome, Receipt, Setpoint, Snapshot
from policies import Policy


class Vanished(NotServing):
    """The PLC process ended in mid-run, and nobody knows why.

    Parameters
    ----------
    what
        What happened.
    truth
        The truth until then.
    labels
        What was really to go wrong, as plain values, one for each fault.
    """

    def __init__(self, what: str, truth: Truth, labels: Sequence[Mapping[str, object]] = ()) -> None:
        super().__init__(what)
        self.truth = truth
        """The truth until then."""
        self.labels = labels
        """What was really to go wrong."""


class Tied(Line):
    """A line that ends the run as soon as its PLC process ends, and takes nothing from a controller that is no more.

    Parameters
    ----------
    policy
        Connections and tags.
    clock
        Gives arrival times.
    lead
        The policy with the addresses at which the plant is led, where these are others.
    outlet
        File descriptor of a pipe that ends with the PLC process; -1 for none [1].
    """

    def __init__(self, policy: Policy, clock: Clock, lead: Policy | None = None, outlet: int = -1) -> None:
        super().__init__(policy, clock, lead=lead)
        self.ended = False
        """Whether the PLC process has ended."""
        self._outlet = outlet
        self._severed = False

    def sever(self) -> None:
        """Take nothing more from the controller, which dies when it next looks at the line."""
        self._severed = True

    async def open(self) -> None:
        """Begin to keep the connections up, and watch the PLC process from now on."""
        loop, run = asyncio.get_running_loop(), asyncio.current_task()

        def end() -> None:
            loop.remove_reader(self._outlet)
            self.ended = True
            if run is not None:
                run.cancel()

        if self._outlet >= 0:
            loop.add_reader(self._outlet, end)
        await super().open()

    async def read(self, at: float) -> Snapshot:
        """Latch every tag; `at` is the start of the cycle, POSIX time [s].

        Raises
        ------
        Killed
            If the controller is no more.
        """
        if self._severed:
            raise Killed
        return await super().read(at)

    async def write(self, setpoints: Sequence[Setpoint]) -> Sequence[Receipt]:
        """Write `setpoints` in order; one receipt each, in order."""
        if self._severed or self.ended:
            gone = "the PLC process is no more" if self.ended else "the controller is no more"
            return [Receipt(setpoint, Outcome.NOT_CONFIRMED, gone) for setpoint in setpoints]
        return await super().write(setpoints)

    async def close(self) -> None:
        """Give the connections back."""
        if self._outlet >= 0:
            asyncio.get_running_loop().remove_reader(self._outlet)
        await super().close()
