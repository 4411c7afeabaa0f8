"""The very bytes on the wire: what is asked, and what is made of good, late, foreign and broken answers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from math import isnan

import pytest
from modbus_device import ONE, WRITABLE, declared
from scripted import crc, framed, hexed, scripted, scripted_rtu

from plant_io import Outcome, Quality, Reason, Setpoint
from plant_io.drivers.modbus import ModbusDriver
from plant_io.ports import Batch, Driver, Refusal
from policies import Policy

SEVEN = hexed("01 04 02 00 07")
"""Unit 1, function 4, two bytes, the value 7."""


@asynccontextmanager
async def driven(policy: Policy) -> AsyncIterator[Driver]:
    driver = ModbusDriver("plc", policy)
    try:
        await driver.open()
        yield driver
    finally:
        await driver.abort()


def meet(work: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(10):
            await work()

    asyncio.run(run())


def value(batch: Batch) -> float:
    assert batch.quality[0] == Quality.GOOD
    return float(batch.values[0])


@pytest.mark.parametrize(
    ("address", "kind", "asked", "answer"),
    [
        ("coil:3", "bool", "01 01 00 03 00 01", "01 01 01 01"),
        ("discrete:3", "bool", "01 02 00 03 00 01", "01 02 01 01"),
        ("holding:16", "uint16", "01 03 00 10 00 01", "01 03 02 00 01"),
        ("input:16", "uint16", "01 04 00 10 00 01", "01 04 02 00 01"),
        ("input:16.9", "bool", "01 04 00 10 00 01", "01 04 02 02 00"),
        ("input:16", "float64", "01 04 00 10 00 04", "01 04 08 3F F0 00 00 00 00 00 00"),
    ],
)
def test_what_is_read_is_asked_by_the_function_of_its_table(address: str, kind: str, asked: str, answer: str) -> None:
    async def work() -> None:
        async with scripted(lambda _: [hexed(answer)]) as plc:
            async with driven(declared(plc.port, {"A": {"address": address, "type": kind}})) as driver:
                assert value(await driver.read()) == 1.0
            assert plc.asked[-1] == hexed(asked)

    meet(work)


@pytest.mark.parametrize(
    ("write_by", "address", "kind", "asked", "answer"),
    [
        ("block", "coil:3", "bool", "01 05 00 03 FF 00", "01 05 00 03 FF 00"),
        ("block", "holding:16", "uint16", "01 10 00 10 00 01 02 00 01", "01 10 00 10 00 01"),
        ("block", "holding:16", "float32", "01 10 00 10 00 02 04 3F 80 00 00", "01 10 00 10 00 02"),
        ("single", "holding:16", "uint16", "01 06 00 10 00 01", "01 06 00 10 00 01"),
        ("read_write", "holding:16", "float32", "01 17 00 10 00 02 00 10 00 02 04 3F 80 00 00", "01 17 04 3F 80 00 00"),
    ],
)
def test_what_is_written_goes_by_the_function_the_policy_allows(
    write_by: str, address: str, kind: str, asked: str, answer: str
) -> None:
    async def work() -> None:
        empty = {"bool": "01 01 01 00", "uint16": "01 03 02 00 00", "float32": "01 03 04 00 00 00 00"}[kind]
        async with scripted(lambda pdu: [hexed(answer if pdu[1] > 4 else empty)]) as plc:
            tags = {"A": {"address": address, "type": kind} | WRITABLE}
            async with driven(declared(plc.port, tags, write_by=write_by)) as driver:
                (receipt,) = await driver.write([Setpoint("A", 1.0)])
            assert plc.asked[-1] == hexed(asked)
            assert (receipt.outcome, receipt.why) == (Outcome.TAKEN, "")

    meet(work)


def test_several_coils_are_written_by_function_15() -> None:
    async def work() -> None:
        answers = {1: "01 01 01 00", 15: "01 0F 00 03 00 02"}
        async with scripted(lambda pdu: [hexed(answers[pdu[1]])]) as plc:
            tags = {f"C{i}": {"address": f"coil:{i}", "type": "bool"} | WRITABLE for i in (3, 4)}
            async with driven(declared(plc.port, tags)) as driver:
                await driver.write([Setpoint("C3", 1.0), Setpoint("C4", 0.0)])
            assert plc.asked[-1] == hexed("01 0F 00 03 00 02 01 01")

    meet(work)


@pytest.mark.parametrize(
    ("write_by", "answer", "why"),
    [
        ("block", "01 10 00 11 00 01", "the device confirms address 17 instead of 16"),
        ("read_write", "01 17 02 00 00", "the device holds 0000 after 0001"),
    ],
)
def test_a_write_that_the_device_does_not_show_is_not_confirmed(write_by: str, answer: str, why: str) -> None:
    async def work() -> None:
        async with scripted(lambda pdu: [hexed(answer if pdu[1] > 4 else "01 03 02 00 00")]) as plc:
            tags = {"A": {"address": "holding:16"} | WRITABLE}
            async with driven(declared(plc.port, tags, write_by=write_by)) as driver:
                (receipt,) = await driver.write([Setpoint("A", 1.0)])
            assert (receipt.outcome, receipt.why) == (Outcome.NOT_CONFIRMED, why)

    meet(work)


def test_the_unit_identifier_of_the_policy_is_asked() -> None:
    async def work() -> None:
        async with scripted(lambda _: [hexed("11 04 02 00 07")]) as plc:
            async with driven(declared(plc.port, ONE, unit_id=17)) as driver:
                assert value(await driver.read()) == 7.0
            assert {asked[0] for asked in plc.asked} == {17}

    meet(work)


REASONS = {
    1: Reason.REFUSED,
    2: Reason.REFUSED,
    3: Reason.REFUSED,
    4: Reason.DEVICE_FAILURE,
    5: Reason.BUSY,
    6: Reason.BUSY,
    7: Reason.REFUSED,
    8: Reason.DEVICE_FAILURE,
    9: Reason.BAD_STATUS,
    10: Reason.LINK_DOWN,
    11: Reason.LINK_DOWN,
}


@pytest.mark.parametrize(("code", "reason"), REASONS.items())
def test_every_exception_of_a_read_is_bad_with_its_reason(code: int, reason: Reason) -> None:
    async def work() -> None:
        async with scripted(lambda _: [bytes([1, 0x84, code])]) as plc:
            async with driven(declared(plc.port, ONE)) as driver:
                batch = await driver.read()
            assert isnan(batch.values[0])
            assert (batch.quality[0], batch.reason[0]) == (Quality.BAD, reason)

    meet(work)


@pytest.mark.parametrize("code", REASONS)
def test_every_exception_of_a_write_is_a_receipt_that_says_whether_it_may_have_been_done(code: int) -> None:
    async def work() -> None:
        async with scripted(lambda pdu: [bytes([1, 0x90, code]) if pdu[1] == 16 else hexed("01 03 02 00 00")]) as plc:
            async with driven(declared(plc.port, {"A": {"address": "holding:0"} | WRITABLE})) as driver:
                (receipt,) = await driver.write([Setpoint("A", 1.0)])
            perhaps = code in {4, 5, 8, 11}
            assert receipt.outcome is (Outcome.NOT_CONFIRMED if perhaps else Outcome.REFUSED)
            assert receipt.why.startswith(f"the device gives exception {code}")

    meet(work)


def test_answers_to_foreign_transactions_are_passed_over() -> None:
    async def work() -> None:
        foreign = bytearray(framed(4711, hexed("01 04 02 00 63")))
        async with scripted(lambda _: [foreign, SEVEN]) as plc, driven(declared(plc.port, ONE)) as driver:
            assert value(await driver.read()) == 7.0

    meet(work)


@pytest.mark.parametrize("at_once", [True, False])
def test_an_answer_that_comes_again_is_passed_over_however_long_it_is(at_once: bool) -> None:  # noqa: FBT001
    async def work() -> None:
        many = {f"A{i}": {"address": f"input:{i}"} for i in range(100)}

        def script(_: bytes) -> list[bytes]:
            count = len(plc.tids)
            answer = framed(plc.tids[-1], hexed("01 04 C8") + 100 * count.to_bytes(2, "big"))
            return [bytearray(2 * answer)] if at_once else [bytearray(answer), bytearray(answer)]

        async with scripted(script) as plc, driven(declared(plc.port, many)) as driver:
            assert [set((await driver.read()).values) for _ in range(4)] == [{2.0}, {3.0}, {4.0}, {5.0}]

    meet(work)


def test_a_late_answer_is_never_taken_for_the_next_one() -> None:
    async def work() -> None:
        held: list[int] = []

        def script(_: bytes) -> list[bytes]:
            tid = plc.tids[-1]
            if len(plc.tids) == 2:
                held.append(tid)
                return []
            late = [bytearray(framed(held.pop(), hexed("01 04 02 00 63")))] if held else []
            return [*late, SEVEN]

        async with scripted(script) as plc, driven(declared(plc.port, ONE)) as driver:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await driver.read()
            assert value(await driver.read()) == 7.0
            assert len(set(plc.tids)) == 3

    meet(work)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(bytearray(framed(0, hexed("01 04 02 00 63"))), id="no transaction"),
        pytest.param(hexed("01 03 02 00 63"), id="another function"),
        pytest.param(hexed("01 10 00 00 00 01"), id="a write nobody asked for"),
    ],
)
def test_an_answer_to_something_else_ends_the_connection(answer: bytes) -> None:
    async def work() -> None:
        async with (
            scripted(lambda _: [SEVEN] if len(plc.asked) == 1 else [answer]) as plc,
            driven(declared(plc.port, ONE)) as driver,
        ):
            with pytest.raises(ConnectionError, match="answers another question"):
                await driver.read()

    meet(work)


def test_an_answer_of_another_unit_is_no_answer() -> None:
    async def work() -> None:
        async with (
            scripted(lambda _: [SEVEN] if len(plc.asked) == 1 else [hexed("02 04 02 00 63")]) as plc,
            driven(declared(plc.port, ONE)) as driver,
        ):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await driver.read()

    meet(work)


@pytest.mark.parametrize("answer", ["01 04 04 00 07 00 08", "01 04 00", "01 04 01 07"])
def test_an_answer_of_the_wrong_length_is_bad_and_not_cut_to_fit(answer: str) -> None:
    async def work() -> None:
        async with scripted(lambda _: [hexed(answer)]) as plc, driven(declared(plc.port, ONE)) as driver:
            batch = await driver.read()
            assert (batch.quality[0], batch.reason[0]) == (Quality.BAD, Reason.WRONG_TYPE)

    meet(work)


@pytest.mark.parametrize("answer", ["01 04 02 00", "01 04 FE 00 07", "01 63 00"])
def test_a_broken_answer_ends_the_connection_quietly(
    answer: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with (
            scripted(lambda _: [SEVEN] if len(plc.asked) == 1 else [hexed(answer)]) as plc,
            driven(declared(plc.port, ONE)) as driver,
        ):
            with pytest.raises(ConnectionError):
                await driver.read()

    meet(work)
    assert capsys.readouterr().err == ""
    assert [record for record in caplog.records if record.name == "asyncio"] == []


RTU_SEVEN = SEVEN + crc(SEVEN)


def test_rtu_frames_travel_over_tcp_with_their_crc() -> None:
    async def work() -> None:
        async with scripted_rtu(lambda _: [RTU_SEVEN]) as plc:
            async with driven(declared(plc.port, ONE, framing="rtu")) as driver:
                assert value(await driver.read()) == 7.0
            # Unit 1, function 4, address 0, one register; the CRC worked out by hand from the polynomial A001.
            assert plc.asked[0] == hexed("01 04 00 00 00 01 31 CA")

    meet(work)


def test_an_rtu_frame_that_comes_in_pieces_is_put_together() -> None:
    async def work() -> None:
        async with (
            scripted_rtu(lambda _: [RTU_SEVEN[:3], RTU_SEVEN[3:]]) as plc,
            driven(declared(plc.port, ONE, framing="rtu")) as driver,
        ):
            assert value(await driver.read()) == 7.0

    meet(work)


def test_an_rtu_frame_with_a_wrong_crc_is_no_answer() -> None:
    async def work() -> None:
        broken = RTU_SEVEN[:-1] + bytes([RTU_SEVEN[-1] ^ 1])
        async with (
            scripted_rtu(lambda _: [RTU_SEVEN] if len(plc.asked) == 1 else [broken]) as plc,
            driven(declared(plc.port, ONE, framing="rtu")) as driver,
        ):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await driver.read()

    meet(work)


def test_after_an_rtu_answer_that_did_not_come_the_connection_is_given_up() -> None:
    async def work() -> None:
        async with (
            scripted_rtu(lambda _: [] if len(plc.asked) == 2 else [RTU_SEVEN]) as plc,
            driven(declared(plc.port, ONE, framing="rtu")) as driver,
        ):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await driver.read()
            with pytest.raises(ConnectionError, match="an answer is overdue"):
                await driver.read()
            assert len(plc.asked) == 2

    meet(work)


def test_texts_are_read_at_connect_and_shown() -> None:
    async def work() -> None:
        texts = {"SERIAL": {"address": "holding:100", "length": 6}}
        answers = {3: "01 03 06 46 44 52 2D 31 37", 4: "01 04 02 00 07"}
        async with scripted(lambda pdu: [hexed(answers[pdu[1]])]) as plc:
            driver = ModbusDriver("plc", declared(plc.port, ONE, texts=texts))
            assert (await driver.open()).texts == {"SERIAL": "FDR-17"}
            await driver.abort()
            assert plc.asked[0] == hexed("01 03 00 64 00 03")

    meet(work)


@pytest.mark.parametrize(
    ("answer", "shown"), [("01 03 06 46 44 52 2D 31 38", "shows 'FDR-18'"), ("01 83 02", "does not give it")]
)
def test_a_device_that_shows_another_text_than_expected_is_refused(answer: str, shown: str) -> None:
    async def work() -> None:
        texts = {"SERIAL": {"address": "holding:100", "length": 6, "expect": "FDR-17"}}
        async with scripted(lambda _: [hexed(answer)]) as plc:
            driver = ModbusDriver("plc", declared(plc.port, ONE, texts=texts))
            with pytest.raises(Refusal, match=f"SERIAL should be 'FDR-17', and the device {shown}"):
                await driver.open()
            await driver.abort()

    meet(work)
