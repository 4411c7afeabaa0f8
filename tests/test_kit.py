"""A policy made ready: what each loop has to do with."""

import shutil
from pathlib import Path

from controller.kit import prepare
from policies import load, shipped

SPARE = """
  spare:
    protocol: modbus
    host: 127.0.0.1
    port: 5021
    unit_id: 1
    timeout: 300ms
    handshake: {heartbeat: SUP_X.HEARTBEAT, arm: SUP_X.ARM, state: SUP_X.STATE, scan: SUP_X.SCAN}
"""
WORDS = """
  SUP_X.SCAN: {unit: "1", range: [0, 4294967295], connection: spare, address: "input:60", type: uint32}
  SUP_X.STATE: {unit: "1", range: [0, 3], connection: spare, address: "input:62", type: uint16}
  SUP_X.ECHO: {unit: "1", range: [0, 65535], connection: spare, address: "input:63", type: uint16}
  SUP_X.HEARTBEAT:
    {unit: "1", range: [0, 65535], connection: spare, address: "holding:7", type: uint16, access: write,
     read_back: SUP_X.ECHO}
  SUP_X.ARM:
    {unit: "1", range: [0, 1], connection: spare, address: "holding:6", type: uint16, access: write,
     read_back: SUP_X.STATE}
"""


def test_a_loop_has_nothing_to_do_with_a_plc_it_neither_reads_nor_moves(tmp_path: Path) -> None:
    here = shutil.copytree(shipped("A").parent, tmp_path / "a") / "line_a.yaml"
    text = (
        here.read_text().replace("\nconnections:\n", "\nconnections:" + SPARE).replace("\ntags:\n", "\ntags:" + WORDS)
    )
    here.write_text(text)
    policy = load(here)
    assert set(policy.connections) == {"feeders", "line", "spare"}
    assert prepare(policy).loops["blend"].connections == {"feeders", "line"}
