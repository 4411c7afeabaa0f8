"""Figures of a run for Prometheus (prometheus-client)."""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from pathlib import Path
from threading import Thread
from typing import Protocol, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, start_http_server

from controller.cycle import Cycle, Mode, Phase
from controller.kit import Kit
from plant_io.quality import Quality
from plant_io.security.store import OWN
from policies.served import ServedMetrics, address

_TIMES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class _Listening(Protocol):
    """What is needed of the server behind the library's own class."""

    server_port: int

    def shutdown(self) -> None:
        """End it."""
        ...

    def server_close(self) -> None:
        """Close its socket."""
        ...


class Figures:
    """Counts and gauges of a run, each cycle added to them; a view of the loop.

    Parameters
    ----------
    kit
        The policy, made ready.
    """

    def __init__(self, kit: Kit) -> None:
        self.registry = CollectorRegistry()
        """What is served."""
        self._kit, self._last = kit, 0.0
        self._units = kit.policy.units()
        self._counters(self.registry)
        self._gauges(self.registry)
        policy = kit.policy
        about = {"line": policy.line, "revision": policy.revision, "policy_sha256": policy.fingerprint}
        Info("steadyline_run", "Line and policy of the run.", registry=self.registry).info(about)

    def _counters(self, to: CollectorRegistry) -> None:
        self._cycles = Counter("steadyline_cycles", "Control cycles.", registry=to)
        self._skipped = Counter("steadyline_periods_skipped", "Periods without a cycle of their own.", registry=to)
        self._orders = Counter("steadyline_orders", "Orders of people and of the shell.", ["act"], registry=to)
        self._plans = Counter("steadyline_plans", "Answers of the solvers.", ["loop", "status"], registry=to)
        self._writes = Counter("steadyline_writes", "Setpoints and words written.", ["outcome"], registry=to)
        self._alerts = Counter("steadyline_alerts", "Conditions that began.", ["watch", "priority"], registry=to)
        self._incidents = Counter("steadyline_incidents", "Changes of incidents.", ["change"], registry=to)
        self._alarms = Counter("steadyline_alarms", "Steps of alarms.", ["event", "priority"], registry=to)
        about = "Time of the parts of a cycle, without waits."
        self._parts = Histogram("steadyline_cycle_seconds", about, ["part"], buckets=_TIMES, registry=to)

    def _gauges(self, to: CollectorRegistry) -> None:
        self._at = Gauge("steadyline_cycle_timestamp_seconds", "Start of the newest cycle, POSIX time.", registry=to)
        self._mode = Gauge("steadyline_loop_mode", "1 for its mode, else 0.", ["loop", "mode"], registry=to)
        self._phase = Gauge("steadyline_loop_phase", "1 for its phase, else 0.", ["loop", "phase"], registry=to)
        self._tags = Gauge("steadyline_tags", "Tags read, by quality.", ["quality"], registry=to)
        self._standing = Gauge("steadyline_alert_active", "Whether a condition stands.", ["watch"], registry=to)
        self._soft = Gauge("steadyline_soft_sensor", "Inferred; NaN if bad.", ["tag", "unit"], registry=to)
        self._doubt = Gauge("steadyline_soft_sensor_sd", "Its standard deviation.", ["tag", "unit"], registry=to)

    def __call__(self, cycle: Cycle) -> None:
        """Add one cycle."""
        decision, at = cycle.decision, cycle.snapshot.at
        self._cycles.inc()
        if self._last:
            self._skipped.inc(max(0, round((at - self._last) / self._kit.policy.period_s) - 1))
        self._last = at
        self._at.set(at)
        for order in cycle.obeyed:
            self._orders.labels(type(order.act).__name__).inc()
        for plan in cycle.plans:
            self._plans.labels(plan.loop, plan.status.value).inc()
        for receipt in cycle.receipts:
            self._writes.labels(receipt.outcome.value).inc()
        for alert in decision.alerts:
            self._standing.labels(alert.watch).set(alert.active)
            if alert.active:
                self._alerts.labels(alert.watch, alert.priority).inc()
        for one in decision.incidents:
            self._incidents.labels(one.change.value).inc()
        for change in decision.alarms:
            event = "carried" if change.event is None else change.event.value
            self._alarms.labels(event, change.alarm.priority).inc()
        for part, took in cycle.timing.items():
            self._parts.labels(part).observe(took)
        self._show(cycle)

    def _show(self, cycle: Cycle) -> None:
        units, read = self._units, len(self._kit.policy.tags)  # inferred tags come behind those read
        for name, (mode, phase) in cycle.decision.modes.items():
            for each in Mode:
                self._mode.labels(name, each.value).set(each is mode)
            for one in Phase:
                self._phase.labels(name, one.value).set(one is phase)
        for quality in Quality:
            self._tags.labels(quality.name.lower()).set(int((cycle.snapshot.quality[:read] == quality).sum()))
        for tag, (value, sd, code) in cycle.decision.soft.items():
            bad = code == Quality.BAD
            self._soft.labels(tag, units[tag]).set(nan if bad else value)
            self._doubt.labels(tag, units[tag]).set(nan if bad else sd)


def serve(figures: Figures, declared: ServedMetrics, pki: Path) -> tuple[int, Callable[[], None]]:
    """Serve figures under ``/metrics``, and return the TCP port and what ends it.

    Parameters
    ----------
    figures
        What is served.
    declared
        Where, and how both ends know each other.
    pki
        Folder of certificates and keys.

    Raises
    ------
    OSError
        If the port is taken, or a certificate cannot be read.
    """
    host, port = address(declared.listen)
    own = pki / OWN
    tls = declared.tls
    if tls is None:
        started = start_http_server(port, host, figures.registry)
    else:
        started = start_http_server(
            port,
            host,
            figures.registry,
            certfile=str(own / tls.certificate),
            keyfile=str(own / tls.key),
            client_cafile=str(own / tls.clients),
            client_auth_required=True,
        )
    server, thread = cast("tuple[_Listening, Thread]", started)

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join(2.0)

    return server.server_port, end
