"""A case with evidence of its own, and records of a line that is not read in which it is followed up."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from anomaly.alerts import Sign
from anomaly.case_table import Stage
from anomaly.cases import (
    Carry,
    Case,
    CaseAct,
    Disposition,
    DoStep,
    EnterResult,
    Evidence,
    Task,
    Window,
)
from controller.cases.judging import frozen, subject
from controller.cycle import Cycle, Order
from controller.decide import decide
from controller.kit import Kit
from controller.records.journal import Journal, Keeping
from plant_io import Snapshot
from policies import Policy, Trend
from policies.approval import Statement, signed
from policies.people import Meaning

AT = 1_800_000_000.0
KEYS = {"ana": bytes(range(32)), "ben": bytes(range(1, 33))}


def window(policy: Policy) -> Window:
    """Return a window in which the hydrogen steps up by 1.5 bar, half an hour ago."""
    watch = policy.watches["impurities"]
    assert isinstance(watch, Trend)
    rng = np.random.default_rng(7)
    usual = np.array([channel.mean for channel in watch.channels.values()])
    sd = np.array([channel.sd for channel in watch.channels.values()])
    points = usual + 0.1 * sd * rng.standard_normal((30, len(sd)))
    points[25:, list(watch.channels).index("R2.PH2_PV")] += 1.5
    return Window(
        tags=tuple(watch.channels),
        units=tuple(policy.units()[tag] for tag in watch.channels),
        scales=tuple(channel.scale for channel in watch.channels.values()),
        every_s=watch.every_s,
        ends=AT - 100.0,
        points=tuple(map(tuple, points.tolist())),
        normal=tuple(usual.tolist()),
        sd=tuple(sd.tolist()),
    )


def raised(policy: Policy, name: str = "C-OOT-1-1", entry: str = "") -> Case:
    evidence = Evidence(
        at=AT - 100.0,
        onset=AT - 1900.0,
        what="Unknown trend: R2.PH2_PV up 1.5 bar.",
        watches=("impurities",),
        score=80.0,
        limit=34.0,
        priority="high",
        routes=("qa",),
        entry=entry,
        named="",
        matched=True,
        signs=(Sign("R2.PH2_PV", 30.0),),
        chances={"": 0.9, "catalyst": 0.1},
        facts={"began before [s]": 1800.0, "R2.PH2_PV change [bar]": 1.5},
        values=(),
        window=window(policy),
        hashes={"policy": policy.fingerprint},
    )
    steps = (
        Task("secure", "Keep the vials", "lab", AT + 60.0, "SOP 1", "qa", confirms=False),
        Task("identify", "Find the cause", "lab", AT + 3600.0, "SOP 2", "qa", confirms=True),
    )
    return Case(name, Stage.RAISED, "opened", AT - 100.0, AT - 100.0, "", evidence, frozen(evidence), steps)


def signature(case: Case, who: str, meaning: Meaning, why: str) -> str:
    digest = subject(case, Disposition.CONFIRMED, why)
    statement = Statement(
        act="judge", file=case.id, sha256=digest, who=who, why=why, at=AT, key="", user=who, meaning=meaning
    )
    return signed(statement, KEYS[who]).model_dump_json(exclude_none=True)


def recorded(directory: Path, kit: Kit, orders: Mapping[int, Sequence[Order]], count: int = 8) -> Path:
    """Keep a run of some cycles of a line that is not read, with orders by the number of their cycle."""
    policy, state, journal = kit.policy, kit.start(), Journal(directory, Keeping())
    head: dict[str, object] = {"line": policy.line, "fingerprint": policy.fingerprint, "policy_name": "line_c.yaml"}
    journal.head(AT, head | {"files": dict(policy.files), "versions": {}, "station": kit.station})
    for number in range(count):
        seen = Snapshot.empty(AT + 10.0 * number, kit.index)
        given = tuple(orders.get(number, ()))
        decision, state = decide(seen, given, (), state, kit)
        journal.cycle(Cycle(number, seen, given, (), decision, ()))
    journal.tail(AT + 10.0 * count, {"why": "the end"})
    return directory


def asked(who: str, act: CaseAct, why: str = "as found") -> Order:
    return Order(who, why, act)


def followed(case: Case) -> dict[int, list[Order]]:
    """Return orders that take a case from the earlier run to a disposition with two signatures."""
    result = EnterResult(case.id, "Pressure by the second gauge", "13.5 bar", "confirms", "LIMS 1")
    return {
        0: [asked("system", Carry(case.id, case), "record-0")],
        1: [asked("lena", DoStep(case.id, "secure"))],
        2: [asked("lena", result)],
    }
