"""Tags from a table beside the policy: the same tags, the same checks, with the place of every cell."""

from pathlib import Path

import pytest

from policies import PolicyError, load, parse, schema

POLICY = """
policy: 1
line: tables
revision: "1"
period: 1s
connections:
  plc: {protocol: modbus, host: 127.0.0.1}
tag_table: tags.csv
tags:
  LEVEL: {unit: m, range: [0, 5], connection: plc, address: "input:0", type: float32}
"""
TABLE = """name,unit,low,high,connection,address,type,scale,access,read_back,stale_after,description
# the feeder
FLOW,kg/h,0,6,plc,input:2,float32,,,,,Mass flow
SPEED,/min,0,200,plc,input:4,uint16,0.1,,,5s,"Screw speed, ""raw"" tenths"
FLOW_SP,kg/h,0,6,plc,holding:0,float32,,write,FLOW,,

MODE,1,0,3,plc,input:5,uint16,,,,,
"""


def said(table: str | bytes, policy: str = POLICY) -> list[str]:
    data = table if isinstance(table, bytes) else table.encode()
    try:
        parse(policy.encode(), "line.yaml", {"tags.csv": data})
    except PolicyError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_a_table_gives_the_same_tags_as_the_policy_would() -> None:
    policy = parse(POLICY.encode(), "line.yaml", {"tags.csv": TABLE.encode()})
    assert list(policy.tags) == ["LEVEL", "FLOW", "SPEED", "FLOW_SP", "MODE"]
    speed = policy.tags["SPEED"]
    assert (speed.unit, speed.range, speed.scale, speed.type) == ("/min", (0, 200), 0.1, "uint16")
    assert (speed.stale_after_s, speed.description) == (5.0, 'Screw speed, "raw" tenths')
    assert (policy.tags["FLOW_SP"].access, policy.tags["FLOW_SP"].read_back) == ("write", "FLOW")
    assert (policy.tags["MODE"].unit, policy.tags["MODE"].stale_after_s) == ("1", 3.0)


def test_all_tags_may_stand_in_the_table(tmp_path: Path) -> None:
    (tmp_path / "line.yaml").write_text(POLICY.partition("tags:\n")[0])
    (tmp_path / "tags.csv").write_text(TABLE)
    assert len(load(tmp_path / "line.yaml").tags) == 4


def test_the_table_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "line.yaml").write_text(POLICY)
    (tmp_path / "tags.csv").write_text(TABLE)
    before = load(tmp_path / "line.yaml")
    (tmp_path / "tags.csv").write_text(TABLE + "\n")
    assert set(before.files) == {"", "tags.csv"}
    assert load(tmp_path / "line.yaml").fingerprint != before.fingerprint


@pytest.mark.parametrize("text", [TABLE.replace(",", ";").replace("speed;", "speed,"), TABLE.replace("\n", "\r\n")])
def test_tables_come_as_spreadsheets_write_them(text: str) -> None:
    policy = parse(POLICY.encode(), "line.yaml", {"tags.csv": b"\xef\xbb\xbf" + text.encode()})
    assert policy.tags["SPEED"].description == 'Screw speed, "raw" tenths'
    assert len(policy.tags) == 5


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("FLOW,kg/h", "FLOW,kg/hr", "tags.csv:3:6: tags.FLOW.unit: found 'kg/hr', expected a UCUM code such as kg/h"),
        ("uint16,0.1", "uint16,a", "tags.csv:4:37: tags.SPEED.scale: found 'a', expected a number in /min"),
        ("FLOW,kg/h,0,6", "FLOW,kg/h,6,0", "tags.csv:3:11: tags.FLOW.range: expected the lower value first"),
        ("FLOW,kg/h,0,6", "FLOW,kg/h,,6", "tags.csv:3:12: tags.FLOW.range[0]: found nothing, expected a number"),
        ("FLOW,kg/h,0,6", "FLOW,kg/h,,", "tags.csv:3:1: tags.FLOW.range: missing, expected two numbers in kg/h"),
        ("write,FLOW,", "write,,", "tags.csv:5:1: tags.FLOW_SP.read_back: missing, expected the tag that shows"),
        ("FLOW,kg/h", "LEVEL,kg/h", "tags.csv:3:1: tags.LEVEL: written twice, first in line 10 of line.yaml"),
        ("SPEED,/min", "FLOW,/min", "tags.csv:4:1: tags.FLOW: written twice, first in line 3 of tags.csv"),
        ("SPEED,/min", ",/min", "tags.csv:4:1: line 4: missing, expected the name of a tag"),
        ("MODE,1", "MO-DE,1", "tags.csv:7:1: tags.MO-DE: found 'MO-DE', expected a name of letters, digits and"),
        (
            "input:5",
            "input:1",
            "tags.csv:7:16: tags.MODE.address: found input:1 to 1, part of which 'LEVEL' uses too; expected a place",
        ),
        ("unit,low", "unti,low", "tags.csv:1:6: unti: unknown column; did you mean 'unit'?"),
        ("scale,access", "scale,scale", "tags.csv:1:50: scale: written twice, expected it once"),
        ("name,unit", "tag,unit", "tags.csv:1:1: name: missing, expected a column with the names of the tags"),
        (",,,5s,", ",,5s,", "tags.csv:4:1: line 4: found 11 cells, expected 12 as in the first line"),
        ('"Screw', 'A "Screw', "tags.csv:4:46: found a quotation mark inside a cell, expected it doubled"),
    ],
)
def test_a_mistake_in_a_table_is_said_where_it_stands(old: str, new: str, sentence: str) -> None:
    assert TABLE.count(old) == 1
    found = said(TABLE.replace(old, new))
    assert found
    assert found[0].startswith(sentence)


def test_what_is_no_table_is_said_in_one_sentence() -> None:
    assert said(b"name\n\xff\n")[0].startswith("tags.csv:2:1: found the byte 0xff, expected text in UTF-8")
    assert said("")[0].startswith("tags.csv:1:1: name: missing, expected a column with the names of the tags")


def test_a_table_that_is_not_there_is_said_at_its_name(tmp_path: Path) -> None:
    (tmp_path / "line.yaml").write_text(POLICY)
    with pytest.raises(PolicyError, match=r"line.yaml:8:12: tag_table: found 'tags.csv', expected a file beside"):
        load(tmp_path / "line.yaml")


def test_a_policy_without_any_tag_is_refused() -> None:
    assert "tags" in said("name,unit\n", POLICY.partition("tags:\n")[0])[0]


def test_editors_accept_a_policy_whose_tags_are_all_in_a_table() -> None:
    found = schema()
    assert "tags" not in found["required"]  # type: ignore[operator]  # a JSON Schema is plain values
    assert {"required": ["tag_table"]} in found["anyOf"]  # type: ignore[operator]  # the same


def test_a_thousand_tags_are_read_in_less_than_three_seconds() -> None:
    rows = "".join(f"T{i},kg/h,0,6,plc,input:{10 + 2 * i},float32,,,,,\n" for i in range(1000))
    assert said(TABLE + rows) == []


RULES = "fail,ne43.raw_4ma,ne43.raw_20ma,ne107.tag,ne107.failure,frozen.after,substitute.by,substitute.for"
QUALITY = f"""name,unit,low,high,connection,address,type,{RULES}
FLOW,kg/h,0,6,plc,input:2,int16,-0.5 7,0,27648,HEALTH,1 16,60s,hold,30s
HEALTH,1,0,255,plc,input:3,uint16,,,,,,,,
"""


def test_what_is_said_of_quality_may_stand_in_the_table() -> None:
    policy = parse(POLICY.encode(), "line.yaml", {"tags.csv": QUALITY.encode()})
    flow = policy.tags["FLOW"].model_dump(include={"fail", "ne43", "ne107", "frozen", "substitute"})
    assert flow["fail"] == (-0.5, 7.0)
    assert flow["ne43"] == {"raw_4ma": 0.0, "raw_20ma": 27648.0}
    assert (flow["ne107"]["tag"], flow["ne107"]["failure"]) == ("HEALTH", (1, 16))
    assert (flow["frozen"]["after_s"], flow["substitute"]) == (60.0, {"by": "hold", "for_s": 30.0})
    assert policy.tags["HEALTH"].ne107 is None


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("-0.5 7", "7 -0.5", "tags.csv:2:33: tags.FLOW.fail: expected the lower value first"),
        ("-0.5 7", "-0.5", "tags.csv:2:33: tags.FLOW.fail: found [-0.5], expected two numbers in kg/h"),
        ("1 16", "1 x", "tags.csv:2:55: tags.FLOW.ne107.failure[1]: found 'x', expected a whole number"),
        ("60s,hold", "60,hold", "tags.csv:2:60: tags.FLOW.frozen.after: found '60', expected a duration such as 500ms"),
        ("hold,30s", "hold,", "tags.csv:2:64: tags.FLOW.substitute.for: missing, expected a duration such as 500ms"),
    ],
)
def test_a_mistake_in_a_list_or_a_section_is_said_at_its_cell(old: str, new: str, sentence: str) -> None:
    (found,) = said(QUALITY.replace(old, new))
    assert found.startswith(sentence)
