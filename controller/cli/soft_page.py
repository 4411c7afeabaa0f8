"""What a hybrid soft sensor is worth, as one page of HTML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from controller.cli.page import drawn, page, plain, said, table
from controller.cli.soft_card import rows
from controller.soft.hybrid_judge import WHOLE, Checked, Forward
from controller.soft.hybrid_model import Figures, HybridModel
from controller.soft.samples import Samples
from plant_io.signals import Floats

_HOUR_S = 3600.0


def fitted(model: HybridModel, judged: Forward, samples: Samples) -> str:
    """Return the page of a fit: card, figures beside those of the yardsticks, and plots forward in time."""
    card = model.card
    at = (samples.at[judged.rows] - samples.at[0]) / _HOUR_S
    spoken = {"model": judged.spoken[WHOLE], **{n: v for n, v in judged.spoken.items() if n != WHOLE}}
    parts = [
        _card(model),
        _figures({"model": card.figures, **card.baselines}, model.unit),
        "<h2>By region</h2>",
        _figures(card.by_region, model.unit),
        "<h2>Forward in time</h2>",
        _course(model, (at, judged.wanted), (judged.low, judged.high), spoken),
        _against(model, judged.wanted, spoken),
    ]
    return page(f"Soft sensor {model.result}", parts)


def checked(model: HybridModel, found: Checked, samples: Samples, more: str = "") -> str:
    """Return the page of a check: card, plots of what is said beside the results, and what more there is to say."""
    at = (samples.at - samples.at[0]) / _HOUR_S
    spoken = {"model": found.value, "with bias of known results": found.corrected, "core_alone": found.core}
    parts = [
        _card(model),
        _course(model, (at, samples.labels), (found.low, found.high), spoken),
        _against(model, samples.labels, spoken),
        more,
    ]
    return page(f"Soft sensor {model.result}, checked", parts)


def _card(model: HybridModel) -> str:
    return table(("card", ""), rows(model))


def _figures(rows: Mapping[str, Figures], unit: str) -> str:
    return table(
        ("", f"RMSEP [{unit}]", f"bias [{unit}]", "coverage [1]", "n"),
        [
            (n, f"{f.rmsep:.4g}", f"{f.bias:+.3g}", "-" if f.coverage is None else f"{f.coverage:.3f}", str(f.n))
            for n, f in rows.items()
        ],
    )


def _course(
    model: HybridModel, results: tuple[Floats, Floats], ends: tuple[Floats, Floats], spoken: Mapping[str, Floats]
) -> str:
    at, wanted = results
    x = at.tolist()
    band: list[dict[str, object]] = [
        {
            "x": x,
            "y": plain(end),
            "name": f"{100 * model.coverage:g} % interval",
            "line": {"dash": "dot", "color": "#999"},
            "showlegend": end is ends[0],
        }
        for end in ends
    ]
    lines: list[dict[str, object]] = [{"x": x, "y": plain(values), "name": name} for name, values in spoken.items()]
    seen: dict[str, object] = {"x": x, "y": plain(wanted), "name": "result", "mode": "markers"}
    return drawn([*band, *lines, seen], "time [h]", f"{model.result} [{model.unit}]")


def _against(model: HybridModel, wanted: Floats, spoken: Mapping[str, Floats]) -> str:
    return said("Said against found.") + drawn(
        list(_points(wanted, spoken)), f"result [{model.unit}]", f"said [{model.unit}]"
    )


def _points(wanted: Floats, spoken: Mapping[str, Floats]) -> Iterator[dict[str, object]]:
    for name, values in spoken.items():
        yield {"x": plain(wanted), "y": plain(values), "name": name, "mode": "markers"}
    ends = [float(np.min(wanted)), float(np.max(wanted))]
    yield {"x": ends, "y": ends, "name": "equal", "line": {"color": "#999"}}
