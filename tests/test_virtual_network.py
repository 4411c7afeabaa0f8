"""Faults of links in virtual time: what comes, when it comes, and what never does."""

import asyncio
from collections.abc import Callable
from math import inf
from typing import Any, cast

import pytest

from hil.virtual.loop import VirtualLoop
from hil.virtual.network import Network
from plant_io.clocks import WallClock

PORT = 4840
Heard = list[tuple[float, str]]


class Ear(asyncio.Protocol):
    """Writes down what comes and when, to the millisecond; answers if it is a server's."""

    def __init__(self, heard: Heard, *, answers: bool = False) -> None:
        self.heard, self.answers = heard, answers
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.note(data.decode())
        if self.answers and self.transport is not None:
            self.transport.write(data.upper())

    def connection_lost(self, exc: Exception | None) -> None:
        self.note("closed" if exc is None else type(exc).__name__)

    def note(self, what: str) -> None:
        self.heard.append((round(asyncio.get_running_loop().time(), 3), what))


def talk(weather: Callable[[Network], None], says: dict[float, str], seed: int = 1) -> tuple[Heard, Heard]:
    """What a server and a client hear, if the client connects at 0 s and says something now and then."""
    at_server, at_client = Heard(), Heard()

    async def go() -> None:
        loop = cast("VirtualLoop", asyncio.get_running_loop())
        weather(loop.network)
        await loop.create_server(lambda: Ear(at_server, answers=True), "127.0.0.1", PORT)
        clock, begun = WallClock(), WallClock().now()
        try:
            transport, _ = await loop.create_connection(lambda: Ear(at_client), "127.0.0.1", PORT)
        except OSError as error:
            at_client.append((round(loop.time(), 3), type(error).__name__))
            return
        at_client.append((round(loop.time(), 3), "connected"))
        for at, what in says.items():
            await clock.sleep_until(begun + at)
            transport.close() if what == "close" else transport.write(what.encode())
        await clock.sleep_until(begun + 100.0)

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(0.0, seed=seed)) as runner:
        runner.run(go())
    return at_server, at_client


def test_on_a_good_day_everything_comes_at_once() -> None:
    assert talk(lambda _: None, {1.0: "a", 2.0: "b", 3.0: "close"}) == (
        [(1.0, "a"), (2.0, "b"), (3.0, "closed")],
        [(0.0, "connected"), (1.0, "A"), (2.0, "B"), (3.0, "closed")],
    )


def test_latency_delays_each_way() -> None:
    server, client = talk(lambda n: n.latency(PORT, "up", 0.5, 9.0, delay_s=0.2), {1.0: "a", 10.0: "b"})
    assert server == [(1.2, "a"), (10.0, "b")]
    assert client == [(0.0, "connected"), (1.2, "A"), (10.0, "B")]


def test_jitter_never_lets_a_later_word_overtake() -> None:
    words = {1.0 + 0.2 * i: chr(97 + i) for i in range(20)}
    server, _ = talk(lambda n: n.latency(PORT, "up", 0.0, inf, delay_s=0.0, jitter_s=1.0), words)
    assert "".join(what for _, what in server) == "abcdefghijklmnopqrst"
    assert len({at for at, _ in server}) > 3


@pytest.mark.parametrize(("direction", "asked", "answered"), [("up", 8.0, 8.0), ("down", 3.0, 8.0), ("both", 8.0, 8.0)])
def test_a_stall_holds_back_to_its_end(direction: str, asked: float, answered: float) -> None:
    server, client = talk(lambda n: n.stall(PORT, cast("Any", direction), 2.0, 8.0), {1.0: "a", 3.0: "b", 9.0: "c"})
    assert server == [(1.0, "a"), (asked, "b"), (9.0, "c")]
    assert client[1:] == [(1.0, "A"), (answered, "B"), (9.0, "C")]


def test_a_call_into_a_stall_is_answered_at_its_end() -> None:
    assert talk(lambda n: n.stall(PORT, "both", -1.0, 4.0), {})[1] == [(4.0, "connected")]


def test_what_is_dropped_is_sent_again_when_its_turn_comes_and_calls_are_made_anew() -> None:
    server, _ = talk(lambda n: n.drop(PORT, "both", 2.0, 8.0), {3.0: "b"})
    assert server == [(9.2, "b")]  # 3 + 0.2 + 0.4 + 0.8 + 1.6 + 3.2
    assert talk(lambda n: n.drop(PORT, "up", -1.0, 4.0), {})[1] == [(7.0, "connected")]  # 1 + 2 + 4


def test_an_end_lost_with_the_packets_leaves_the_other_side_in_the_dark_until_it_comes_again() -> None:
    server, _ = talk(lambda n: n.drop(PORT, "both", 2.0, 50.0), {3.0: "close"})
    assert server == [(54.0, "closed")]


def test_who_speaks_to_somebody_gone_is_reset() -> None:
    server, client = talk(lambda n: n.stall(PORT, "down", 2.0, 8.0), {3.0: "b", 4.0: "close"})
    assert client[-1] == (4.0, "closed")
    assert server == [(3.0, "b"), (4.0, "closed")]
    late, _ = talk(lambda n: n.latency(PORT, "both", 2.0, 9.0, delay_s=1.0), {3.0: "b", 3.5: "close"})
    assert late == [(4.0, "b"), (4.5, "closed")]


def test_a_cut_frame_comes_in_two_pieces() -> None:
    server, _ = talk(lambda n: n.cut(PORT, "up", 0.5, 6.0), {1.0: "abcdefgh", 7.0: "xyz"})
    assert [at for at, _ in server] == [1.0, 6.0, 7.0]
    assert server[0][1] + server[1][1] == "abcdefgh"
    torn, _ = talk(lambda n: n.cut(PORT, "up", 0.5, inf, rest_s=0.05), {1.0: "abcdefgh", 2.0: "xyz"})
    assert [at for at, _ in torn] == [1.0, 1.05, 2.0, 2.05]


def test_a_reset_reaches_both_ends_and_the_next_call_is_free() -> None:
    server, client = talk(lambda n: n.reset(PORT, 2.0), {1.0: "a", 3.0: "b"})
    assert server == [(1.0, "a"), (2.0, "ConnectionResetError")]
    assert client[1:] == [(1.0, "A"), (2.0, "ConnectionResetError")]


def test_a_refused_call_says_so_and_connections_that_stand_go_on() -> None:
    assert talk(lambda n: n.refuse(PORT, -1.0, 1.0), {})[1] == [(0.0, "ConnectionRefusedError")]
    assert talk(lambda n: n.refuse(PORT, 1.0, 9.0), {2.0: "a"})[0] == [(2.0, "a")]


def test_a_port_nobody_listens_at_refuses() -> None:
    async def call() -> None:
        await cast("VirtualLoop", asyncio.get_running_loop()).create_connection(asyncio.Protocol, "127.0.0.1", 1)

    with pytest.raises(ConnectionRefusedError), asyncio.Runner(loop_factory=lambda: VirtualLoop(0.0)) as runner:
        runner.run(call())


def test_an_accepted_call_may_never_be_heard() -> None:
    assert talk(lambda n: n.silence(PORT, -1.0, 1.0), {2.0: "a"}) == ([], [(0.0, "connected")])


def test_calls_come_through_in_another_order_and_the_same_seed_gives_the_same_one() -> None:
    async def call_all() -> list[int]:
        loop = cast("VirtualLoop", asyncio.get_running_loop())
        loop.network.reorder(PORT, 0.0, inf, spread_s=0.5)
        await loop.create_server(asyncio.Protocol, "127.0.0.1", PORT)
        done: list[int] = []

        async def call(number: int) -> None:
            await loop.create_connection(asyncio.Protocol, "127.0.0.1", PORT)
            done.append(number)

        await asyncio.gather(*map(call, range(8)))
        return done

    def order(seed: int) -> list[int]:
        with asyncio.Runner(loop_factory=lambda: VirtualLoop(0.0, seed=seed)) as runner:
            return runner.run(call_all())

    assert order(1) == order(1) != order(2)
    assert sorted(order(1)) == list(range(8)) != order(1)


def test_a_caller_who_gives_up_leaves_nothing_behind() -> None:
    heard = Heard()

    async def give_up() -> None:
        loop = cast("VirtualLoop", asyncio.get_running_loop())
        loop.network.stall(PORT, "down", 0.0, 5.0)
        await loop.create_server(lambda: Ear(heard), "127.0.0.1", PORT)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await loop.create_connection(asyncio.Protocol, "127.0.0.1", PORT)
        await WallClock().sleep_until(10.0)

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(0.0)) as runner:
        runner.run(give_up())
    assert heard == [(1.0, "closed")]


@pytest.mark.parametrize("span", [(2.0, 2.0), (3.0, 2.0), (float("nan"), 2.0)])
def test_a_fault_that_never_strikes_is_refused(span: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="never strikes"):
        talk(lambda n: n.stall(PORT, "both", *span), {})


def test_what_comes_early_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 0 s"):
        talk(lambda n: n.latency(PORT, "both", 0.0, 1.0, delay_s=-1.0), {})
