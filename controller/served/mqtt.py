"""An edge node of Sparkplug B on an MQTT broker, in a thread of its own (paho-mqtt)."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, cast

from controller.served import sparkplug
from controller.served.sparkplug import SEQUENCES, Metric
from plant_io import Clock
from plant_io.security.secret import password
from plant_io.security.store import TRUSTED
from plant_io.served.values import Fact, Shown
from policies.served import ServedMqtt, address

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

_WAIT_S = 0.05
_AGAIN_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Waits from one try to reach the broker to the next [s]; the last one is kept."""
_KEEP_ALIVE_S = 15
_TURNS = 20
_AT_LEAST_ONCE = 1


class Publisher:
    """Publishes facts as they change; the broker may be away, and nothing waits for it.

    Parameters
    ----------
    declared
        Broker, group and node.
    facts
        Everything that may be published.
    clock
        Time of the messages.
    pki
        Folder of certificates and keys.

    Raises
    ------
    plant_io.ports.Refusal
        If the password cannot be read.
    ValueError
        If the library is not installed.
    """

    def __init__(self, declared: ServedMqtt, facts: Sequence[Fact], clock: Clock, pki: Path) -> None:
        if find_spec("paho") is None:
            raise ValueError("served.mqtt: found no paho-mqtt, wanted it installed: pip install 'steadyline[mqtt]'")
        self._declared, self._facts, self._clock, self._pki = declared, facts, clock, pki
        self._secret = None
        if declared.user is not None:
            self._secret = password(declared.user.password_from, pki)
        self._newest: Mapping[str, Shown] | None = None
        self._sent: dict[str, Shown] = {}
        self._births = self._sequence = 0
        self._closing, self._reborn = Event(), False
        self._host_there = declared.primary_host is None
        self.state = "no connection yet"
        """How it stands with the broker, in a few words."""
        self._thread = Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()

    def show(self, now: Mapping[str, Shown]) -> None:
        """Take what every fact is now; only the newest is published."""
        self._newest = now

    def close(self) -> None:
        """Say that the node is gone, and end."""
        self._closing.set()
        self._thread.join(5.0)

    def _run(self) -> None:
        tries = 0
        while not self._closing.is_set():
            tries = 0 if self._session() else tries + 1
            self._closing.wait(_AGAIN_S[min(tries, len(_AGAIN_S) - 1)])

    def _session(self) -> bool:
        """Keep one connection for as long as it holds; return whether there was one."""
        client, began = self._client(), self._clock.now()
        number = self._births % SEQUENCES
        self._births += 1
        client.will_set(self._topic("NDEATH"), sparkplug.death(began, number), _AT_LEAST_ONCE)
        try:
            host, port = address(self._declared.broker)
            client.connect(host, port, _KEEP_ALIVE_S)
            good = self._serve(client, number)
        except (OSError, ValueError) as error:
            self.state = f"no connection: {error}"
            return False
        if client.is_connected():
            said = client.publish(self._topic("NDEATH"), sparkplug.death(began, number), _AT_LEAST_ONCE)
            for _ in range(_TURNS):
                if said.is_published() or client.loop(_WAIT_S) != 0:
                    break
        client.disconnect()
        return good

    def _client(self) -> Client:
        import paho.mqtt.client as mqtt  # noqa: PLC0415  # an extra
        from paho.mqtt.enums import CallbackAPIVersion  # noqa: PLC0415  # an extra

        declared = self._declared
        client = mqtt.Client(CallbackAPIVersion.VERSION2, f"steadyline-{declared.group}-{declared.node}")
        if declared.user is not None:
            client.username_pw_set(declared.user.name, self._secret)
        if declared.tls:
            named = declared.authorities
            file = None if named is None else str(self._pki / TRUSTED / named)
            fit = cast("Callable[[ssl.SSLContext], None]", client.tls_set_context)  # pyright: ignore[reportUnknownMemberType]
            fit(ssl.create_default_context(cafile=file))
        client.on_message = self._heard
        return client

    def _serve(self, client: Client, number: int) -> bool:
        """Publish until the connection breaks or all is to end; return whether the broker took us."""
        self._sent, reached = {}, False
        self._host_there = self._declared.primary_host is None
        due = self._clock.now()
        while not self._closing.is_set():
            if client.loop(_WAIT_S) != 0:
                self.state = "the broker is gone" if reached else "the broker refused the connection"
                return reached
            if not client.is_connected():
                continue
            if not reached:
                reached, self.state = True, "connected"
                self._listen(client)
            if self._sent and not self._host_there:
                self.state = f"waits for {self._declared.primary_host}"
                return reached
            now = self._clock.now()
            if self._newest is not None and self._host_there and now >= due:
                self._publish(client, number, self._newest, now)
                due = now + self._declared.every_s
        return reached

    def _listen(self, client: Client) -> None:
        client.subscribe(self._topic("NCMD"), _AT_LEAST_ONCE)
        if self._declared.primary_host is not None:
            client.subscribe(self._host, _AT_LEAST_ONCE)

    def _publish(self, client: Client, number: int, newest: Mapping[str, Shown], now: float) -> None:
        metrics = [Metric(fact, i, newest[fact.path]) for i, fact in enumerate(self._facts)]
        if not self._sent or self._reborn:
            self._sequence, self._reborn = 0, False
            client.publish(self._topic("NBIRTH"), sparkplug.birth(metrics, now, number), 0)
        else:
            changed = [each for each in metrics if _differs(self._sent[each.fact.path], each.shown)]
            if not changed:
                return
            self._sequence = (self._sequence + 1) % SEQUENCES
            client.publish(self._topic("NDATA"), sparkplug.data(changed, now, self._sequence), 0)
        self._sent = dict(newest)

    def _heard(self, client: Client, data: object, message: MQTTMessage) -> None:
        """Take a wish for a rebirth, or the state of the primary host; anything else is passed over."""
        del client, data
        try:
            if message.topic == self._topic("NCMD"):
                self._reborn |= sparkplug.wants_rebirth(bytes(message.payload))
            elif message.topic == self._host:
                self._host_there = json.loads(message.payload).get("online") is True
        except (ValueError, AttributeError):
            return

    @property
    def _host(self) -> str:
        return f"spBv1.0/STATE/{self._declared.primary_host}"

    def _topic(self, kind: str) -> str:
        return sparkplug.topic(kind, self._declared.group, self._declared.node)


def _differs(one: Shown, other: Shown) -> bool:
    """Return whether a fact has changed; that it was looked at again is no change."""
    same = one.value == other.value or (one.value != one.value and other.value != other.value)  # nan
    return not same or one.quality is not other.quality
