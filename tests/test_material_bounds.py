"""Bounds of what may be in the product are contents that there can be."""

from __future__ import annotations

import dataclasses

from test_material import run


def test_no_content_that_may_be_is_below_nothing_or_above_all_there_is() -> None:
    state = run(5)[-1].state
    shut = dataclasses.replace(state, gate=state.gate._replace(open=False, diversion=None))
    (told,) = run(1, shut, at=5.0)[0].diversions
    filling = run(60, shut, at=5.0)[-1].state.filling

    assert (told.low, told.reason) == (0.0, "content may be 0, below 9.5 %")
    assert filling is not None
    assert 0.0 == filling.lowest < filling.highest <= 100.0
