"""What a server claims of its values, compared with the policy."""

import pytest

from plant_io.claims import Claim, differences
from policies import Tag

CEFACT = "http://www.opcfoundation.org/UA/units/un/cefact"


def code(letters: str) -> int:
    return int.from_bytes(letters.encode(), "big")


def tag(unit: str = "kg/h", low: float = 0.0, high: float = 6.0, scale: float = 1.0, offset: float = 0.0) -> Tag:
    return Tag(unit=unit, range=(low, high), connection="plc", address="s=F", scale=scale, offset=offset)


@pytest.mark.parametrize(
    ("declared", "claim"),
    [
        (tag(), Claim()),
        (tag(), Claim(code("E93"), CEFACT, "kg/h", (0.0, 6.0))),
        (tag(), Claim(code("E93"), CEFACT, "kilos an hour", (0.0, 6.0))),
        (tag(), Claim(-1, CEFACT, "kg/hr")),
        (tag(), Claim(0, "", "")),
        (tag(), Claim(span=(0.0, 0.0))),
        (tag("Cel", -10.0, 90.0), Claim(code("CEL"), CEFACT, "°C", (-10.0, 90.0))),
        (tag("/min", 0.0, 200.0), Claim(text="rpm", span=(0.0, 200.0))),
        # A raw count: the server may speak of the value it stands for, or of the count.
        (tag("/min", 0.0, 200.0, scale=0.1), Claim(code("RPM"), CEFACT, "r/min", (0.0, 200.0))),
        (tag("/min", 0.0, 200.0, scale=0.1), Claim(code("RPM"), CEFACT, "r/min", (0.0, 2000.0))),
        (tag("kg/h", 0.0, 6.0, scale=0.001), Claim(code("F27"), CEFACT, "g/h", (0.0, 6000.0))),
        (tag("Cel", 0.0, 100.0, offset=-273.15), Claim(code("KEL"), CEFACT, "K", (273.15, 373.15))),
    ],
)
def test_what_agrees_is_not_spoken_of(declared: Tag, claim: Claim) -> None:
    assert list(differences(declared, claim)) == []


@pytest.mark.parametrize(
    ("declared", "claim", "said"),
    [
        (tag(), Claim(code("F27"), CEFACT, "g/h"), "the server gives its unit as g/h, the policy says kg/h"),
        (tag(), Claim(code("KGS"), CEFACT), "the server gives its unit as kg/s, the policy says kg/h"),
        (tag("kg", scale=1e-9), Claim(text="pg"), "the server gives its unit as pg, the policy says kg"),
        (tag("Cel"), Claim(code("FAH"), CEFACT, "°F"), "the server gives its unit as °F, the policy says Cel"),
        (tag(), Claim(code("CEL"), CEFACT, "°C"), "the server gives its unit as °C, the policy says kg/h"),
        (
            tag(),
            Claim(17, "urn:vendor", "scoops"),
            "the server gives its unit as scoops, which is not known; the policy says kg/h",
        ),
        (
            tag(),
            Claim(code("E93"), CEFACT, "kg/h", (0.0, 60.0)),
            "the server gives its range as 0 to 60 kg/h, the policy says 0 to 6 kg/h",
        ),
        (tag(), Claim(span=(1.0, 6.0)), "the server gives its range as 1 to 6, the policy says 0 to 6 kg/h"),
    ],
)
def test_what_contradicts_is_one_sentence(declared: Tag, claim: Claim, said: str) -> None:
    assert list(differences(declared, claim)) == [said]
