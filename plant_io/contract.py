"""What every driver must do, as one check that anyone can call on theirs.

from plant_io import contract

def test_my_driver_keeps_the_contract() -> None:
    contract.check(MyDriver, policy)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from math import inf, isfinite, nan
from types import MappingProxyType

import numpy as np

from plant_io.clocks import WallClock
from plant_io.decode import fitted
from plant_io.latch import tags_of
from plant_io.ports import Batch, Driver, Identity, Make
from plant_io.quality import Quality, Reason
from plant_io.scan import scans_of
from plant_io.signals import Outcome, Receipt, Setpoint
from policies import Access, Policy, Tag

_TRIALS = 12
_SETTLING_S = 0.5
_OPENING_SHARE = 0.02
_OF_GOOD = frozenset({Reason.NONE, Reason.MAINTENANCE_REQUIRED})


class ContractBroken(AssertionError):  # noqa: N818  # it is what it says
    """A driver does not keep the contract; the message lists every clause that is broken."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a driver may be tried with beyond reading."""

    writes: Mapping[str, float] = field(default_factory=dict[str, float])
    """Raw values that may be written for the trial, by tag, units of the device."""
    shown: Mapping[str, Reason] = field(default_factory=dict[str, Reason])
    """Tags against which the device has been made to say something for the trial, and what."""
    away: Policy | None = None
    """The same policy with an address where there is no device."""
    patience_s: float = 5.0
    """Longest wait for anything [s]."""


@dataclass(frozen=True, slots=True)
class _Case:
    make: Make
    policy: Policy
    connection: str
    trial: Trial

    @property
    def tags(self) -> dict[str, Tag]:
        return tags_of(self.connection, self.policy)

    def fresh(self, policy: Policy | None = None) -> Driver:
        return self.make(self.connection, policy or self.policy)

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[tuple[Driver, Identity]]:
        driver = self.fresh()
        try:
            async with asyncio.timeout(self.trial.patience_s):
                identity = await driver.open()
            yield driver, identity
        finally:
            await driver.abort()

    @property
    def scans(self) -> dict[str, dict[str, Tag]]:
        return scans_of(self.connection, self.policy)

    async def read(self, driver: Driver, scan: str = "") -> Batch:
        async with asyncio.timeout(self.trial.patience_s):
            return await driver.read(scan or next(iter(self.scans)))

    async def write(self, driver: Driver, *setpoints: Setpoint) -> list[Receipt]:
        async with asyncio.timeout(self.trial.patience_s):
            return list(await driver.write(setpoints))


def check(make: Make, policy: Policy, connection: str | None = None, trial: Trial | None = None) -> None:
    """Try a driver on a device that is up, and fail if it does not keep the contract.

    Parameters
    ----------
    make
        Makes the driver.
    policy
        Policy whose connection the driver serves.
    connection
        Name of that connection; needed where the policy has several.
    trial
        What may be written, and an address without a device.

    Raises
    ------
    ContractBroken
        If any clause is broken; it lists all that are.
    """
    asyncio.run(examine(make, policy, connection, trial))


async def examine(make: Make, policy: Policy, connection: str | None = None, trial: Trial | None = None) -> None:
    """Do what `check` does, inside a running event loop.

    Raises
    ------
    ContractBroken
        If any clause is broken; it lists all that are.
    """
    if connection is None:
        (connection,) = policy.connections
    case = _Case(make, policy, connection, trial or Trial())
    broken: list[str] = []
    for said, clause in _CLAUSES.items():
        try:
            broken += [f"{said}: {what}" async for what in clause(case)]
        except Exception as error:  # noqa: BLE001  # whatever a foreign driver does is a finding
            broken.append(f"{said}: {type(error).__name__}: {error}")
    if broken:
        raise ContractBroken("\n".join(broken))


async def _is_made_idle(case: _Case) -> AsyncIterator[str]:
    one, other = case.fresh(), case.fresh()
    if one is other:
        yield "the same driver came twice"
    await one.abort()
    await other.abort()


async def _fails_when_closed(case: _Case) -> AsyncIterator[str]:
    if await _answers(case, case.fresh()):
        yield "a read before open gave a batch"
    async with case.opened() as (driver, _):
        await driver.abort()
        await driver.abort()
        if await _answers(case, driver):
            yield "a read after abort gave a batch"


async def _opens(case: _Case) -> AsyncIterator[str]:
    async with case.opened() as (_, identity):
        if identity.started is not None and not isfinite(identity.started):
            yield f"the device was started at {identity.started}"
        if not all(note.strip() for note in identity.notes):
            yield "a note says nothing"


async def _reads(case: _Case) -> AsyncIterator[str]:
    async with case.opened() as (driver, _):
        for scan, tags in case.scans.items():
            for said in _misshapen(await case.read(driver, scan), tags):
                yield f"{scan}: {said}"


def _misshapen(batch: Batch, tags: Mapping[str, Tag]) -> Iterator[str]:
    n, width = len(tags), sum(tag.length for tag in tags.values())
    shapes = {"values": width, "quality": n, "reason": n, "source": n} | ({} if batch.age is None else {"age": n})
    for name, size in shapes.items():
        shape = np.shape(getattr(batch, name))
        if shape != (size,):
            yield f"{name} has the shape {shape}, wanted ({size},)"
    if np.isinf(batch.source).any():
        yield "a source time is endless"
    if batch.age is not None and (batch.age < 0.0).any():
        yield "an age is below zero"


async def _says_how_far(case: _Case) -> AsyncIterator[str]:
    async with case.opened() as (driver, _):
        for scan, tags in case.scans.items():
            for said in _misjudged(await case.read(driver, scan), tags, case.trial.shown):
                yield said


def _misjudged(batch: Batch, tags: Mapping[str, Tag], shown: Mapping[str, Reason]) -> Iterator[str]:
    if not set(batch.quality.tolist()) <= set(Quality):
        yield f"found the qualities {sorted(set(batch.quality.tolist()))}"
        return
    if not set(batch.reason.tolist()) <= set(Reason):
        yield f"found the reasons {sorted(set(batch.reason.tolist()))}"
        return
    starts = np.cumsum([0, *(tag.length for tag in tags.values())])
    for i, (name, quality, code) in enumerate(zip(tags, batch.quality, batch.reason, strict=False)):
        reason, wanted = Reason(int(code)), shown.get(name, Reason(int(code)))
        if (quality == Quality.GOOD) != (reason in _OF_GOOD):
            yield f"{name}: a good value has a reason, or one that is not good has none"
        if quality == Quality.BAD and not np.isnan(batch.values[starts[i] : starts[i + 1]]).all():
            yield f"{name} is bad and has a value, which may be taken for the last one that was not"
        if reason is not wanted:
            yield f"{name}: the device says {wanted.name}, the batch {reason.name}"


async def _keeps_batches(case: _Case) -> AsyncIterator[str]:
    async with case.opened() as (driver, _):
        first = await case.read(driver)
        known = np.isfinite(first.values)
        for numbers, spoilt_by in ((first.values, nan), (first.quality, Quality.BAD)):
            if numbers.flags.writeable:
                numbers[:] = spoilt_by
        second = await case.read(driver)
    spoilt = known.any() and bool(np.isnan(second.values[known]).all())
    if spoilt or np.shares_memory(first.values, second.values):
        yield "two reads gave the same array"


async def _refuses(case: _Case) -> AsyncIterator[str]:
    wanted = [
        Setpoint(name, value)
        for name, tag in case.tags.items()
        if tag.access is Access.WRITE
        for value in (nan, inf, -inf, 1e30)
        if not _holds(value, tag)
    ]
    async with case.opened() as (driver, _):
        if await case.write(driver):
            yield "receipts came for no setpoints"
        for receipt in await case.write(driver, *wanted):
            if receipt.outcome is not Outcome.REFUSED or not receipt.why:
                name, value, why = receipt.setpoint.tag, receipt.setpoint.value, receipt.why or "of nothing"
                yield f"{name} = {value:g} was {receipt.outcome.value}, because {why}"
        await case.read(driver)


async def _writes(case: _Case) -> AsyncIterator[str]:
    wanted = [Setpoint(name, value) for name, value in case.trial.writes.items()]
    async with case.opened() as (driver, _):
        receipts = await case.write(driver, *wanted)
        held: dict[str, float] = {}
        for scan, tags in case.scans.items():
            starts = np.cumsum([0, *(tag.length for tag in tags.values())])
            values = (await case.read(driver, scan)).values
            held |= {name: float(values[start]) for name, start in zip(tags, starts, strict=False)}
    if [receipt.setpoint for receipt in receipts] != wanted:
        yield "the receipts are not those of the setpoints, in order"
    for receipt in receipts:
        name, value = receipt.setpoint.tag, receipt.setpoint.value
        if receipt.outcome is not Outcome.TAKEN:
            yield f"{name} = {value:g} was {receipt.outcome.value}: {receipt.why}"
            continue
        shown = held[name]
        if not np.isclose(shown, fitted(value, case.tags[name].type), rtol=1e-6, atol=0.0):
            yield f"{name} was written {value:g} and reads {shown:g}"


async def _can_be_given_up(case: _Case) -> AsyncIterator[str]:
    before, waits, wall = asyncio.all_tasks(), np.random.default_rng(1), WallClock()
    for _ in range(_TRIALS):
        driver = case.fresh()
        with suppress(OSError):
            async with asyncio.timeout(waits.uniform(0.0, _OPENING_SHARE * case.trial.patience_s)):
                await driver.open()
                while True:
                    await driver.read(next(iter(case.scans)))
                    await wall.sleep_until(0.0)
        await driver.abort()
    until = wall.now() + _SETTLING_S
    while (left := asyncio.all_tasks() - before) and wall.now() < until:
        await wall.sleep_until(wall.now() + _SETTLING_S / 50)
    for task in left:
        yield f"the task {task.get_name()} is left"


async def _comes_back(case: _Case) -> AsyncIterator[str]:
    for _ in range(2):
        async with case.opened() as (driver, _identity):
            if not len((await case.read(driver)).quality):
                yield "nothing was read"


async def _says_who_is_away(case: _Case) -> AsyncIterator[str]:
    if case.trial.away is None:
        return
    driver = case.fresh(case.trial.away)
    try:
        async with asyncio.timeout(case.trial.patience_s):
            await driver.open()
    except OSError as trouble:
        if not str(trouble) and not isinstance(trouble, TimeoutError):
            yield "it does not say what the trouble is"
    else:
        yield "it opened"
    finally:
        await driver.abort()


_CLAUSES: Mapping[str, Callable[[_Case], AsyncIterator[str]]] = MappingProxyType(
    {
        "a fresh driver is made each time, and can be given up before it is opened": _is_made_idle,
        "a driver that is not open fails as a lost link does, by OSError": _fails_when_closed,
        "opening tells who the device is, in finite numbers and plain sentences": _opens,
        "a batch has a value, a quality, a reason and a source time for every tag of its scan class, in order": _reads,
        "a value that is not good has a reason, and what the device says against it is that reason": _says_how_far,
        "a batch belongs to who asked for it: nothing done with it shows in the next one": _keeps_batches,
        "what a device cannot hold is refused in a sentence, and the connection stays": _refuses,
        "every setpoint has its receipt, in order, and what is taken can be read": _writes,
        "it can be given up at any moment, and then nothing of it is left": _can_be_given_up,
        "after one is given up, a fresh one connects and reads": _comes_back,
        "a device that is not there is link trouble, said in words": _says_who_is_away,
    }
)


def _holds(value: float, tag: Tag) -> bool:
    try:
        fitted(value, tag.type)
    except ValueError:
        return False
    return True


async def _answers(case: _Case, driver: Driver) -> bool:
    """Return whether a driver gives a batch instead of link trouble."""
    try:
        await case.read(driver)
    except OSError:
        return False
    return True
