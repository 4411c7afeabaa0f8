"""What a policy may say of quality: each mistake is one sentence, at its place."""

from __future__ import annotations

import pytest

from policies import PolicyError, parse

POLICY = """
policy: 1
line: T
revision: "1"
period: 1s
scans:
  slow: 10s
  late: {every: 10s, phase: 1s}
  once: on connect
connections:
  plc:
    protocol: opcua
    endpoint: opc.tcp://127.0.0.1:4840
    namespace: urn:t
    handshake: {heartbeat: BEAT, arm: ARM, state: STATE, scan: SCAN}
tags:
  F:
    unit: kg/h
    range: [0, 6]
    fail: [-0.5, 7]
    connection: plc
    address: s=F
    type: int16
    scale: 0.00021701388888888888
    ne43: {raw_4ma: 0, raw_20ma: 27648}
    ne107: {tag: F.HEALTH, maintenance_required: [4, 5]}
    frozen: {after: 60s, movement: 0.001}
    substitute: {by: tag, tag: G, for: 5m}
  G: {unit: kg/h, range: [0, 6], connection: plc, address: s=G, substitute: {by: hold, for: 30s}}
  T.ROOM: {unit: Cel, range: [0, 40], connection: plc, address: s=T, substitute: {by: constant, value: 20}}
  H.ROOM: {unit: "%", range: [0, 100], connection: plc, address: s=H, substitute: {by: last_good}}
  F.HEALTH: {unit: "1", range: [0, 9], connection: plc, address: s=FH, type: int32}
  F_SP: {unit: kg/h, range: [0, 6], connection: plc, address: s=SP, access: write, read_back: F_ACT}
  F_ACT: {unit: kg/h, range: [0, 6], connection: plc, address: s=ACT}
  ON: {unit: "1", range: [0, 1], connection: plc, address: s=ON, type: bool}
  ROW: {unit: "1", range: [0, 1], connection: plc, address: s=ROW, length: 3}
  BEAT: {unit: "1", range: [0, 65535], connection: plc, address: s=B, access: write, read_back: STATE}
  ARM: {unit: "1", range: [0, 1], connection: plc, address: s=A, access: write, read_back: STATE}
  STATE: {unit: "1", range: [0, 3], connection: plc, address: s=S}
  SCAN: {unit: "1", range: [0, 65535], connection: plc, address: s=C}
"""


def said(*changes: tuple[str, str]) -> list[str]:
    text = POLICY
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    try:
        parse(text.encode(), "p", {})
    except PolicyError as error:
        return [f"{problem.path}: {problem.message}" for problem in error.problems]
    return []


def test_everything_that_can_be_said_of_quality_is_understood() -> None:
    assert said() == []
    tags = parse(POLICY.encode(), "p", {}).tags
    flow = tags["F"]
    assert flow.ne43 is not None
    assert flow.ne107 is not None
    assert flow.frozen is not None
    assert (flow.fail, flow.ne43.raw_20ma, flow.ne107.failure) == ((-0.5, 7.0), 27648.0, (1,))
    assert (flow.frozen.after_s, flow.frozen.movement) == (60.0, 0.001)
    assert [tag.substitute.by for tag in tags.values() if tag.substitute] == ["tag", "hold", "constant", "last_good"]


FROZEN = ", frozen: {after: 60s}}"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("fail: [-0.5, 7]", "fail: [0.5, 7]", "fail: found 0.5 to 7, expected limits that hold the range, 0 to 6"),
        (
            "fail: [-0.5, 7]",
            "fail: [7, -0.5]",
            "fail: expected the lower value first and the higher second, found 7 and -0.5",
        ),
        (
            "raw_4ma: 0, raw_20ma: 27648",
            "raw_4ma: 27648, raw_20ma: 0",
            "ne43: found 0 at 20 mA and 27648 at 4 mA, expected more at 20 mA; turn it round by scale and offset",
        ),
        ("tag: F.HEALTH", "tag: F.HELTH", "ne107.tag: found 'F.HELTH', expected the name of a tag; did you mean"),
        ("tag: F.HEALTH", "tag: F", "ne107.tag: found 'F' itself, expected the tag that shows the state"),
        ("tag: F.HEALTH", "tag: ROW", "ne107.tag: found 'ROW' of 3 values, expected a tag of one value"),
        (
            "required: [4, 5]",
            "required: [1, 5]",
            "ne107.maintenance_required: found 1 for failure and maintenance_required, expected it for one of them",
        ),
        (
            "tag: F.HEALTH, maintenance_required: [4, 5]",
            "tag: F.HEALTH, normal: [1]",
            "ne107.normal: found 1 for normal and failure, expected it for one of them",
        ),
        ("after: 60s", "after: 1s", "frozen.after: found 1 s, expected at least 2 periods of 1 s"),
        ("movement: 0.001", "movement: 6", "frozen.movement: found 6, expected less than the range of 6"),
        ("movement: 0.001", "also: [F.NO]", "frozen.also[0]: found 'F.NO', expected another tag"),
        ("movement: 0.001", "also: [F]", "frozen.also[0]: found 'F', expected another tag"),
        ("movement: 0.001", "movement: -1", "frozen.movement: found -1, expected a number of at least 0"),
        ("tag: G,", "tag: GG,", "substitute.tag: found 'GG', expected the name of a tag; did you mean 'G'?"),
        ("tag: G,", "tag: F,", "substitute.tag: found 'F' itself, expected another tag"),
        ("tag: G,", "tag: T.ROOM,", "substitute.tag: found 'T.ROOM' in Cel, expected a tag in kg/h as 'F'"),
        ("for: 5m", "for: 500ms", "substitute.for: found 0.5 s, expected at least one period of 1 s"),
        ("by: tag, tag: G, for: 5m", "by: hold", "substitute.for: missing, expected a duration such as 500ms"),
    ],
)
def test_a_mistake_is_one_sentence(old: str, new: str, sentence: str) -> None:
    (found,) = said((old, new))
    assert found.startswith(f"tags.F.{sentence}")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "address: s=G,",
            "address: s=G, scan: slow, frozen: {after: 15s},",
            "G.frozen.after: found 15s, expected at least 2 scans, 20s,",
        ),
        (
            "address: s=G,",
            "address: s=G, scan: late, frozen: {after: 15s},",
            "G.frozen.after: found 15s, expected at least",
        ),
        (
            "address: s=G,",
            "address: s=G, scan: once, frozen: {after: 15s},",
            "G.frozen.after: found 15s, expected no such rule for",
        ),
        ("type: bool}", f"type: bool{FROZEN}", "ON.frozen: found it on a switch, which may stand still"),
        ("type: bool}", "type: bool, ne43: {}}", "ON.ne43: found a current on a switch or a setpoint, expected a"),
        ("read_back: F_ACT}", f"read_back: F_ACT{FROZEN}", "F_SP.frozen: found it on a setpoint, which"),
        ("address: s=ACT}", f"address: s=ACT{FROZEN}", "F_ACT.frozen: found it on the read-back of a setpoint"),
        ("address: s=C}", f"address: s=C{FROZEN}", "SCAN.frozen: found it on a word of the handshake"),
        ("value: 20}", "value: 41}", "T.ROOM.substitute.value: found 41, expected a value in the range of 0 to 40"),
        (
            "length: 3}",
            "length: 3, substitute: {by: last_good}}",
            "ROW.substitute: found a substitute for 3 values, expected it for one measured value",
        ),
        (
            "address: s=C}",
            "address: s=C, substitute: {by: last_good}}",
            "SCAN.substitute: found a substitute for a word of the handshake, expected it for one measured value",
        ),
        (
            "address: s=ACT}",
            "address: s=ACT, substitute: {by: last_good}}",
            "F_ACT.substitute: found a substitute for the read-back of a setpoint, expected it for one measured value",
        ),
        (
            "type: bool}",
            "type: bool, substitute: {by: last_good}}",
            "ON.substitute: found a substitute for a switch, expected it for one measured value",
        ),
        (
            "type: int32}",
            "type: int32, ne107: {tag: STATE}}",
            "F.ne107.tag: found 'F.HEALTH', which has an ne107 of its own, expected a tag that shows a state",
        ),
        (
            "{by: last_good}",
            "{by: first_good}",
            "H.ROOM.substitute.by: found 'first_good', expected constant, hold, last_good or tag",
        ),
    ],
)
def test_what_may_stand_still_or_is_no_measurement_is_named(old: str, new: str, sentence: str) -> None:
    (found,) = said((old, new))
    assert found.startswith(f"tags.{sentence}")


def test_only_tags_of_one_connection_can_stand_still_together() -> None:
    other = "  pat: {protocol: modbus, host: 127.0.0.1}\ntags:\n"
    found = said(
        ("tags:\n", other),
        (
            "  G: {unit: kg/h, range: [0, 6], connection: plc, address: s=G",
            '  G: {unit: kg/h, range: [0, 6], connection: pat, address: "input:1"',
        ),
        ("movement: 0.001", "also: [G]"),
    )
    assert found == ["tags.F.frozen.also[0]: found G, expected a tag of plc: one image, one fate"]
