"""An impurity-trend library is read strictly, and every mistake is told with its place."""

from pathlib import Path

import pytest

from anomaly import engine
from policies import PolicyError, load, shipped
from policies.library import read

POLICY = load(shipped("a"))
NAME = "line_a.library.yaml"
SHIPPED = POLICY.files[NAME].decode()


def told(old: str, new: str) -> str:
    assert old in SHIPPED
    with pytest.raises(PolicyError) as error:
        read(SHIPPED.replace(old, new, 1).encode(), NAME)
    (problem,) = error.value.problems
    return str(problem)


def test_the_shipped_library_says_what_each_trend_means_and_who_is_told() -> None:
    library = read(SHIPPED.encode(), NAME)
    assert library.line == "A"
    assert all(entry.meaning.causes and entry.meaning.confirm for entry in library.entries.values())
    assert {key: entry.routing for key, entry in library.entries.items()} == {
        "hydrolysis": "qa",
        "moisture": "qa",
        "wavelength": "maintenance",
        "api_below_flows": "maintenance",
        "api_above_flows": "maintenance",
    }


def test_an_analytical_artefact_is_no_change_of_the_product_and_goes_to_maintenance() -> None:
    entries = read(SHIPPED.encode(), NAME).entries.values()
    assert {e.routing for e in entries if e.kind == "analytical_artefact"} == {"maintenance"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("severity: high", "severity: hihg", "severity"),
        ("    routing: qa\n", "    routing: qa\n    colour: red\n", "colour"),
        ("class: degradation", "class: impurity", "class"),
        ("SOFT.API.GAP: [-0.5, -0.12]", "SOFT.API.GAP: [-0.12, -0.5]", "expected the lower move first"),
        ("{kind: ramp}", "{kind: wave}", "kind"),
        ("tau: 15m", "tau: 15", "tau"),
        ("status: draft", "status: final", "status"),
    ],
)
def test_one_mistake_is_one_message_with_its_place(old: str, new: str, said: str) -> None:
    message = told(old, new)
    assert message.startswith(f"{NAME}:")
    assert said in message


def test_a_signature_that_noise_alone_would_fit_is_refused() -> None:
    still = "      SOFT.API.Q: [1.0, 1.0]\n      SOFT.API.GAP: [-0.5, -0.12]\n"
    assert "noise alone would fit" in told(still, "      SOFT.API.Q: [0.0, 1.0]\n")


def test_an_entry_in_a_channel_the_watch_does_not_have_is_refused() -> None:
    foreign = SHIPPED.replace("SOFT.API.WATER: [1.0, 1.0]", "PRS.RPM: [1.0, 1.0]")
    changed = POLICY.sealed(POLICY.fingerprint, {**POLICY.files, NAME: foreign.encode()})
    with pytest.raises(ValueError, match=r"moisture: PRS\.RPM is no channel of watch impurities"):
        engine.prepare(changed)


def test_a_retired_entry_is_never_matched_and_a_library_of_them_is_refused() -> None:
    one = SHIPPED.replace("status: draft", "status: retired", 1)
    (kit,) = engine.prepare(POLICY.sealed(POLICY.fingerprint, {**POLICY.files, NAME: one.encode()})).trends
    assert "hydrolysis" not in kit.entries
    none = SHIPPED.replace("status: draft", "status: retired")
    with pytest.raises(ValueError, match="every entry is retired"):
        engine.prepare(POLICY.sealed(POLICY.fingerprint, {**POLICY.files, NAME: none.encode()}))


def test_the_library_lies_beside_the_policy_that_names_it() -> None:
    assert Path(shipped("a")).with_name(NAME).read_text(encoding="utf-8") == SHIPPED
