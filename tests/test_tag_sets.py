"""The tags that each line was specified to show and to take stand in its tag map."""

from collections.abc import Mapping
from itertools import product

import pytest

from policies import Access, load, shipped

SHOWN: Mapping[str, Mapping[str, str]] = {
    "A": {
        "FDR_API FDR_EXC FDR_LUB": "W F_PV N MODE REFILL",
        "BLD": "N_PV",
        "HOP": "M",
        "NIR": "SPECTRUM",
        "PRS": "RPM MCF FILL GAP M_TAB HARD",
        "LINE": "TOTAL_PV DIVERT",
        "SUP_F SUP_L": "STATE ECHO",
    },
    "B": {
        "FDR_API FDR_EXC": "W F_PV N MODE REFILL",
        "PMP": "F_PV",
        "TSG": "N_PV TORQUE T_BARREL",
        "CAM_W CAM_M": "D10 D50 D90",
        "DRY": "TIN_PV AIR_PV T_OUT T_BED Y_IN Y_OUT CELL_ID",
        "MIL": "N_PV",
        "NIR_LOD NIR_API": "",
        "SUP_G SUP_D": "STATE ECHO",
    },
    "C": {
        "P1 P2 P3": "F_PV",
        "R1": "T_PV P",
        "R2": "T_PV PH2_PV",
        "FTIR": "SM P",
        "UHPLC": "SEQ T_INJ T_RES METHOD VERSION N_PEAK RRT AREA",
        "SUP_P SUP_R": "STATE ECHO",
    },
}
"""What a PLC shows, by units; the results of line A's NIR are those of the soft sensor that reads its spectrum."""

TAKEN: Mapping[str, str] = {
    "A": "FDR_API.F_SP FDR_EXC.F_SP BLD.N_SP PRS.MCF_SP PRS.GAP_SP SUP_F.HEARTBEAT SUP_L.HEARTBEAT",
    "B": "FDR_API.F_SP FDR_EXC.F_SP PMP.LS_SP TSG.N_SP DRY.TIN_SP DRY.AIR_SP DRY.TFILL_SP MIL.N_SP",
    "C": "P1.F_SP P2.F_SP P3.F_SP EQ_SP R1.T_SP R2.T_SP R2.PH2_SP",
}
"""What a PLC takes from a supervisory controller."""


def specified(line: str) -> set[str]:
    return {
        f"{unit}.{tag}" if tag else unit
        for units, tags in SHOWN[line].items()
        for unit, tag in product(units.split(), tags.split() or [""])
    }


@pytest.mark.parametrize(("name", "line"), [("A", "A"), ("B", "B"), ("B2", "B"), ("C", "C")])
def test_every_tag_that_was_specified_stands_in_the_tag_map(name: str, line: str) -> None:
    tags = load(shipped(name)).tags
    assert not specified(line) - tags.keys()
    assert {tags[tag].access for tag in specified(line)} == {Access.READ}


@pytest.mark.parametrize(("name", "line"), [("A", "A"), ("B", "B"), ("B2", "B"), ("C", "C")])
def test_every_setpoint_that_was_specified_is_written_and_read_back(name: str, line: str) -> None:
    tags = load(shipped(name)).tags
    for setpoint in TAKEN[line].split():
        assert tags[setpoint].access is Access.WRITE
        assert tags[setpoint].read_back in tags


def test_the_tables_of_the_chromatograph_hold_sixteen_peaks() -> None:
    tags = load(shipped("C")).tags
    assert (tags["UHPLC.RRT"].length, tags["UHPLC.AREA"].length) == (16, 16)
