"""A controller that dies or is stopped, and is started again: what each of its lives spans."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from controller.cases.history import goes_on
from controller.cycle import Cycle
from controller.desk import Timed
from hil.faults.tables import ENDINGS
from hil.plants.faults import Fault, end


class Killed(BaseException):
    """The controller is no more; nothing is put in order."""


@dataclass(frozen=True, slots=True)
class Life:
    """One life of the controller."""

    from_s: float
    """When it begins, time since the start [s]."""
    to_s: float
    """When it ends [s]."""
    dies: bool
    """Whether it ends without warning."""
    before_s: float | None = None
    """When the life before it began, time since the start [s]; None for the first."""

    def orders(self, orders: Sequence[Timed], record: Path | None) -> tuple[Timed, ...]:
        """Return the orders that people place in this life, their times counted from its beginning.

        Parameters
        ----------
        orders
            Orders of the whole run.
        record
            Record of the first life; each goes on with the alarms of the one before. None where none is kept.
        """
        mine = [timed for timed in orders if timed.after_s >= self.from_s]
        kept = () if record is None or self.before_s is None else goes_on(_beside(record, self.before_s))
        return kept + tuple(replace(timed, after_s=timed.after_s - self.from_s) for timed in mine)

    def record(self, record: Path | None) -> Path | None:
        """Return where the record of this life is kept: beside that of the first one."""
        return None if record is None else _beside(record, self.from_s)


def _beside(record: Path, from_s: float) -> Path:
    return record if from_s == 0.0 else record.with_name(f"{record.name}_{from_s:.0f}s")


def lives(faults: Sequence[Fault], length_s: float) -> list[Life]:
    """Return the lives of the controller in a run.

    Parameters
    ----------
    faults
        Faults of the run; a crash or a reload lasts until the controller is started again.
    length_s
        Length of the run [s].

    Examples
    --------
    >>> [(life.from_s, life.to_s) for life in lives([Fault("crash", "controller", 60.0, 75.0)], 300.0)]
    [(0.0, 60.0), (75.0, 300.0)]
    """
    found: list[Life] = []
    from_s = 0.0
    before_s: float | None = None
    for fault in sorted((each for each in faults if each.id in ENDINGS), key=lambda each: each.on_s):
        found.append(Life(from_s, fault.on_s, dies=fault.id == "crash", before_s=before_s))
        from_s, before_s = end(fault), from_s
    return [*found, Life(from_s, length_s, dies=False, before_s=before_s)] if from_s < length_s else found


def killer(life: Life, began: Callable[[], float], kill: Callable[[], None]) -> Callable[[Cycle], None]:
    """Return a sink that kills the controller at the end of a life.

    Parameters
    ----------
    life
        The life.
    began
        Gives the start of the run, POSIX time [s].
    kill
        Kills it.
    """

    def look(cycle: Cycle) -> None:
        if life.dies and cycle.snapshot.at - began() >= life.to_s - 1e-6:
            kill()

    return look
