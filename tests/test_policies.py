"""Policies read from files: every mistake said at its place, one clear sentence for a file that is none."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from policies import Modbus, OpcUa, Policy, PolicyError, Problem, load, parse, rebind, schema, shipped
from policies.words import SPOKEN

HERE = Path(__file__).parent / "policies"
GOOD = (HERE / "good.yaml").read_text()
WHOLE = "a section with policy, line, revision, period, connections and tags"
FILES = {name: (HERE / name).read_bytes() for name in ("pls.json", "process.json", "small.library.yaml")}


def written(folder: Path, text: str | bytes) -> Path:
    """The files of a policy in a folder of their own."""
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    path = folder / "small.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refused(path: Path) -> list[str]:
    """What is said of the policy in a file, from the line on."""
    with pytest.raises(PolicyError) as caught:
        load(path)
    assert str(caught.value) == "\n".join(str(problem) for problem in caught.value.problems)
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


def test_ten_different_mistakes_give_ten_clear_errors(tmp_path: Path) -> None:
    path = written(tmp_path, (HERE / "ten_mistakes.yaml").read_bytes())
    assert refused(path) == (HERE / "ten_mistakes.txt").read_text().splitlines()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "1:1: the file is empty"),
        (b"# nothing but a comment\n", "1:1: the file is empty"),
        (b"line: [A\nperiod: 1s\n", "2:7: this is not YAML: expected ',' or ']', but got ':'"),
        (b"line: A\n\tperiod: 1s\n", "2:1: this is not YAML: found character '\\t' that cannot start any token"),
        ("line: Zürich".encode("latin-1"), "1:8: found the byte 0xfc, expected text in UTF-8"),
        (b"line: \x07\n", "1:7: found the character U+0007, which YAML does not permit"),
        (b"- policy\n", f'1:1: found ["policy"], expected {WHOLE}'),
        (b"[" * 4000, "1:18: found more than 16 levels, expected fewer"),
        (b"".join(b" " * n + b"a:\n" for n in range(900)), "18:18: found more than 16 levels, expected fewer"),
        (b"a: 1\n" * 800_001, "1:1: it is larger than 4000000 bytes"),
        (b"%YAML 1.1\n---\npolicy: 1\n", "2:1: found another version of YAML, expected YAML 1.2"),
        (b"policy: 1\n---\npolicy: 1\n", "2:1: found a second document, expected only one"),
        (b"? [policy]\n: 1\n", "1:3: found a section, list or alias, expected a name as key"),
        (b'"\\ud800": 1\n', "1:1: found half a character (a surrogate), expected a name as key"),
    ],
)  # fmt: skip
def test_what_is_no_policy_at_all_is_said_in_one_sentence(tmp_path: Path, data: bytes, sentence: str) -> None:
    assert refused(written(tmp_path, data)) == [sentence]


def test_a_file_that_cannot_be_read_is_said_in_one_sentence(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.yaml") == ["1:1: no such file"]
    (tmp_path / "folder.yaml").mkdir()
    assert refused(tmp_path / "folder.yaml") == ["1:1: it is no file"]


def test_bytes_at_hand_are_checked_like_files() -> None:
    with pytest.raises(PolicyError, match="found more than 4000000 bytes, expected a smaller file"):
        parse(b"#" * 4_000_001, "record", {})
    with pytest.raises(PolicyError, match=r"loops.blend.process: found 'process.json', .* no such file"):
        parse(GOOD.encode(), "record", {})


def test_a_good_policy_is_loaded_with_its_files_and_fingerprint(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    policy = load(path)
    assert policy.files == {"": path.read_bytes(), **FILES}
    assert re.fullmatch(r"[0-9a-f]{64}", policy.fingerprint)
    assert policy.loops["blend"].sample_s == 10.0


def test_the_fingerprint_can_be_checked_with_sha256sum(tmp_path: Path) -> None:
    names = ["-", *sorted(FILES)]
    contents = [GOOD.encode(), *(FILES[name] for name in sorted(FILES))]
    listing = "".join(f"{hashlib.sha256(c).hexdigest()}  {n}\n" for c, n in zip(contents, names, strict=True))
    assert load(written(tmp_path, GOOD)).fingerprint == hashlib.sha256(listing.encode()).hexdigest()


@pytest.mark.parametrize("changed", ["", "pls.json", "small.library.yaml"])
def test_any_change_of_any_file_changes_the_fingerprint(changed: str) -> None:
    before = parse(GOOD.encode(), "p", FILES)
    files = {name: data + b" " * (name == changed) for name, data in FILES.items()}
    after = parse(GOOD.encode() + b"\n" * (changed == ""), "p", files)
    assert before.fingerprint != after.fingerprint


def test_a_policy_from_a_record_equals_the_one_that_was_loaded(tmp_path: Path) -> None:
    loaded = load(written(tmp_path, GOOD))
    again = parse(loaded.files[""], "record", loaded.files)
    assert (again, again.fingerprint, again.files) == (loaded, loaded.fingerprint, loaded.files)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.json", "found 'none.json', expected a file beside the policy: no such file"),
        ("../up.json", "found '../up.json', expected the name of a file in the folder of the policy"),
        ("/etc/hosts", "found '/etc/hosts', expected the name of a file in the folder of the policy"),
        ("link.json", "found 'link.json', expected a file beside the policy: it lies outside the folder of the policy"),
        ("sub", "found 'sub', expected a file beside the policy: it is no file"),
    ],
)
def test_a_named_file_must_lie_beside_the_policy(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "line" / "sub").mkdir(parents=True)
    (tmp_path / "up.json").write_text("{}")
    (tmp_path / "line" / "link.json").symlink_to(tmp_path / "up.json")
    path = written(tmp_path / "line", GOOD.replace("pls.json", name))
    assert refused(path) == [f"41:12: soft_sensors.SOFT.API.model: {message}"]


def test_a_mistake_in_a_library_is_said_where_it_stands(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    (tmp_path / "small.library.yaml").write_bytes(
        FILES["small.library.yaml"].replace(b"severity: high", b"severity: huge")
    )
    with pytest.raises(PolicyError) as caught:
        load(path)
    assert str(caught.value) == (
        f"{tmp_path}/small.library.yaml:15:15: entries.damp.severity: found 'huge', expected high, medium or low"
    )


def test_a_site_binding_changes_addresses_and_nothing_else() -> None:
    policy = parse(GOOD.encode(), "p", FILES)
    bound = rebind(policy, {"feeder": "10.0.0.7:1502", "press": "plc.site:4841"})
    feeder, press = bound.connections["feeder"], bound.connections["press"]
    assert isinstance(feeder, Modbus)
    assert isinstance(press, OpcUa)
    assert (feeder.host, feeder.port, press.endpoint) == ("10.0.0.7", 1502, "opc.tcp://plc.site:4841")
    assert (bound.fingerprint, bound.files, bound.tags) == (policy.fingerprint, policy.files, policy.tags)
    whole = rebind(policy, {"press": "opc.tcp://plc.site:4841/line"}).connections["press"]
    assert isinstance(whole, OpcUa)
    assert whole.endpoint == "opc.tcp://plc.site:4841/line"


@pytest.mark.parametrize(
    ("name", "address", "message"),
    [
        ("feder", "h:1", "found the connection 'feder', expected one of feeder, press"),
        ("feeder", "h", "found the address 'h', expected host:port, for example 127.0.0.1:4840"),
        ("feeder", "h:0", "found the address 'h:0', expected host:port, for example 127.0.0.1:4840"),
        ("feeder", "opc.tcp://h:1", "found the address 'opc.tcp://h:1', expected host:port for a Modbus connection"),
    ],
)
def test_a_site_binding_that_is_none_is_refused(name: str, address: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        rebind(parse(GOOD.encode(), "p", FILES), {name: address})


def test_a_shipped_line_is_found_by_name_and_is_a_good_policy() -> None:
    assert [load(shipped(name)).line for name in ("a", "B", "b2", "E")] == ["A", "B", "B2", "E"]
    with pytest.raises(ValueError, match=r"^found the line 'Q', expected one of A, B"):
        shipped("Q")


def test_every_pattern_of_the_schema_is_spoken_or_described() -> None:
    definitions = json.loads(json.dumps(schema()))["$defs"]
    fields = [(key, field) for d in definitions.values() for key, field in d.get("properties", {}).items()]
    assert all(f.get("pattern") in {None, *SPOKEN} or f["description"] for _, f in fields)
    assert all(pattern in SPOKEN for _, field in fields for pattern in field.get("patternProperties", {}))


def test_the_schema_gives_durations_as_they_are_written() -> None:
    definitions = json.loads(json.dumps(schema()))["$defs"]
    assert definitions["Modbus"]["properties"]["timeout"]["default"] == "500ms"


def test_no_part_of_the_schema_accepts_an_unknown_key() -> None:
    objects = [d for d in json.loads(json.dumps(schema()))["$defs"].values() if "properties" in d]
    assert all(definition["additionalProperties"] is False for definition in objects)
    assert Policy.model_config["extra"] == "forbid"


def test_a_problem_reads_as_editors_expect_it() -> None:
    assert str(Problem("a.yaml", 3, 7, "tags.X", "missing")) == "a.yaml:3:7: tags.X: missing"
