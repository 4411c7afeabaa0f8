"""What a monitor would have been given over a record: its cycles taken in again under another policy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from anomaly.gathering import Gatherer
from anomaly.heard import NOTHING
from controller import beliefs, soft, substitute
from controller.decide import decide
from controller.kit import Kit
from controller.records.journal import entries
from controller.records.replay import inputs


def gather(directory: Path, kit: Kit, into: Gatherer, progress: Callable[[int], None] = lambda _: None) -> None:
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
    soft_state, stood = state.soft, state.substitutes
    into.anew()
    for number, entry in enumerate(entries(directory)):
        if entry.kind != "cycle":
            continue
        try:
            snapshot, orders, plans = inputs(entry.content(), kit)
        except ValueError as error:
            raise ValueError(f"{directory}: {error}") from error
        heard = beliefs.heard(state.loops, kit.beliefs) if kit.beliefs.listens else NOTHING
        measured, soft_state = soft.enrich(snapshot, soft_state, kit.soft)
        seen, stood, _ = substitute.stand_in(measured, stood, kit.substitutes)
        into.take(seen, heard)
        if kit.beliefs.listens:
            _, state = decide(snapshot, orders, plans, state, kit)
        progress(number)
