"""How wide the interval of the content of tablets must be, from simulated lines."""

from __future__ import annotations

import numpy as np

from hil.commissioning_claim import Line, claim_of, played, report
from policies import load, shipped
from policies.regions import Region

WORDS = claim_of(load(shipped("a")))


def test_a_line_is_scored_where_the_content_is_good_by_the_deviation_stated_with_it() -> None:
    (line,) = played(4990, 1, 720.0)
    assert line.seed == 4990
    assert 60 < len(line.value) < 200
    assert abs(float(np.mean(line.value)) - 100.0) < 3.0
    stated = np.abs(line.off) / line.score
    assert 0.2 < float(np.median(stated)) < 0.5


def test_the_report_tells_what_was_covered_and_what_half_widths_would_have_covered() -> None:
    regions = (Region(up_to=100.0, half=2.0), Region(half=1.0))
    words = WORDS.model_copy(update={"regions": regions})
    value = np.repeat([99.0, 101.0], 300)
    score = np.concatenate([np.linspace(0.0, 4.0, 300), np.linspace(0.0, 2.0, 300)])
    told = report([Line(7, value, score, np.zeros(600))], words)
    assert told[0].startswith("1 lines from seed 7, 600 seconds: off by 0.000 % (rms)")
    assert told[1] == "covered 0.500; in thirds of what is said 0.750, 0.500, 0.250"
    assert told[2:] == [
        "up to 100.0: 0.50 of what is said, half width 3.61",
        "up to None: 0.50 of what is said, half width 1.81",
    ]


def test_the_shipped_regions_are_wider_where_little_is_said() -> None:
    halves = [one.half for one in WORDS.regions]
    assert halves == sorted(halves, reverse=True)
