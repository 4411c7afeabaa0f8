"""A library says what an impurity is and how much of it may be there; what is no science is refused with its place."""

import json
from pathlib import Path

import pytest

from controller.cli.app import status
from policies import PolicyError, guidelines
from policies.library import Library, read, schema

HERE = Path(__file__).parents[1] / "policies" / "lines"
PEPTIDE = HERE / "examples" / "peptide.library.yaml"
SAID = PEPTIDE.read_text(encoding="utf-8")
SMALL = """library: 1
line: S
revision: "1"
product: {name: Tablet, kind: small_molecule, material: drug_product, dose_g_per_day: 0.02, treatment: lifetime}
entries:
  one:
    name: A degradation product
    class: degradation
    identity: {impurity: L, tag: P.L, method: M-1, method_version: "1", loq: 0.0005, lod: 0.0002}
    limits: {guideline: ICH Q3B(R2)}
    signature: {P.L: [1, 1]}
    shapes: [{kind: ramp}]
    meaning: {causes: [Damp], confirm: HPLC}
    severity: high
    routing: qa
    governance: {status: draft, author: A, version: "1"}
"""


def told(text: str, old: str, new: str) -> str:
    assert old in text
    with pytest.raises(PolicyError) as error:
        read(text.replace(old, new, 1).encode(), "x.library.yaml")
    (problem,) = error.value.problems
    assert problem.line > 1
    return str(problem)


def small(old: str = "library: 1", new: str = "library: 1") -> Library:
    assert old in SMALL
    return read(SMALL.replace(old, new, 1).encode(), "x.library.yaml")


@pytest.mark.parametrize(
    ("name", "dose", "wanted"),
    [
        ("ICH Q3A(R2)", 0.5, (0.05, 0.10, 0.15)),
        ("ICH Q3A(R2)", 2.0, (0.05, 0.05, 0.05)),
        ("ICH Q3A(R2)", 3.0, (0.03, 0.05, 0.05)),
        ("ICH Q3B(R2)", 0.0005, (0.1, 1.0, 1.0)),
        ("ICH Q3B(R2)", 0.001, (0.1, 0.5, 1.0)),
        ("ICH Q3B(R2)", 0.008, (0.1, 0.25, 0.625)),
        ("ICH Q3B(R2)", 0.01, (0.1, 0.2, 0.5)),
        ("ICH Q3B(R2)", 0.1, (0.1, 0.2, 0.2)),
        ("ICH Q3B(R2)", 2.5, (0.05, 0.10, 0.15)),
    ],
)
def test_thresholds_follow_from_the_daily_dose_as_the_guideline_says(
    name: str, dose: float, wanted: tuple[float, ...]
) -> None:
    guideline = guidelines.named(name)
    assert guideline is not None
    assert tuple(guidelines.thresholds(guideline, dose).values()) == pytest.approx(wanted)


def test_limits_of_an_entry_follow_from_the_dose_of_its_product() -> None:
    assert small().limits("one") == pytest.approx({"reporting": 0.1, "identification": 0.2, "qualification": 0.5})


def test_a_mutagenic_impurity_is_limited_by_its_acceptable_intake_and_the_length_of_treatment() -> None:
    mutagenic = ("{guideline: ICH Q3B(R2)}", "{guideline: ICH Q3B(R2), m7_class: 3}")
    assert small(*mutagenic).limits("one")["acceptable_intake"] == pytest.approx(0.0075)
    short = SMALL.replace(*mutagenic).replace("lifetime", "up_to_1_month")
    assert read(short.encode(), "x").limits("one")["acceptable_intake"] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("treatment", "one", "together"),
    [("up_to_1_month", 120, 120), ("up_to_12_months", 20, 60), ("up_to_10_years", 10, 30), ("lifetime", 1.5, 5)],
)
def test_acceptable_intakes_are_those_of_tables_2_and_3_of_ich_m7(
    treatment: guidelines.Treatment, one: float, together: float
) -> None:
    found = guidelines.known().intakes[0].treatment[treatment]
    assert (found.one, found.all) == (one, together)


def test_acceptable_intakes_are_refused_for_products_that_ich_m7_leaves_out() -> None:
    own = "product-specific, because: study, reporting: 0.1, identification: 0.5, qualification: 1.0, m7_class: 3"
    peptide = SMALL.replace("kind: small_molecule", "kind: peptide")
    assert "ICH M7(R2) is not meant for a peptide; write product-specific limits" in told(
        peptide, "guideline: ICH Q3B(R2)", f"guideline: {own}"
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("kind: small_molecule", "kind: peptide", "ICH Q3B(R2) does not hold for a peptide; write product-specific"),
        ("drug_product", "drug_substance", "ICH Q3B(R2) is for a drug_product"),
        ("guideline: ICH Q3B(R2)", "guideline: ICH Q3Z", "expected one of ICH Q3A(R2), ICH Q3B(R2)"),
        ("(R2)}", "(R2), edition: '1999'}", "is known in the edition 2006-06-02"),
        ("(R2)}", "(R2), reporting: 0.15}", "reporting: found 0.15 above the 0.1 of ICH Q3B(R2) at this dose"),
        ("(R2)}", "(R2), alert: 0.4, action: 0.3}", "found alert 0.4 above action 0.3"),
        ("(R2)}", "(R2), m7_class: 1}", "class 1 needs intake"),
        ("(R2)}", "(R2), m7_class: 2, specification: 0.01}", "above the 0.0075 of the acceptable intake"),
        ("loq: 0.0005", "loq: 0.2", "found 0.2 above the 0.1 that must be seen"),
        ("lod: 0.0002", "lod: 0.02", "above the 0.0005 that can be quantified"),
        ("tag: P.L,", "tag: P.K,", "found P.K, expected a channel of the signature"),
        ("class: degradation", "class: mutagenic", "needs limits with its m7_class"),
        ("class: degradation", "class: analytical_artefact", "an artefact is no change of the product"),
        ("author: A", "author: A, hash: abc", "it was changed"),
        ("status: draft", "status: approved", "approved entry without approver, date, effective_from, evidence"),
        ("author: A", "author: A, date: yesterday", "expected a day such as 2026-11-21"),
        ("{kind: ramp}", "{kind: exponential, tau: 1h, to: 10m}", "expected more than the 3600 s of tau"),
    ],
)
def test_what_is_no_science_is_one_sentence_with_its_place(old: str, new: str, said: str) -> None:
    assert said in told(SMALL, old, new)


def test_an_entry_that_lists_a_channel_in_two_minds_is_refused() -> None:
    assert "which the signature moves" in told(SAID, "excluded: [PEP.MET_O, PEP.RT_MAIN]", "excluded: [PEP.DIMER]")
    assert "expected channels of the signature" in told(SAID, "order: [[PEP.MET_O]", "order: [[PEP.D_ASP]")


def test_product_specific_limits_say_what_they_rest_on() -> None:
    said = told(SMALL, "guideline: ICH Q3B(R2)", "guideline: product-specific, reporting: 0.1")
    assert "need identification, qualification" in said


def test_the_hash_of_an_entry_is_that_of_what_it_says_and_not_of_who_said_so() -> None:
    first, other = small(), small("author: A", "author: B")
    assert first.entries["one"].fingerprint == other.entries["one"].fingerprint
    assert small("[1, 1]", "[1, 2]").entries["one"].fingerprint != first.entries["one"].fingerprint
    signed = small("author: A", f"author: A, hash: {first.entries['one'].fingerprint}")
    assert signed.entries["one"].governance.hash


def test_an_approved_entry_names_two_persons_its_evidence_and_what_came_of_its_trial() -> None:
    behind = (
        "status: approved, author: A, approver: B, date: 2026-11-02, effective_from: 2026-11-16, evidence: [V-17], "
        "validation: {power: 0.95, false_per_week: 0.02, how: report V-17}"
    )
    assert small("status: draft, author: A", behind).entries["one"].matched
    assert "expected two persons" in told(
        SMALL, "status: draft, author: A", behind.replace("approver: B", "approver: A")
    )


def test_the_schema_knows_every_field() -> None:
    entry = schema()["$defs"]["Entry"]["properties"]  # type: ignore[index]
    assert {"identity", "expectation", "limits", "signature", "order", "excluded", "meaning", "governance"} <= set(
        entry
    )


@pytest.mark.parametrize("file", sorted(HERE.rglob("*.library.yaml")), ids=lambda file: file.name)
def test_every_shipped_library_is_sound(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "found.json"
    told = status(["library", "check", str(file), "--trials", "40", "--points", "300", "--json", str(out)])
    found = json.loads(out.read_text())
    assert (told, found["errors"], found["files"][0]["objections"]) == (0, [], {})
    assert found["seed"] == 1


def test_entries_that_cannot_be_told_apart_fail_the_check(tmp_path: Path) -> None:
    twin = SAID.replace("  racemisation:", "  twin:").replace("PEP.D_ASP: [1.0, 1.0]", "PEP.DES_GLY: [1.0, 1.0]")
    twin = twin.replace("PEP.DES_GLY: [0.0, 0.2]}", "PEP.DIMER: [-0.1, 0.1]}").replace(
        "tag: PEP.D_ASP", "tag: PEP.DES_GLY"
    )
    file, out = tmp_path / "twin.library.yaml", tmp_path / "found.json"
    file.write_text(twin)
    assert status(["library", "check", str(file), "--trials", "40", "--points", "100", "--json", str(out)]) == 1
    assert "cannot be told apart" in str(json.loads(out.read_text())["files"][0]["objections"])


def test_an_entry_too_small_to_be_seen_fails_the_check(tmp_path: Path) -> None:
    file = tmp_path / "faint.library.yaml"
    file.write_text(SAID.replace("least: 0.12", "least: 0.005", 1))
    assert status(["library", "check", str(file), "--trials", "40", "--points", "100"]) == 1


def test_a_file_that_is_no_library_is_bad_input(tmp_path: Path) -> None:
    file = tmp_path / "bad.library.yaml"
    file.write_text("library: 2\n")
    assert status(["library", "check", str(file)]) == 2
    assert status(["library", "check", str(tmp_path / "none.library.yaml")]) == 2
