"""Models of monitors from runs of normal operation: limits between runs, the card, and the command that makes them."""

from pathlib import Path

import numpy as np
import pytest

from anomaly import evt, gathering
from anomaly.artefact import Model, Settings
from anomaly.evt import Episodes
from anomaly.gathering import Gatherer, Normal
from hil import commissioning_monitor
from plant_io.signals import Floats
from policies import Monitor, Policy, load, shipped

LINE_A: Policy = load(shipped("a"))
SEEDS = tuple(range(200, 206))
RATE = 1.0 / (7.0 * 86_400.0)
LOOKS = Episodes(60.0, merge_s=0.0, clear=0.8)
DECLARED = Monitor.model_validate(
    {
        "kind": "monitor",
        "model": "x.monitor.json",
        "every": "60s",
        "tags": ["PRS.MCF", "PRS.FILL"],
        "inputs": ["PRS.MCF_ACT"],
        "route": "operator",
        "response": "Look.",
    }
)
HOW = Settings(twin=False, memory="inputs", rates=(0.3, 0.1), delay=2, false_alarms_per_day=1.0 / 7.0)


def scores_of(seed: int, runs: int) -> list[Floats]:
    """Scores of runs of 4 h that differ from each other more than each within itself."""
    chance = np.random.default_rng(seed)
    return [chance.gamma(4.0, 0.5) + 0.1 * chance.standard_normal(240) for _ in range(runs)]


def runs_of(seed: int, runs: int) -> list[list[Floats]]:
    """Rows of two tags and an input, 4 h each; the level of the first tag differs from run to run."""
    chance = np.random.default_rng(seed)
    return [
        [np.array([6.0, 9.0, 6.0]) + chance.standard_normal((240, 3)) + [chance.normal(), 0, 0]] for _ in range(runs)
    ]


def share_told(limits: list[float], seed: int) -> float:
    """False alarms on many other runs, as a share of those permitted; one for each run that has any."""
    others = scores_of(seed, 2000)
    told = [sum(run.max() > limit for run in others) for limit in limits]
    return float(np.mean(told)) / (2000 * 240 * 60.0 * RATE)


def test_a_limit_between_runs_keeps_the_budget_where_runs_differ() -> None:
    found = [evt.between(scores_of(seed, 20), RATE, LOOKS) for seed in range(30)]
    assert share_told([one.value for one in found], 99) <= 1.0
    assert all(one.exceedances == 10 for one in found)


def test_where_hours_of_a_run_do_not_come_apart_whole_runs_alone_give_the_limit() -> None:
    model = gathering.made(DECLARED, Normal(runs_of(1, 8)), LINE_A, HOW).model
    runs = [np.repeat(scores, 2) for scores in scores_of(1, 20)]
    with pytest.raises(ValueError, match="episodes"):
        evt.limit(np.concatenate(runs), RATE, LOOKS)
    assert gathering.limited(runs, model).value == pytest.approx(evt.between(runs, RATE, LOOKS).value, rel=0.05)


def test_few_runs_say_nothing_of_the_differences_between_them() -> None:
    with pytest.raises(ValueError, match="found 3 runs with scores, expected at least 6"):
        evt.between(scores_of(1, 3), RATE, LOOKS)


def test_what_does_not_last_is_no_peak() -> None:
    lasting = Episodes(60.0, merge_s=0.0, clear=0.8, on_delay_s=60.0)
    assert evt.top(np.array([1.0, 9.0, 1.0, 3.0, 4.0]), lasting) == 3.0


def test_of_many_runs_all_teach_and_each_is_judged_by_a_model_of_others() -> None:
    runs = runs_of(1, 12)
    made = gathering.made(DECLARED, Normal(runs, source="twelve runs", seeds=tuple(range(12))), LINE_A, HOW)
    assert (made.taught, made.judged) == (12 * 240, 12 * 240)
    scores = gathering.crossed(runs, gathering.training(DECLARED, LINE_A), HOW)
    alone = gathering.crossed([*runs[:6], *runs_of(2, 6)], gathering.training(DECLARED, LINE_A), HOW)
    assert [len(one) for one in scores] == [240] * 12
    assert not np.array_equal(scores[0], alone[0], equal_nan=True)


def test_the_card_says_what_a_model_is_of_and_what_its_limit_rests_on() -> None:
    runs = runs_of(1, 12)
    normal = Normal(runs, source="twelve runs", seeds=tuple(range(12)))
    card = gathering.made(DECLARED, normal, LINE_A, HOW).model.card
    assert card is not None
    assert (card.source, card.seeds, card.runs, card.hours) == ("twelve runs", tuple(range(12)), 12, 48.0)
    assert card.promised_per_week == pytest.approx(1.0)
    assert card.policy == f"A {LINE_A.revision}"
    assert len(card.tops) == 12
    assert max(card.tops) == pytest.approx(1.0, abs=0.5)
    runs[3][0][17, 1] += 1e-9
    assert Normal(runs).digest != card.data_sha256


def test_the_same_runs_give_the_same_model_bit_for_bit() -> None:
    one, other = (gathering.made(DECLARED, Normal(runs_of(4, 8)), LINE_A, HOW).model for _ in range(2))
    assert one.fingerprint == other.fingerprint


def test_stretches_are_kept_by_the_run_they_are_of() -> None:
    into = Gatherer(None)  # type: ignore[arg-type]  # nothing is taken in
    for run in ([1, 2], [], [3]):
        into.anew()
        for stretch in run:
            into.runs[-1].append(np.full(3, float(stretch)))
            into.over()
    assert [[part[0, 0] for part in run] for run in into.whole] == [[1.0, 2.0], [3.0]]
    assert len(into.rows) == 3


def test_the_command_writes_a_model_for_each_monitor_beside_the_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = shipped("e")
    text = line.read_text()
    extra = (
        "\nwatches:\n  drives:\n    kind: monitor\n    model: drives.monitor.json\n    every: 10s\n"
        "    baseline: 2m\n    tags: [%s]\n    route: operator\n    response: Look.\n"
    )
    tags = [name for name, tag in load(line).tags.items() if tag.length == 1 and tag.access == "read"][:3]
    (tmp_path / line.name).write_text(text.replace("\nwatches:\n", extra % ", ".join(tags), 1))
    how = commissioning_monitor.Commissioning("e_quiet", 0.15, {"drives": Settings(twin=False, delay=1)}, SEEDS, 0.5)
    monkeypatch.setattr(commissioning_monitor, "LINES", {"e": how})
    records = tmp_path / "records"
    records.mkdir()
    runs = [
        commissioning_monitor.played(commissioning_monitor.Run("e", s, tmp_path / line.name, records))
        for s in how.seeds
    ]
    commissioning_monitor.fitted("e", tmp_path / line.name, runs)
    model = Model.model_validate_json((tmp_path / "drives.monitor.json").read_bytes())
    assert (model.tags, model.card and model.card.seeds) == (tuple(tags), SEEDS)
    assert model.card is not None
    assert model.card.promised_per_week == pytest.approx(0.5 * 2.0)  # one monitor of two calls a week, half for charts
    assert sorted(one.name for one in records.iterdir()) == [f"e_{seed}" for seed in SEEDS]
