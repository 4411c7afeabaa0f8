"""What can be wrong with incidents and monitors of a policy: said with its place and the nearest name."""

from pathlib import Path

import pytest

from policies import PolicyError, parse

HERE = Path(__file__).parent / "policies"
GOOD = (HERE / "good.yaml").read_text()
FILES = {name: (HERE / name).read_bytes() for name in ("pls.json", "process.json", "small.library.yaml")}
FILES["a.monitor.json"] = b"{}"
UNITS = """
incidents:
  units:
    feeder: {tags: [P.FORCE, blend.bias.flow]}
    probe: {tags: [SOFT.API.Q], watches: [nir_fit, loops.blend.released], from: [feeder]}
  readings:
    too much: {unit: feeder, kind: sensor, moves: {SOFT.API.Q: 1, P.FORCE: -0.5}}
"""
MONITOR = """
watches:
  all: {kind: monitor, model: a.monitor.json, every: 10s, response: Look., tags: [P.FORCE, blend.bias.flow],
        inputs: [SOFT.API.Q], runs: {tag: P.FORCE, at_least: 1}, suppressed: [{loop: blend, phases: [init]}]}
"""


def said(more: str, *changes: tuple[str, str]) -> list[str]:
    """What is said of the good policy with a section more, some words of which are changed."""
    for old, new in changes:
        assert more.count(old) == 1, old
        more = more.replace(old, new)
    text = GOOD.replace("\nwatches:\n", more, 1) if more.startswith("\nwatches:") else GOOD + more
    try:
        parse(text.encode(), "p.yaml", FILES)
    except PolicyError as error:
        return [f"{problem.path}: {problem.message}" for problem in error.problems]
    return []


def test_good_sections_are_good() -> None:
    assert said(UNITS) == []
    assert said(MONITOR) == []


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("[P.FORCE,", "[P.FORCF,", "incidents.units.feeder.tags[0]: found the tag 'P.FORCF'; did you mean"),
        ("tags: [SOFT.API.Q]", "tags: [P.FORCE]", "incidents.units.probe.tags[0]: found 'P.FORCE', which is of unit"),
        (
            "[nir_fit,",
            "[nir_fut,",
            "incidents.units.probe.watches[0]: found the watch 'nir_fut'; did you mean 'nir_fit'?",
        ),
        ("from: [feeder]", "from: [probe]", "incidents.units.probe.from[0]: found the unit 'probe', expected feeder"),
        (
            "unit: feeder",
            "unit: feder",
            "incidents.readings.too much.unit: found the unit 'feder'; did you mean 'feeder'?",
        ),
        (
            "{SOFT.API.Q: 1",
            "{SOFT.API.P: 1",
            "incidents.readings.too much.moves.SOFT.API.P: found the tag 'SOFT.API.P'; did",
        ),
        (
            "SOFT.API.Q: 1",
            "SOFT.API.Q: 2",
            "incidents.readings.too much.moves: SOFT.API.Q: found 2, expected a number from",
        ),
        ("kind: sensor", "kind: probe", "incidents.readings.too much.kind: found 'probe', expected sensor or process"),
        (
            "too much:",
            "too.much:",
            "incidents.readings.too.much: found 'too.much', expected a few words without a full",
        ),
    ],
)
def test_what_is_wrong_with_incidents_is_said(old: str, new: str, wanted: str) -> None:
    (found,) = said(UNITS, (old, new))
    assert found.startswith(wanted)


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("[P.FORCE,", "[P.FORCF,", "watches.all.tags[0]: found the tag 'P.FORCF'; did you mean 'P.FORCE'?"),
        ("blend.bias.flow", "blend.bios.flow", "watches.all.tags[1]: found 'blend.bios.flow', expected blend.bias,"),
        ("[SOFT.API.Q]", "[P.FORCE]", "watches.all.inputs[0]: found 'P.FORCE' twice, expected it in tags alone"),
        ("every: 10s", "every: 1500ms", "watches.all.every: found 1500ms, expected whole cycles of 1s"),
        ("runs: {tag: P.FORCE", "runs: {tag: P.FORCES", "watches.all.runs.tag: found the tag 'P.FORCES'; did you"),
        (
            "a.monitor.json",
            "b.monitor.json",
            "watches.all.model: found 'b.monitor.json', expected a file beside the policy",
        ),
        (
            "{loop: blend,",
            "{loop: blend, tag: SOFT.API,",
            "watches.all.suppressed[0]: found both or neither of tag and loop",
        ),
    ],
)
def test_what_is_wrong_with_a_monitor_is_said(old: str, new: str, wanted: str) -> None:
    (found,) = said(MONITOR, (old, new))
    assert found.startswith(wanted)


def test_the_place_is_said_with_line_and_column() -> None:
    text = GOOD + UNITS.replace("[P.FORCE,", "[P.FORCF,")
    with pytest.raises(PolicyError) as caught:
        parse(text.encode(), "p.yaml", FILES)
    line = next(i for i, each in enumerate(text.splitlines(), 1) if "FORCF" in each)
    assert str(caught.value).startswith(f"p.yaml:{line}:21: incidents.units.feeder.tags[0]")
