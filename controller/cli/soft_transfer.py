"""The verb `soft-sensor transfer`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.ends import Refused, reading
from controller.cli.options import Json
from controller.cli.show import give, people, writable

if TYPE_CHECKING:
    from controller.soft.carried import Method


class Way(StrEnum):
    """Ways that can be asked for."""

    BEST = "best"
    SLOPE_BIAS = "slope_bias"
    PIECEWISE = "piecewise"


_WAYS: Mapping[Way, tuple[Method, ...]] = {
    Way.BEST: ("slope_bias", "piecewise"),
    Way.SLOPE_BIAS: ("slope_bias",),
    Way.PIECEWISE: ("piecewise",),
}


def transfer(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Calibration file of the calibrated instrument.")],
    data: Annotated[
        Path, typer.Argument(metavar="PAIRS", help="CSV file of spectra: sample, instrument, wavelengths.")
    ],
    *,
    out: Annotated[str, typer.Option("--out", metavar="FILE", help="Transfer file to write.")],
    method: Annotated[Way, typer.Option(help="How it is carried over.")] = Way.BEST,
    instrument: Annotated[str, typer.Option(help="Which instrument it is carried over to.")] = "another instrument",
    plot: Annotated[str | None, typer.Option(metavar="FILE", help="Page of plots to write.", callback=writable)] = None,
    json: Json = None,
) -> int:
    """Carry a calibration over to another instrument; judged on every third pair, refused where it does not help."""
    from controller.cli import soft_spectra, spectra_data  # noqa: PLC0415  # heavy
    from controller.soft import carried, pls  # noqa: PLC0415  # heavy
    from controller.soft.transfer import Pairing  # noqa: PLC0415  # heavy

    writable(out)
    with reading():
        calibration = pls.read(model.read_bytes(), str(model))
        pairs = spectra_data.pairs(spectra_data.read(data), calibration)
        pairing = Pairing(calibration.card.data_sha256, instrument)
        found = carried.judged(calibration, pairs, pairing, _WAYS[method])
        soft_spectra.show(found, calibration)
        if found.method is None:
            raise Refused(
                f"{data}: no transfer helps on the {found.withheld} withheld pairs: {soft_spectra.best(found)}"
            )
        made = carried.made(found.method, calibration, pairs, pairing)
    Path(out).write_text(made.model_dump_json(indent=1) + "\n", encoding="utf-8")
    if plot is not None:
        Path(plot).write_text(soft_spectra.page(found, calibration), encoding="utf-8")
    people.print(f"{found.method}, fitted to all {len(pairs.other)} pairs; written to {out}", markup=False)
    give(soft_spectra.plain(found), json)
    return 0
