"""The material of a policy made ready: cells of every unit, at sigma points of its residence-time distribution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import inf, log, sqrt
from typing import NamedTuple

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray

from controller.guard import Fence
from controller.material.cells import count, grown, row
from controller.material.rtd import Rtd, read
from plant_io.signals import Floats
from policies import Policy
from policies.material import Divert, Material
from policies.units import convert, difference

_GRID = 0.03
_KG_PER_H = 3600.0
_SPAN = (0.2, 5.0)


class FeedKit(NamedTuple):
    """One feed, ready."""

    name: str
    """Its name."""
    flow: str
    """Tag of its mass flow."""
    kg_per_s: float
    """Mass flow of 1 in the unit of the tag [kg/s]."""
    sd: float
    """Standard deviation of the flow shown, relative to it [1]."""
    blind: str | None
    """Tag that shows that it cannot tell what it feeds."""
    shows: float
    """Value the tag then has, in its unit."""
    excess: float
    """What is then fed over the flow shown [1]."""
    blind_sd: float
    """Standard deviation of that [1]."""
    settle_s: float
    """How long after that the flow shown still finds its value [s]."""
    weighed_sd: float | None
    """Standard deviation of the mass of a charge [1]; None where nothing is balanced by it."""
    lot: str | None
    """Tag that numbers charges."""
    charge: str | None
    """Tag of the mass of a charge."""
    held: str | None
    """Tag of the mass in the hopper, in the unit of `charge`."""
    kg: float
    """Mass of 1 in the unit of `charge` [kg]."""


class UnitKit(NamedTuple):
    """One unit, ready."""

    name: str
    """Its name."""
    rtd: Rtd
    """Its residence-time distribution."""
    speed: str | None
    """Tag of its speed."""
    cells: slice
    """Its cells among those of the line."""


class TurndownKit(NamedTuple):
    """How the line is turned down, ready."""

    loop: str
    """Loop whose target it is."""
    name: str
    """Controlled variable."""
    unit: str
    """Unit the loop gives for it, a UCUM code."""
    target: float
    """Target meanwhile, in `unit`."""
    usual: float
    """Target of the policy, in `unit`."""
    after_s: float
    """Time for which all has been rejected when it is turned down [s]."""
    back_s: float
    """Time for which all has conformed when it is not any more [s]."""

    @property
    def what(self) -> str:
        """Return what is turned down, in words."""
        return f"{self.loop} {self.name}"


class Moved(NamedTuple):
    """What one quantum does to the cells of the line, at every point of the posterior, the mean first."""

    kept: Floats
    """Where the mass of each cell goes, shape ``(k, n, n)`` [1]."""
    fed: Floats
    """Where the mass that is fed goes, shape ``(k, n, 1)`` [1]."""
    held: Floats
    """Mass each cell holds in the end at this operating point, shape ``(k, n)`` [kg]."""


@dataclass(frozen=True, slots=True, eq=False)
class MaterialKit:
    """The material of one policy, ready."""

    declared: Material
    """What the policy says."""
    feeds: tuple[FeedKit, ...]
    """What is fed."""
    units: tuple[UnitKit, ...]
    """Units in the order of the material."""
    points: Floats
    """Parameters of all units, the mean first, then sigma points of equal weight, shape ``(k, n_p)``, each as in
    `Rtd.mean`."""
    size: int
    """Cells of the line [1]."""
    active: int
    """Place of the feed whose share is followed [1]."""
    whole: float
    """Content of that feed alone, in the unit of content."""
    distance: float
    """Standard deviations from a limit that bound the probability of an escape [1]."""
    quick_kg: float
    """Mass in whose steps material moves on [kg]."""
    slopes: Mapping[str, float]
    """Content per unit of each tag that tells of it, in the unit of content."""
    fence: Fence | None
    """Fence of the gate; None where there is none."""
    read_back: str
    """Tag that shows what the PLC made of the gate's setpoint; empty where there is no gate."""
    connection: str
    """Connection of the gate; empty where there is none."""
    wants: frozenset[str] = frozenset()
    """The same, for the handshake."""
    turndown: TurndownKit | None = None
    """How the line is turned down; None where it is not."""

    def at(self, flow: float, speeds: tuple[float, ...]) -> Moved:
        """Return what a quantum does at an operating point, rounded to a few per cent.

        Parameters
        ----------
        flow
            Throughput [kg/h].
        speeds
            Speed of each unit, in the unit of its tag.
        """
        return _moved(self, _near(flow), tuple(_near(speed) for speed in speeds))


def prepare(policy: Policy) -> MaterialKit | None:
    """Return the material of `policy`, ready; None where it says nothing of it.

    Raises
    ------
    ValueError
        If a residence-time distribution is none.
    """
    declared = policy.material
    if declared is None:
        return None
    rtds = {name: _read(policy, name, unit.rtd) for name, unit in declared.units.items()}
    points = _points(rtds)
    units, start = list[UnitKit](), 0
    for (name, passed), shapes in zip(declared.units.items(), _shapes(rtds, points), strict=True):
        number = count(rtds[name], max(shapes))
        units.append(UnitKit(name, rtds[name], passed.speed, slice(start, start + number)))
        start += number
    gate = declared.divert
    tag = None if gate is None else policy.tags[gate.tag]
    content, unit = declared.content, policy.units()
    return MaterialKit(
        declared=declared,
        feeds=_feeds(policy, declared),
        units=tuple(units),
        points=points,
        size=start,
        active=list(declared.feeds).index(content.of),
        whole=convert(1.0, "1", content.unit),
        distance=0.0 if gate is None else quantile(gate.escape / 2.0),
        quick_kg=declared.quantum,
        slopes={
            tag: difference(1.0, unit[tag], content.unit)
            for tag in (content.correct, content.beyond, *content.within)
            if tag is not None
        },
        fence=None if gate is None else _fence(gate),
        read_back="" if gate is None or tag is None else tag.read_back or gate.tag,
        connection="" if tag is None else tag.connection,
        wants=frozenset(() if tag is None else (tag.connection,)),
        turndown=_turndown(policy, declared),
    )


def _turndown(policy: Policy, declared: Material) -> TurndownKit | None:
    words = declared.turndown
    led = None if words is None or words.loop not in policy.loops else policy.loops[words.loop].controlled[words.name]
    if words is None or led is None or not isinstance(led.target, float):
        return None  # a loop may be left out of a run
    return TurndownKit(words.loop, words.name, led.unit, words.target, led.target, words.after_s, words.back_s)


def _fence(gate: Divert) -> Fence:
    ends = sorted((gate.diverts, gate.accepts))
    return Fence(gate.tag, ends[0], ends[1], inf, (ends[1] - ends[0]) / 2.0)


def quantile(beyond: float) -> float:
    """Return how many standard deviations a normal variable exceeds with a probability.

    Parameters
    ----------
    beyond
        The probability [1].

    Examples
    --------
    >>> round(quantile(0.025), 3), round(quantile(5e-4), 3)
    (1.96, 3.291)
    """
    from statistics import NormalDist  # noqa: PLC0415  # pulls in the world

    return NormalDist().inv_cdf(1.0 - beyond)


def _read(policy: Policy, unit: str, file: str) -> Rtd:
    try:
        return read(policy.files[file])
    except ValueError as error:
        raise ValueError(f"material.units.{unit}.rtd: {file}: {error}") from None


def _points(rtds: Mapping[str, Rtd]) -> Floats:
    """Return the mean and the points of the spherical-radial rule, shape ``(2 n + 1, n)``.

    I. Arasaratnam and S. Haykin, "Cubature Kalman Filters", IEEE Trans. Autom. Control 54(6), 2009,
    doi:10.1109/TAC.2009.2019800: ``2 n`` points of equal weight, ``sqrt(n)`` standard deviations from the mean.
    """
    mean: Floats = np.array([value for rtd in rtds.values() for value in rtd.mean])
    whole, start = np.zeros((len(mean), len(mean))), 0
    for name, rtd in rtds.items():
        end = start + len(rtd.mean)
        whole[start:end, start:end] = _root(name, np.array(rtd.covariance))
        start = end
    away = sqrt(len(mean)) * whole.T
    return np.concatenate([mean[None], mean + away, mean - away])


def _root(unit: str, covariance: Floats) -> Floats:
    try:
        return np.asarray(np.linalg.cholesky(covariance + 1e-12 * np.eye(len(covariance))), np.float64)
    except LinAlgError:
        raise ValueError(f"material.units.{unit}.rtd: the covariance is not positive definite") from None


def _shapes(rtds: Mapping[str, Rtd], points: Floats) -> list[list[float]]:
    """Return the shape of each unit at every point [1]."""
    found, start = list[list[float]](), 0
    for rtd in rtds.values():
        end = start + len(rtd.mean)
        rows = points[:, start:end].tolist()
        found.append([rtd.at(point, rtd.reference.flow, rtd.reference.speed).shape for point in rows])
        start = end
    return found


def _feeds(policy: Policy, declared: Material) -> tuple[FeedKit, ...]:
    units = policy.units()
    return tuple(
        FeedKit(
            name=name,
            flow=feed.flow,
            kg_per_s=convert(1.0, units[feed.flow], "kg/s"),
            sd=feed.sd,
            blind=feed.blind.tag if feed.blind else None,
            shows=feed.blind.shows if feed.blind else 0.0,
            excess=1.0 + (feed.blind.excess if feed.blind else 0.0),
            blind_sd=feed.blind.sd if feed.blind else 0.0,
            settle_s=feed.blind.settle_s if feed.blind else 0.0,
            weighed_sd=feed.blind.weighed_sd if feed.blind else None,
            lot=feed.lot,
            charge=feed.charge,
            held=feed.held,
            kg=1.0 if feed.charge is None else convert(1.0, units[feed.charge], "kg"),
        )
        for name, feed in declared.feeds.items()
    )


def _near(value: float) -> float:
    """Return a value on a grid of equal ratios, so that what was worked out there can be used again."""
    return round(log(value) / _GRID) * _GRID if value > 0.0 else 0.0


@lru_cache(maxsize=64)
def _moved(kit: MaterialKit, flow: float, speeds: tuple[float, ...]) -> Moved:
    n, k = kit.size, len(kit.points)
    rates, enters, held = np.zeros((k, n, n)), np.zeros((k, n)), np.zeros((k, n))
    for point in range(k):
        first, before = 0, -1
        for unit, speed in zip(kit.units, speeds, strict=True):
            own = kit.points[point, first : first + len(unit.rtd.mean)].tolist()
            first += len(own)
            reference = unit.rtd.reference
            least, most = (reference.flow * span for span in _SPAN)
            there = unit.rtd.at(own, min(max(float(np.exp(flow)), least), most), float(np.exp(speed)))
            leaves, into = row(unit.rtd, there, unit.cells.stop - unit.cells.start)
            here: NDArray[np.intp] = np.arange(unit.cells.start, unit.cells.stop, dtype=np.intp)
            rates[point, here, here] = -leaves
            rates[point, here[1:], here[:-1]] = leaves[:-1]
            if before < 0:
                enters[point, here] = into
            else:
                rates[point, here, before] += into * -rates[point, before, before]
            before = unit.cells.stop - 1
        held[point] = -np.linalg.solve(rates[point], enters[point])
    kept, spread = grown(rates, kit.quick_kg)
    return Moved(kept, spread @ enters[:, :, None], held)
