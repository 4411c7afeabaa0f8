"""One contract for all drivers: those of the house, those of the rig, and those of others."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import opcua_plant
import pytest
from fakes import Bench
from modbus_device import WRITABLE, declared, device

from controller.cycle import Cycle
from controller.records.driver import Recorded
from controller.records.journal import Journal
from hil.plants.faults import Fault
from hil.plc.line_a import LINE
from hil.rig.memory import Memory
from plant_io import Batch, Identity, Outcome, Quality, Reason, Receipt, Setpoint, Snapshot, contract, drivers
from plant_io.clocks import SimClock, WallClock
from plant_io.contract import ContractBroken, Trial
from plant_io.drivers.modbus import ModbusDriver
from plant_io.drivers.opcua import OpcUaDriver
from plant_io.line import Line
from policies import PlugIn, Policy, load, parse, rebind, shipped
from policies.scans import ScanClass

TAGS = {
    "A": {"address": "holding:0", "type": "float32"} | WRITABLE,
    "B": {"address": "holding:2", "type": "int16"} | WRITABLE,
    "BITS": {"address": "input:7.3", "type": "bool"},
    "ROW": {"address": "input:0", "type": "float64", "length": 40},
    "COIL": {"address": "coil:3", "type": "bool"} | WRITABLE,
}


@pytest.fixture(scope="module")
def plant() -> Iterator[opcua_plant.Plant]:
    plant = opcua_plant.Plant()
    plant.start()
    yield plant
    plant.stop()


@pytest.mark.parametrize("write_by", ["block", "read_write"])
@pytest.mark.parametrize("framing", ["tcp", "rtu"])
def test_the_modbus_driver_keeps_the_contract(write_by: str, framing: str) -> None:
    async def run() -> None:
        async with device(framing=framing) as plc:
            policy = declared(plc.port, TAGS, write_by=write_by, framing=framing)
            trial = Trial({"A": 1.5, "B": -7.0, "COIL": 1.0}, away=declared(9, TAGS))
            await contract.examine(ModbusDriver, policy, trial=trial)

    asyncio.run(run())


def test_the_modbus_driver_keeps_the_contract_in_every_scan_class_and_tells_a_hole() -> None:
    async def run() -> None:
        async with device(hole=5) as plc:
            slow = {"HOLE": {"address": "input:5", "scan": "slow"}, "NEXT": {"address": "input:6", "scan": "slow"}}
            policy = slowly(declared(plc.port, {"A": {"address": "input:0"}} | slow))
            await contract.examine(ModbusDriver, policy, trial=Trial(shown={"HOLE": Reason.REFUSED}))

    asyncio.run(run())


def slowly(policy: Policy) -> Policy:
    return policy.model_copy(update={"scans": {"slow": ScanClass.model_validate({"every": "10s"})}})


SAID = {
    "INT16": (0x808C0000, Reason.SENSOR_FAILURE),
    "INT32": (0x40900000, Reason.LAST_USABLE),
    "UINT16": (0x00000600, Reason.LIMIT_HIGH),
    "UINT32": (0x808D0000, Reason.OUT_OF_SERVICE),
}


def test_the_opc_ua_driver_keeps_the_contract(plant: opcua_plant.Plant) -> None:
    tags = {"A": {"access": "write", "read_back": "B"}, "B": {}, "SPECTRUM": {"length": 64}}
    tags |= {name: {"type": name.lower(), "scan": "slow" if name == "UINT32" else "control"} for name in SAID}
    for name, (code, _) in SAID.items():
        plant.put(name, 7, code)
    shown = {name: reason for name, (_, reason) in SAID.items()} | {"A": Reason.NONE}
    trial = Trial({"A": 1.5}, shown, away=slowly(opcua_plant.declared(9, tags)))
    contract.check(OpcUaDriver, slowly(opcua_plant.declared(plant.port, tags)), trial=trial)


@pytest.mark.parametrize(
    ("connection", "shown"),
    [("feeders", {}), ("line", {"NIR.SPECTRUM": Reason.SENSOR_FAILURE, "HOP.M": Reason.NONE})],
)
def test_the_driver_in_memory_keeps_the_contract(connection: str, shown: dict[str, Reason]) -> None:
    policy = load(shipped("A"))
    memory = Memory(LINE.simulate(policy, seed=1, faults=[Fault("F52", "NIR", 0.0)]), 1.7e9)
    memory.advance(60.0)
    contract.check(memory.make, policy, connection, Trial(shown=shown))


MINUTE = 60


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Snapshot]]:
    """A minute of line A as it was seen, with the feeders lost for a while."""
    policy, directory = load(shipped("A")), tmp_path_factory.mktemp("record")
    memory = Memory(LINE.simulate(policy, seed=1), 1.7e9)
    clock, journal = SimClock(1.7e9, memory.advance), Journal(directory)
    journal.head(clock.now(), {"files": dict(policy.files), "policy_name": "line_a.yaml"})
    decision = Bench().cycle()

    async def run() -> list[Snapshot]:
        line, seen = Line(policy, clock, memory.make), list[Snapshot]()
        await line.open()
        assert await line.ready(5.0)
        for number in range(MINUTE):
            (memory.down.add if 20 <= number < 25 else memory.down.discard)("feeders")
            assert number != 25 or await line.ready(5.0)
            seen.append(await line.read(clock.now()))
            journal.cycle(Cycle(number, seen[-1], (), (), decision, ()))
            await clock.sleep_until(clock.now() + policy.period_s)
        await line.close()
        return seen

    seen = asyncio.run(run())
    journal.tail(clock.now(), {"why": "the end"})
    return directory, seen


@pytest.mark.parametrize(("connection", "reason"), [("feeders", Reason.LINK_DOWN), ("line", Reason.NONE)])
def test_the_replay_driver_keeps_the_contract(
    record: tuple[Path, list[Snapshot]], connection: str, reason: Reason
) -> None:
    recorded = Recorded(record[0])
    contract.check(recorded.make, recorded.policy, connection)
    recorded.advance(22.0)
    tags = (name for name, tag in recorded.policy.tags.items() if tag.connection == connection and tag.length == 1)
    contract.check(recorded.make, recorded.policy, connection, Trial(shown=dict.fromkeys(tags, reason)))


def test_a_recorded_run_is_seen_again_as_it_was(record: tuple[Path, list[Snapshot]]) -> None:
    directory, before = record

    async def run() -> list[Snapshot]:
        recorded = Recorded(directory)
        clock = SimClock(recorded.began, recorded.advance)
        line, seen = Line(recorded.policy, clock, recorded.make), list[Snapshot]()
        await line.open()
        assert await line.ready(5.0)
        for _ in range(MINUTE):
            seen.append(await line.read(clock.now()))
            await clock.sleep_until(clock.now() + recorded.policy.period_s)
        await clock.sleep_until(clock.now() + 5.0)
        beyond = [await line.read(clock.now()) for _ in range(2)][-1]
        assert set(beyond.quality[: len(recorded.policy.tags)].tolist()) == {Quality.BAD}
        await line.close()
        return seen

    for one, other in zip(asyncio.run(run()), before, strict=True):
        assert one.at == other.at
        np.testing.assert_allclose(one.values, other.values, rtol=1e-14)
        np.testing.assert_array_equal(one.quality, other.quality)
        np.testing.assert_array_equal(one.reason, other.reason)
        np.testing.assert_array_equal(one.source, other.source)


class Foreign:
    """A driver of somebody else: values that count, and setpoints that are kept."""

    def __init__(self, connection: str, policy: Policy) -> None:
        self.names = [name for name, tag in policy.tags.items() if tag.connection == connection]
        self.held = dict.fromkeys(self.names, 0.0)
        self.open_ = False

    async def open(self) -> Identity:
        self.open_ = True
        return Identity()

    async def read(self, scan: str = "control") -> Batch:  # noqa: ARG002  # it has one class
        if not self.open_:
            raise ConnectionError("not connected")
        n = len(self.names)
        good = np.full(n, Quality.GOOD, np.uint8)
        values = np.array(list(self.held.values()))
        return Batch(values, good, np.full(n, Reason.NONE, np.uint8), np.full(n, np.nan))

    async def write(self, setpoints: Sequence[Setpoint]) -> Sequence[Receipt]:
        finite = [bool(np.isfinite(each.value)) for each in setpoints]
        self.held |= {each.tag: each.value for each, fine in zip(setpoints, finite, strict=True) if fine}
        return [
            Receipt(each, Outcome.TAKEN if fine else Outcome.REFUSED, "" if fine else "it is no number")
            for each, fine in zip(setpoints, finite, strict=True)
        ]

    async def abort(self) -> None:
        self.open_ = False


FOREIGN = b"""
policy: 1
line: foreign
revision: "1"
period: 1s
connections:
  scales: {protocol: sartorius, options: {address: "10.0.0.9:49155", tare: true, channels: 2}, timeout: 1s}
tags:
  W.1: {unit: kg, range: [0, 5], connection: scales, address: channel 1, access: write, read_back: W.2}
  W.2: {unit: kg, range: [0, 5], connection: scales, address: channel 2}
"""


def test_the_contract_is_one_line_for_a_third_party() -> None:
    contract.check(Foreign, parse(FOREIGN, "foreign", {}), trial=Trial({"W.1": 1.0}))


class Unopened(Foreign):
    async def read(self, scan: str = "control") -> Batch:
        self.open_ = True
        return await super().read(scan)


class Narrow(Foreign):
    async def read(self, scan: str = "control") -> Batch:
        whole = await super().read(scan)
        return Batch(whole.values[:1], whole.quality, whole.reason, whole.source)


class Unreasonable(Foreign):
    async def read(self, scan: str = "control") -> Batch:
        whole = await super().read(scan)
        whole.quality[0] = Quality.BAD
        return whole


class Garrulous(Foreign):
    async def read(self, scan: str = "control") -> Batch:
        whole = await super().read(scan)
        whole.quality[0], whole.reason[0] = Quality.BAD, Reason.SENSOR_FAILURE
        return whole


class Timeless(Foreign):
    async def read(self, scan: str = "control") -> Batch:
        whole = await super().read(scan)
        return replace(whole, source=np.full(2, np.inf), age=np.full(2, -1.0))


class Shared(Foreign):
    async def read(self, scan: str = "control") -> Batch:
        self.kept = getattr(self, "kept", None) or await super().read(scan)
        if not self.open_:
            raise ConnectionError("not connected")
        return self.kept


class Credulous(Foreign):
    async def write(self, setpoints: Sequence[Setpoint]) -> Sequence[Receipt]:
        return [Receipt(each, Outcome.TAKEN) for each in setpoints]


class Untidy(Foreign):
    async def open(self) -> Identity:
        self.task = asyncio.create_task(asyncio.Event().wait(), name="untidy")
        return await super().open()


class Fragile(Foreign):
    async def open(self) -> Identity:
        raise ValueError("the vendor says no")


@pytest.mark.parametrize(
    ("driver", "said"),
    [
        (Unopened, "a driver that is not open fails .* a read before open gave a batch"),
        (Narrow, r"values has the shape \(1,\), wanted \(2,\)"),
        (Unreasonable, "W.1: a good value has a reason, or one that is not good has none"),
        (Garrulous, "W.1 is bad and has a value, which may be taken for the last one that was not"),
        (Garrulous, "W.1: the device says NONE, the batch SENSOR_FAILURE"),
        (Timeless, "control: a source time is endless"),
        (Timeless, "control: an age is below zero"),
        (Shared, "two reads gave the same array"),
        (Credulous, "W.1 = nan was taken, because of nothing"),
        (Credulous, "W.1 was written 1 and reads 0"),
        (Untidy, "the task untidy is left"),
        (Fragile, "ValueError: the vendor says no"),
    ],
)
def test_a_broken_clause_is_named(driver: Callable[[str, Policy], Foreign], said: str) -> None:
    with pytest.raises(ContractBroken, match=said):
        contract.check(driver, parse(FOREIGN, "foreign", {}), trial=Trial({"W.1": 1.0}, {"W.1": Reason.NONE}))


def test_a_driver_that_gives_every_tag_with_every_scan_class_is_found_out() -> None:
    policy = slowly(parse(FOREIGN, "foreign", {}))
    tags = policy.tags | {"W.2": policy.tags["W.2"].model_copy(update={"scan": "slow"})}
    with pytest.raises(ContractBroken, match=r"slow: values has the shape \(2,\), wanted \(1,\)"):
        contract.check(Foreign, policy.model_copy(update={"tags": tags}))


def test_a_device_that_needs_maintenance_may_give_good_values() -> None:
    class Worn(Foreign):
        async def read(self, scan: str = "control") -> Batch:
            whole = await super().read(scan)
            whole.reason[0] = Reason.MAINTENANCE_REQUIRED
            return whole

    contract.check(Worn, parse(FOREIGN, "foreign", {}), trial=Trial(shown={"W.1": Reason.MAINTENANCE_REQUIRED}))


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution of somebody else, installed beside ours, with a driver in it."""
    package = tmp_path / "scales-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: scales\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[steadyline.drivers]\nsartorius = scales_of_others:connect\n")
    (tmp_path / "scales_of_others.py").write_text("from drivers_of_others import Foreign as connect\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    module = ModuleType("drivers_of_others")
    module.__dict__["Foreign"] = Foreign
    monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.mark.usefixtures("installed")
def test_a_driver_that_is_installed_serves_its_protocol_and_keeps_the_contract() -> None:
    policy = parse(FOREIGN, "foreign", {})
    assert isinstance(drivers.make("scales", policy), Foreign)
    contract.check(drivers.make, policy, trial=Trial({"W.1": 1.0}))


@pytest.mark.usefixtures("installed")
def test_a_line_reads_and_writes_through_a_driver_that_is_installed() -> None:
    async def run() -> None:
        policy = parse(FOREIGN, "foreign", {})
        line = Line(policy, WallClock())
        await line.open()
        try:
            assert await line.ready(5.0)
            (receipt,) = await line.write([Setpoint("W.1", 3.0)])
            assert receipt.outcome is Outcome.TAKEN
            assert (await line.read(WallClock().now())).good("W.1") == 3.0
        finally:
            await line.close()

    asyncio.run(run())


def test_a_driver_that_is_not_installed_is_missed_by_name() -> None:
    with pytest.raises(ValueError, match=r"no driver for the protocol sartorius is installed; .* are modbus, opcua$"):
        drivers.make("scales", parse(FOREIGN, "foreign", {}))


def test_a_plug_in_is_bound_to_another_address_like_any_connection() -> None:
    bound = rebind(parse(FOREIGN, "foreign", {}), {"scales": "127.0.0.1:7"}).connections["scales"]
    assert isinstance(bound, PlugIn)
    assert bound.options == {"address": "127.0.0.1:7", "tare": True, "channels": 2}
