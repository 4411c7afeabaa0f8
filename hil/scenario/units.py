"""Sizes of a scenario in the units in which its line and the catalogue count them."""

from __future__ import annotations

from collections.abc import Mapping

from hil.plants.faults import CATALOGUE
from hil.plc.lines import blueprint
from hil.plc.stations import Station
from hil.scenario.model import Scenario
from hil.scenario.timeline import Acted, Turned, Wrong
from policies import Policy
from policies.units import convert, convertible, difference


def measured(scenario: Scenario, policy: Policy) -> Scenario:
    """Return a scenario whose sizes are in the units of the tags of `policy` and of the catalogue."""
    units, lines = policy.units(), blueprint(policy.line).stations
    return scenario.model_copy(
        update={
            "stimuli": tuple(turned_in(turned, units.get(turned.setpoint)) for turned in scenario.stimuli),
            "stations": tuple(acted_in(acted, units, lines) for acted in scenario.stations),
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


def acted_in(acted: Acted, units: Mapping[str, str], stations: Mapping[str, Station]) -> Acted:
    """Return what an operator does with its number in the unit of its tag; as it is where that cannot be.

    Parameters
    ----------
    acted
        What is done.
    units
        UCUM unit by tag.
    stations
        Loops that operators can take, by setpoint.
    """
    unit = units.get(shown_in(acted, stations))
    if acted.unit is None or unit is None or not convertible(acted.unit, unit):
        return acted
    numbers = {"setpoint": acted.setpoint, "output": acted.output}
    changed = {name: convert(value, acted.unit, unit) for name, value in numbers.items() if value is not None}
    return acted.model_copy(update={**changed, "unit": unit})


def shown_in(acted: Acted, stations: Mapping[str, Station]) -> str:
    """Return the tag in whose unit the number counts that an operator enters.

    Parameters
    ----------
    acted
        What is done.
    stations
        Loops that operators can take, by setpoint.
    """
    station = stations.get(acted.station)
    return acted.station if station is None or acted.output is None else station.output or station.value


def wrong_in(wrong: Wrong, unit: str | None) -> Wrong:
    """Return a fault with its magnitude in a unit; as it is where that cannot be."""
    if wrong.unit is None or wrong.magnitude is None or unit is None or not convertible(wrong.unit, unit):
        return wrong
    change = convert if wrong.id == "saturated" else difference
    return wrong.model_copy(update={"magnitude": change(wrong.magnitude, wrong.unit, unit), "unit": unit})
