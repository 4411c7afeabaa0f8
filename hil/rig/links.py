"""Links that fail when a scenario says so, by the network in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import ceil, inf

from hil.faults.tables import LINKS
from hil.plants.faults import CATALOGUE, Fault, end, intensity
from hil.virtual.faults import Direction
from hil.virtual.network import Network

Span = tuple[float, float]
"""Beginning and end, time since the start [s]."""

_ENDLESS_S = 1e9
_WAYS: Mapping[str, Direction] = {"up": "up", "down": "down"}


def disturb(faults: Sequence[Fault], length_s: float) -> Callable[[Network, Mapping[str, int]], None]:
    """Return who asks a virtual network for the faults of links among some faults of a run of `length_s` [s]."""

    def ask(network: Network, ports: Mapping[str, int]) -> None:
        for fault in faults:
            if fault.id in LINKS:
                for span in spans(fault, length_s):
                    _strike(network, ports[fault.target], fault, span)

    return ask


def spans(fault: Fault, length_s: float) -> list[Span]:
    """Return when a fault is there in a run.

    Parameters
    ----------
    fault
        The fault.
    length_s
        Length of the run [s].

    Examples
    --------
    >>> spans(Fault("link_stall", "line", 60.0, 75.0), 600.0)
    [(60.0, 75.0)]
    """
    last = min(end(fault), max(length_s, fault.on_s) + _ENDLESS_S)
    if fault.shape != "random":
        return [(fault.on_s, last)]
    count = ceil((min(last, length_s) - fault.on_s) / fault.ramp_s)
    begins = [fault.on_s + i * fault.ramp_s for i in range(count)]
    return [(at, min(at + fault.ramp_s, last)) for at in begins if intensity(fault, at) > 0.0]


def _strike(network: Network, port: int, fault: Fault, span: Span) -> None:
    full, way = _full(fault), _WAYS.get(fault.id.rpartition("_")[2], "both")
    if fault.id in {"link_reset", "link_refuse", "link_silent"}:
        network.reset(port, span[0])
    match fault.id:
        case "link_reset":
            return
        case "link_refuse":
            network.refuse(port, *span)
        case "link_silent":
            network.silence(port, *span)
        case "link_stall" | "link_stall_up" | "link_stall_down":
            network.stall(port, way, *span)
        case "link_drop":
            network.drop(port, way, *span)
        case "link_slow":
            network.latency(port, way, *span, delay_s=0.5 * full, jitter_s=full)
        case "link_narrow" | "link_cut":
            network.cut(port, way, *span, rest_s=full if fault.id == "link_narrow" else inf)
        case _:
            for begin, over in _flaps(span, full):
                network.reset(port, begin)
                network.refuse(port, begin, over)


def _flaps(span: Span, each_s: float) -> Iterator[Span]:
    at = span[0]
    while at < min(span[1], span[0] + 1000.0 * each_s):
        yield at, min(at + each_s, span[1])
        at += 2.0 * each_s


def _full(fault: Fault) -> float:
    return CATALOGUE[fault.id].magnitude if fault.magnitude is None else fault.magnitude
