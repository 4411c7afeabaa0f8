"""`steadyline probe` and `steadyline browse` against real servers, as a person on site calls them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from background import background
from modbus_device import cdab, device
from opcua_plant import NAMESPACE, Plant
from scripted import hexed, scripted

from controller.cli.app import status
from policies import parse


@pytest.fixture(scope="module")
def plant() -> Iterator[Plant]:
    plant = Plant()
    plant.start()
    yield plant
    plant.stop()


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, wait_s in {"_OPENING_S": 0.5, "_READING_S": 1.0, "_BETWEEN_S": 0.05, "_KNOCKING_S": 1.0}.items():
        monkeypatch.setattr(f"plant_io.survey.{name}", wait_s)


def modbus(port: int, tags: str, connection: str = "") -> str:
    link = f"{{protocol: modbus, host: 127.0.0.1, port: {port}, timeout: 1s{connection}}}"
    return f'policy: 1\nline: T\nrevision: "1"\nperiod: 100ms\nconnections:\n  plc: {link}\ntags:\n{tags}'


def opcua(port: int, tags: str, namespace: str = NAMESPACE) -> str:
    where = f"endpoint: opc.tcp://127.0.0.1:{port}, namespace: {namespace}"
    link = f"{{protocol: opcua, {where}, security: None, timeout: 2s}}"
    return f'policy: 1\nline: T\nrevision: "1"\nperiod: 100ms\nconnections:\n  plc: {link}\ntags:\n{tags}'


def tag(name: str, address: str, kind: str = "uint16", unit: str = "1", span: tuple[float, float] = (0, 100)) -> str:
    return f'  {name}: {{unit: "{unit}", range: {list(span)}, connection: plc, address: "{address}", type: {kind}}}\n'


class Probed:
    """What a probe said and how it ended."""

    def __init__(self, folder: Path, policy: str, *options: str) -> None:
        path, result = folder / "line.yaml", folder / "probe.json"
        path.write_text(policy)
        self.status = status(["probe", str(path), "--json", str(result), *options])
        found: dict[str, Any] = json.loads(result.read_text()) if result.exists() else {}
        self.tags = {row["name"]: row for row in found.get("tags", [])}
        self.links = found.get("links", [])
        self.troubles = [(each["trouble"], each["tag"]) for each in found.get("troubles", [])]
        self.sentences = [each["sentence"] for each in found.get("troubles", [])]


def test_a_healthy_device_is_status_0_with_every_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with background(device()) as plc:
        found = Probed(tmp_path, modbus(plc.port, tag("A", "input:0", unit="[ppm]")))
    assert (found.status, found.troubles) == (0, [])
    row = found.tags["A"]
    assert (row["value"], row["quality"], row["reason"], row["unit"]) == (0.0, "good", "", "[ppm]")
    assert 0.0 <= row["age_s"] < 1.0
    assert found.links[0]["answers"]
    assert 0.0 < found.links[0]["read_ms"] < 1000.0
    assert "[ppm]" in capsys.readouterr().err


@pytest.mark.parametrize(("value", "ended"), [(3.25, 0), (1234.5, 1)])
def test_a_wrong_byte_order_is_found_out(tmp_path: Path, value: float, ended: int) -> None:
    words = b"".join(word.to_bytes(2, "big") for word in [*cdab(value), *cdab(2.5)])
    tags = tag("A", "input:0", "float32", span=(ended, 10000)) + tag("B", "input:2", "float32")
    with background(scripted(lambda _: [hexed("01 04 08") + words])) as plc:
        found = Probed(tmp_path, modbus(plc.port, tags))
    assert found.status == ended
    assert found.troubles == [("word_order", "A"), ("word_order", "B")]
    assert f"with byte_order: CDAB it would read {value:g}" in found.sentences[0]


def test_a_hole_is_the_tag_and_the_address(tmp_path: Path) -> None:
    with background(device(hole=5)) as plc:
        found = Probed(tmp_path, modbus(plc.port, tag("A", "input:0") + tag("B", "input:5") + tag("C", "input:9")))
    assert found.status == 1
    assert found.troubles == [("illegal_address", "B")]
    assert (found.tags["B"]["quality"], found.tags["B"]["reason"]) == ("bad", "refused")


def test_a_hole_that_nobody_asked_for_is_told_and_harms_nothing(tmp_path: Path) -> None:
    with background(device(hole=5)) as plc:
        found = Probed(tmp_path, modbus(plc.port, tag("A", "input:0") + tag("C", "input:9")))
    assert (found.status, found.troubles) == (0, [("hole", None)])


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [("01 84 01", "illegal_function"), ("01 84 04", "device_failure"), ("01 84 06", "busy"), ("01 84 0B", "unit_id")],
)
def test_an_exception_is_named(tmp_path: Path, answer: str, trouble: str) -> None:
    with background(scripted(lambda _: [hexed(answer)])) as plc:
        found = Probed(tmp_path, modbus(plc.port, tag("A", "input:0")))
    assert (found.status, found.troubles) == (1, [(trouble, "A")])


def test_a_device_that_shows_another_text_is_refused_by_name(tmp_path: Path) -> None:
    text = ', texts: {SERIAL: {address: "holding:9", length: 2, expect: A7}}'
    with background(scripted(lambda _: [hexed("01 03 02 41 38")])) as plc:
        found = Probed(tmp_path, modbus(plc.port, tag("A", "input:0"), text))
    assert (found.status, found.troubles) == (3, [("wrong_device", None)])
    assert "SERIAL should be 'A7', and the device shows 'A8'" in found.sentences[0]


def test_texts_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = ', texts: {SERIAL: {address: "holding:9", length: 2}}'
    answers = {3: "01 03 02 41 37", 4: "01 04 02 00 07"}
    with background(scripted(lambda pdu: [hexed(answers[pdu[1]])])) as plc:
        found = Probed(tmp_path, modbus(plc.port, tag("A", "input:0"), text))
    assert found.links[0]["texts"] == {"SERIAL": "A7"}
    assert "SERIAL: 'A7'" in capsys.readouterr().err


def test_nothing_that_listens_is_status_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = Probed(tmp_path, modbus(9, tag("A", "input:0")))
    assert (found.status, found.troubles) == (3, [("refused", None)])
    said = capsys.readouterr().err
    assert "no connection answers: plc" in said
    assert "Start the server of the PLC" in said


def test_a_device_without_an_answer_is_one_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Probed(tmp_path, modbus(9, "".join(tag(f"A{i}", f"input:{i}") for i in range(30))))
    said = capsys.readouterr().err
    assert "30 tags, none read" in said
    assert "A17" not in said


def test_a_host_that_does_not_exist_is_said_so(tmp_path: Path) -> None:
    found = Probed(tmp_path, modbus(502, tag("A", "input:0")), "--connect", "plc=no-such-host.invalid:502")
    assert (found.status, found.troubles) == (3, [("unknown_host", None)])


def test_a_device_that_says_nothing_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    with background(scripted(lambda _: [])) as plc:
        found = Probed(tmp_path, modbus(plc.port, tag("A", "input:0")))
    assert (found.status, found.troubles) == (3, [("silent", None)])
    assert found.tags["A"]["reason"] == "never read"


def test_one_dead_device_of_two_leaves_the_other_readable(tmp_path: Path) -> None:
    with background(device()) as plc:
        both = modbus(
            plc.port, tag("A", "input:0") + tag("B", "input:0").replace("connection: plc", "connection: gone")
        )
        dead = "  gone: {protocol: modbus, host: 127.0.0.1, port: 9}\ntags:"
        found = Probed(tmp_path, both.replace("tags:", dead))
    assert found.status == 1
    assert [found.tags[name]["quality"] for name in ("A", "B")] == ["good", "bad"]
    assert found.troubles == [("refused", None)]


def test_opc_ua_troubles_are_named_with_what_the_server_has(tmp_path: Path, plant: Plant) -> None:
    tags = (
        tag("A", "s=A", "float64")
        + tag("GONE", "s=SPECTRUMM", "float64")
        + tag("KIND", "s=INT16", "float32")
        + tag("ROW", "s=SPECTRUM", "float64")
    )
    found = Probed(tmp_path, opcua(plant.port, tags))
    assert found.status == 1
    assert found.troubles == [("node_missing", "GONE"), ("wrong_type", "KIND"), ("length", "ROW")]
    assert found.sentences[0].endswith("BadNodeIdUnknown for s=SPECTRUMM; the nearest it has is s=SPECTRUM")
    assert found.sentences[1] == "the server holds Int16, the policy says float32"


def test_a_wrong_namespace_is_answered_with_those_there_are(tmp_path: Path, plant: Plant) -> None:
    found = Probed(tmp_path, opcua(plant.port, tag("A", "s=A", "float64"), "urn:tset:plant"))
    assert (found.status, found.troubles) == (3, [("namespace", None)])
    assert NAMESPACE in found.sentences[0]


def test_a_tag_that_is_declared_writable_and_is_not_is_told(tmp_path: Path, plant: Plant) -> None:
    written = tag("A", "s=A", "float64").replace("}", ", access: write, read_back: B}")
    plant.do(plant.nodes["A"].set_writable(False))  # asyncua's own signature
    try:
        found = Probed(tmp_path, opcua(plant.port, written + tag("B", "s=B", "float64")))
    finally:
        plant.do(plant.nodes["A"].set_writable())
    assert (found.status, found.troubles) == (0, [("read_only", "A")])


def test_a_driver_that_is_not_installed_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = modbus(1, tag("A", "x")).replace("protocol: modbus, host: 127.0.0.1, port: 1", "protocol: s7, options: {}")
    assert Probed(tmp_path, policy).status == 2
    assert status(["run", str(tmp_path / "line.yaml"), "--record", str(tmp_path / "r")]) == 2
    assert capsys.readouterr().err.count("no driver for the protocol s7 is installed; installed are modbus, opcua") == 2


def test_what_browse_prints_is_a_policy_that_can_be_probed(
    tmp_path: Path, plant: Plant, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(["browse", f"opc.tcp://127.0.0.1:{plant.port}", "--json", str(tmp_path / "nodes.json")]) == 0
    printed = capsys.readouterr()
    head = 'policy: 1\nline: T\nrevision: "1"\nperiod: 1s\n'
    policy = parse((head + printed.out).encode(), "pasted", {})
    assert (policy.tags["SPECTRUM"].length, policy.tags["INT16"].type) == (64, "int16")
    assert "TEXT" not in policy.tags
    nodes = {node["path"]: node for node in json.loads((tmp_path / "nodes.json").read_text())["nodes"]}
    assert (nodes["TEXT"]["type"], nodes["TEXT"]["identifier"]) == ("String", "s=TEXT")
    assert "s=SPECTRUM" in printed.err
    found = Probed(tmp_path, head + printed.out)
    assert set(found.tags) == set(policy.tags)
    assert found.status == 0


@pytest.mark.parametrize(
    ("arguments", "ended", "said"),
    [
        (["http://127.0.0.1"], 2, "endpoint: found 'http://127.0.0.1', wanted an address such as opc.tcp://"),
        (["opc.tcp://127.0.0.1:9"], 3, "opc.tcp://127.0.0.1:9: "),
        (["opc.tcp://127.0.0.1:9", "--security", "Basic"], 2, "security: found 'Basic', wanted None, Basic256Sha256"),
        (["opc.tcp://127.0.0.1:9", "--user", "op"], 2, "wanted a name, with --password-from"),
    ],
)
def test_a_mistake_in_browse_is_one_sentence(
    arguments: list[str], ended: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(["browse", *arguments]) == ended
    printed = capsys.readouterr()
    assert said in printed.err
    assert (printed.out, "Traceback" in printed.err) == ("", False)
