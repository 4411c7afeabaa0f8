"""What a monitor would have been given over a record: its cycles taken in again under another policy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from anomaly.gathering import Takes
from controller.decide import conclude, perceive
from controller.kit import Kit
from controller.records.cycles import Walk, inputs
from plant_io.changes import replace


def gather(directory: Path, kit: Kit, into: Takes, progress: Callable[[int], None] = lambda _: None) -> None:
    """Take the cycles of a record into what a monitor is fitted to.

    Parameters
    ----------
    directory
        Record directory.
    kit
        The policy of the monitor.
    into
        Takes the rows.
    progress
        Told the number of cycles done so far.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    ValueError
        If it cannot be read, or was made with other tags.
    """
    state = kit.start()
    into.anew()
    for data in Walk(directory).cycles(progress):
        try:
            snapshot, orders, plans = inputs(data, kit)
        except ValueError as error:
            raise ValueError(f"{directory}: {error}") from error
        perceived = perceive(snapshot, state, kit)
        into.take(perceived.seen, perceived.heard)
        if kit.beliefs.listens:
            _, state = conclude(perceived, orders, plans, state, kit)
        else:
            state = replace(state, soft=perceived.soft, substitutes=perceived.substitutes)
