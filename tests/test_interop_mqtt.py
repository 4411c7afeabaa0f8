"""A broker that others wrote, mosquitto, and a host application see an edge node of Sparkplug B as it should be."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest
from foreign import free_port, program
from test_sparkplug import read

from controller.served.mqtt import Publisher
from plant_io import Quality
from plant_io.clocks import WallClock
from plant_io.served.values import Fact, Shown
from policies.served import ServedMqtt

pytestmark = pytest.mark.interop
paho = pytest.importorskip("paho.mqtt.client")

FACTS = (Fact("run/flow", "number", "kg/h", "Flow"), Fact("run/line", "text", "", "Name"))
REBIRTH = b"\x12\x1a\x0a\x14Node Control/Rebirth\x20\x0b\x70\x01"


def now(flow: float) -> dict[str, Shown]:
    return {"run/flow": Shown(flow, Quality.GOOD, 1000.0), "run/line": Shown("toy", Quality.GOOD, 1000.0)}


class Broker:
    """Mosquitto on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        config = folder / "mosquitto.conf"
        config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
        self._command = [program("mosquitto", "mosquitto"), "-c", str(config)]
        self.start()

    def start(self) -> None:
        self._child = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        self._child.kill()
        self._child.wait(10.0)


class Host:
    """A host application: hears everything of the group, and may ask for a rebirth."""

    def __init__(self, port: int) -> None:
        self.heard: Queue[tuple[str, bytes]] = Queue()
        subscribed = threading.Event()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self.client.on_message = lambda _c, _d, message: self.heard.put((message.topic, bytes(message.payload)))
        self.client.on_connect = lambda client, *_: client.subscribe("spBv1.0/site/#", 1)
        self.client.on_subscribe = lambda *_: subscribed.set()
        retried(lambda: self.client.connect("127.0.0.1", port))
        self.client.loop_start()
        assert subscribed.wait(10.0)

    def next(self, kind: str) -> dict[int, list[Any]]:
        """Return the next message of a kind; others are passed over."""
        while True:
            try:
                topic, payload = self.heard.get(timeout=15.0)
            except Empty:
                pytest.fail(f"no {kind} came")
            if topic == f"spBv1.0/site/{kind}/line":
                return read(payload)

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def retried(act: Callable[[], object]) -> None:
    for _ in range(100):
        try:
            act()
        except OSError:
            threading.Event().wait(0.1)
        else:
            return
    pytest.fail("the broker does not answer")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    made = Broker(tmp_path)
    yield made
    made.kill()


@pytest.fixture
def host(broker: Broker) -> Iterator[Host]:
    made = Host(broker.port)
    yield made
    made.stop()


def node(broker: Broker, **more: object) -> Publisher:
    words = {"broker": f"127.0.0.1:{broker.port}", "tls": False, "group": "site", "node": "line", "every": "100ms"}
    return Publisher(ServedMqtt.model_validate(words | more), FACTS, WallClock(), Path("pki"))


def names(message: dict[int, list[Any]]) -> list[str]:
    return [read(each)[1][0].decode() for each in message[2]]


def numbered(message: dict[int, list[Any]]) -> int:
    return int(read(message[2][0])[11][0])


def test_a_host_sees_a_birth_then_what_changes_and_a_death_at_the_end(broker: Broker, host: Host) -> None:
    publisher = node(broker)
    publisher.show(now(12.5))
    birth = host.next("NBIRTH")
    assert names(birth) == ["bdSeq", "Node Control/Rebirth", "run/flow", "run/line"]
    assert birth[3] == [0]
    publisher.show(now(13.0))
    data = host.next("NDATA")
    assert data[3] == [1]
    (changed,) = [read(each) for each in data[2]]
    assert (changed[2], changed[13]) == ([0], [13.0])
    host.client.publish("spBv1.0/site/NCMD/line", REBIRTH, 1)
    assert host.next("NBIRTH")[3] == [0]
    publisher.close()
    assert numbered(host.next("NDEATH")) == numbered(birth)


def test_a_broker_that_dies_and_comes_back_gets_a_new_birth(broker: Broker, host: Host) -> None:
    publisher = node(broker)
    publisher.show(now(12.5))
    first = numbered(host.next("NBIRTH"))
    broker.kill()
    broker.start()
    again = Host(broker.port)
    publisher.show(now(14.0))
    assert numbered(again.next("NBIRTH")) == first + 1
    publisher.close()
    again.stop()


def test_a_node_that_is_killed_is_declared_dead_by_the_broker(broker: Broker, host: Host) -> None:
    publisher = node(broker)
    publisher.show(now(12.5))
    birth = host.next("NBIRTH")
    taken = paho.Client(paho.CallbackAPIVersion.VERSION2, "steadyline-site-line")
    taken.connect("127.0.0.1", broker.port)  # a second client of that name throws the first out
    taken.loop_start()
    assert numbered(host.next("NDEATH")) == numbered(birth)
    publisher.close()
    taken.disconnect()
    taken.loop_stop()


def test_nothing_is_published_while_the_primary_host_is_away(broker: Broker, host: Host) -> None:
    publisher = node(broker, primary_host="scada")
    publisher.show(now(12.5))
    with pytest.raises(Empty):
        host.heard.get(timeout=1.0)
    state = json.dumps({"online": True, "timestamp": 1}).encode()
    host.client.publish("spBv1.0/STATE/scada", state, 1, retain=True)
    assert host.next("NBIRTH")[3] == [0]
    host.client.publish("spBv1.0/STATE/scada", json.dumps({"online": False, "timestamp": 2}).encode(), 1, retain=True)
    host.next("NDEATH")
    publisher.close()


def test_no_broker_is_no_reason_to_wait() -> None:
    port = free_port()
    words = {"broker": f"127.0.0.1:{port}", "tls": False, "group": "site", "node": "line"}
    publisher = Publisher(ServedMqtt.model_validate(words), FACTS, WallClock(), Path("pki"))
    publisher.show(now(1.0))
    threading.Event().wait(0.3)
    assert publisher.state.startswith("no connection: ")
    publisher.close()
