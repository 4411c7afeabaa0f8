"""Sizes of a scenario in the units in which its line and the catalogue count them."""

from __future__ import annotations

from collections.abc import Mapping

from hil.plants.faults import CATALOGUE
from hil.scenario.model import Scenario
from hil.scenario.timeline import Turned, Wrong
from policies import Policy
from policies.units import convert, convertible, difference


def measured(scenario: Scenario, policy: Policy) -> Scenario:
    """Return a scenario whose sizes are in the units of the tags of `policy` and of the catalogue."""
    units = policy.units()
    return scenario.model_copy(
        update={
            "stimuli": tuple(turned_in(turned, units.get(turned.setpoint)) for turned in scenario.stimuli),
            "faults": tuple(wrong_in(wrong, counted_in(wrong, units)) for wrong in scenario.faults),
        }
    )


def counted_in(wrong: Wrong, units: Mapping[str, str]) -> str | None:
    """Return the unit in which the magnitude of a fault counts, None if there is no such tag.

    Parameters
    ----------
    wrong
        The fault; it is in the catalogue.
    units
        UCUM unit by tag.

    Examples
    --------
    >>> counted_in(Wrong(id="F04", target="FDR_API"), {})
    '1'
    """
    kind = CATALOGUE[wrong.id]
    return units.get(wrong.target) if kind.of_range else kind.measure.rpartition("[")[2].rstrip("]")


def turned_in(turned: Turned, unit: str | None) -> Turned:
    """Return a stimulus with its size in a unit; as it is where that cannot be."""
    if turned.unit is None or unit is None or not convertible(turned.unit, unit):
        return turned
    return turned.model_copy(update={"by": difference(turned.by, turned.unit, unit), "unit": unit})


def wrong_in(wrong: Wrong, unit: str | None) -> Wrong:
    """Return a fault with its magnitude in a unit; as it is where that cannot be."""
    if wrong.unit is None or wrong.magnitude is None or unit is None or not convertible(wrong.unit, unit):
        return wrong
    change = convert if wrong.id == "saturated" else difference
    return wrong.model_copy(update={"magnitude": change(wrong.magnitude, wrong.unit, unit), "unit": unit})
