"""How the copy of a record at the site stands, for Prometheus; looked up each time it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge

from controller.records.standing import Standing, refreshed
from plant_io import Clock


def copy_figures(registry: CollectorRegistry, record: Path, clock: Clock) -> None:
    """Add the figures of a copy to those that are served; they are NaN where nothing is known of one.

    Parameters
    ----------
    registry
        What is served.
    record
        Record directory.
    clock
        Time of the records.
    """

    def shown(figure: Callable[[Standing], float]) -> Callable[[], float]:
        def look() -> float:
            try:
                found = Standing.read(record)
                return nan if found is None else figure(refreshed(record, found))
            except (OSError, ValueError):
                return nan

        return look

    def behind_s(found: Standing) -> float:
        return 0.0 if found.since is None else max(0.0, clock.now() - found.since)

    behind = Gauge("steadyline_site_copy_behind_records", "Records that are not at the site.", registry=registry)
    behind.set_function(shown(lambda found: float(found.behind)))
    age = Gauge("steadyline_site_copy_behind_seconds", "Age of the oldest of them.", registry=registry)
    age.set_function(shown(behind_s))
    aside = Gauge("steadyline_site_copy_quarantined", "Records that the site refuses.", registry=registry)
    aside.set_function(shown(lambda found: float(found.quarantined)))
