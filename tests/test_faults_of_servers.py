"""Servers that misbehave, link by link and frame by frame: what becomes of answers, requests and nodes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hil.faults.modbus import Garbled
from hil.faults.opcua import Strange
from hil.plants.faults import Fault
from hil.rig.links import spans
from policies import Policy, load, shipped
from policies.registers import spot

ASK = bytes.fromhex("0007 0000 0006 01 04 0000 0009".replace(" ", ""))
"""Transaction 7, unit 1: nine input registers from 0 on."""
WORDS = bytes(range(18))
ANSWER = bytes.fromhex("0007 0000 0015 01 04 12".replace(" ", "")) + WORDS


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load(shipped("A"))


def answered(policy: Policy, *faults: Fault, at: float = 50.0, times: int = 1) -> bytes:
    """What comes over the wire instead of an honest answer."""
    garbled, found = Garbled(faults, policy, "feeders", lambda: at), b""
    for _ in range(times):
        assert garbled(sending=False, data=ASK) == ASK
        found = garbled(sending=True, data=ANSWER)
    return found


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("mb_exception", bytes.fromhex("000700000003018406")),
        ("mb_twice", ANSWER + ANSWER),
        ("mb_foreign", b"\x00\x52" + ANSWER[2:]),
        ("mb_unit", ANSWER[:6] + b"\x0e" + ANSWER[7:]),
        ("mb_short", ANSWER[:-3]),
    ],
)
def test_a_frame_is_spoilt_while_the_fault_is_there(policy: Policy, fault: str, found: bytes) -> None:
    struck = Fault(fault, "feeders", 40.0, 60.0)
    assert answered(policy, struck) == found
    assert [answered(policy, struck, at=at) for at in (39.0, 60.0)] == [ANSWER, ANSWER]


def test_the_code_of_an_exception_is_the_magnitude(policy: Policy) -> None:
    assert answered(policy, Fault("mb_exception", "feeders", 0.0, magnitude=2.0))[-2:] == b"\x84\x02"


def test_registers_of_one_tag_alone_are_exchanged(policy: Policy) -> None:
    first = 2 * spot(policy.tags["FDR_API.F_PV"].address).address
    words = bytearray(WORDS)
    words[first : first + 4] = WORDS[first + 2 : first + 4] + WORDS[first : first + 2]
    assert answered(policy, Fault("mb_order", "FDR_API.F_PV", 0.0)) == ANSWER[:9] + bytes(words)


def test_a_hole_is_met_by_whoever_reads_across_it(policy: Policy) -> None:
    assert answered(policy, Fault("mb_hole", "FDR_API.N", 0.0))[-2:] == b"\x84\x02"
    assert answered(policy, Fault("mb_hole", "FDR_EXC.N", 0.0)) == ANSWER


def test_a_torn_value_has_half_of_the_one_before(policy: Policy) -> None:
    garbled = Garbled([Fault("mb_torn", "FDR_API.F_PV", 0.0)], policy, "feeders", lambda: 50.0)
    first = 9 + 2 * spot(policy.tags["FDR_API.F_PV"].address).address
    garbled(sending=False, data=ASK)
    assert garbled(sending=True, data=ANSWER) == ANSWER
    fresh = ANSWER[:9] + bytes(255 - byte for byte in WORDS)
    garbled(sending=False, data=ASK)
    torn = garbled(sending=True, data=fresh)
    assert torn[first : first + 4] == ANSWER[first : first + 2] + fresh[first + 2 : first + 4]
    assert torn[:first] == fresh[:first]


def test_a_fault_of_another_device_is_none_of_ours(policy: Policy) -> None:
    garbled = Garbled([Fault("mb_short", "elsewhere", 0.0)], policy, "feeders", lambda: 50.0)
    garbled(sending=False, data=ASK)
    assert garbled(sending=True, data=ANSWER) == ANSWER


def test_a_server_refuses_forgets_and_shuts_down_while_its_faults_are_there(policy: Policy) -> None:
    now = [0.0]
    faults = [Fault(name, "line", 10.0, 20.0) for name in ("ua_busy", "ua_shutdown", "ua_forgets")]
    faults += [Fault("ua_deleted", "HOP.M", 10.0, 20.0), Fault("ua_retyped", "FDR_API.F_PV", 10.0)]
    strange = Strange(faults, policy, "line", lambda: now[0])
    seen = []
    for now[0] in (5.0, 12.0, 15.0, 25.0):
        seen.append(
            (strange.busy(), strange.shutdown(), strange.forgets(), strange.of("HOP.M"), strange.of("BLD.N_PV"))
        )
    nothing = (False, False, False, "", "")
    assert seen == [
        nothing,
        (True, True, True, "ua_deleted", ""),
        (True, True, False, "ua_deleted", ""),
        nothing,
    ]
    assert strange.of("FDR_API.F_PV") == ""


def test_a_share_of_requests_is_refused(policy: Policy) -> None:
    strange = Strange([Fault("ua_busy", "line", 0.0, magnitude=0.3, seed=1)], policy, "line", lambda: 1.0)
    assert 200 < sum(strange.busy() for _ in range(1000)) < 400


def test_a_link_that_comes_and_goes_does_so_at_times_drawn_from_its_seed() -> None:
    fault = Fault("link_drop", "line", 10.0, 200.0, "random", None, 10.0, seed=3)
    there = spans(fault, 300.0)
    assert there[0][0] == 10.0
    assert 3 < len(there) < 19
    assert all(10.0 <= begin < over <= 200.0 for begin, over in there)
    assert there == spans(fault, 300.0)
    assert there != spans(replace(fault, seed=4), 300.0)
