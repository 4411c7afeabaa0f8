"""What a loop aims at: targets written in the policy, and targets that tags show."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from controller.kit import LoopKit
from plant_io import Snapshot
from plant_io.signals import Floats


def look(kit: LoopKit, seen: Snapshot, before: Mapping[str, float]) -> dict[str, float]:
    """Return the targets that tags show, the last good one of each, units of the model.

    Parameters
    ----------
    kit
        The loop.
    seen
        The line.
    before
        What they showed before by controlled variable, units of the model.
    """
    found = {name: seen.good(tag) for name, tag in kit.target_tags.items()}
    fresh = {name: kit.scales[kit.target_tags[name]].to_model(v) for name, v in found.items() if v is not None}
    return dict(before) | fresh


def targets(kit: LoopKit, shown: Mapping[str, float]) -> Floats:
    """Return the wanted outputs, not a number where nothing is wanted, shape ``(n_y,)``, units of the model.

    Parameters
    ----------
    kit
        The loop.
    shown
        What tags show by controlled variable, units of the model.
    """
    written = zip(kit.model.controlled, kit.targets.tolist(), strict=True)
    return np.array([shown.get(name, value) for name, value in written])


def unread(kit: LoopKit, seen: Snapshot, shown: Mapping[str, float]) -> tuple[list[str], list[str]]:
    """Return the tags that have shown no target yet, and those whose last one is used.

    Parameters
    ----------
    kit
        The loop.
    seen
        The line.
    shown
        What tags have shown by controlled variable, units of the model.
    """
    if not kit.target_tags:
        return [], []
    bad = {name: tag for name, tag in kit.target_tags.items() if seen.good(tag) is None}
    return [tag for name, tag in bad.items() if name not in shown], [tag for name, tag in bad.items() if name in shown]
