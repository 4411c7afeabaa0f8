"""Results of a chromatograph taken in: no result is refused without a word, peaks are aligned, named and followed.

Retention times relative to a reference peak stretch about it as a column ages. The stretch is found from the peaks that
are known, and taken out before peaks are named, so that an old column is no new impurity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite

from plant_io.changes import replace

_STEPS = 40
_KEPT = 64
_STRETCHED = 0.02
_PPM, _SHARE = 1e6, 1.0
_WHOLE = 100.0
_NEAR = 0.05
_STILL = 0.1


@dataclass(frozen=True, slots=True)
class Found:
    """One peak as the data system lists it."""

    rrt: float
    """Retention time relative to the reference [1]."""
    area: float
    """Size, in the unit of the result."""
    name: str | None = None
    """What the data system takes it for."""


@dataclass(frozen=True, slots=True)
class Result:
    """One injection as it came."""

    sequence: int
    """Count of the injection [1]."""
    taken: float
    """When its sample was taken, POSIX time [s]."""
    peaks: tuple[Found, ...]
    """Peaks listed."""
    version: str = ""
    """Version of the method; empty where the data system does not say."""
    method: str = ""
    """The method; empty where the data system does not say."""
    sample: str = ""
    """Sample it is of; empty where the data system does not say."""
    unit: str = "%"
    """UCUM code of the sizes as the data system says."""


@dataclass(frozen=True, slots=True)
class Method:
    """What is known of a method."""

    listed: Mapping[str, float]
    """Retention time of each known peak relative to the reference [1]."""
    window: float
    """Largest distance of a peak from where its name expects it [1]."""
    stretch: float = 0.0
    """Largest stretch of retention times that is taken out [1]."""
    responses: Mapping[str, float] = field(default_factory=dict[str, float])
    """Response relative to the reference, by which a size is divided [1]."""
    lod: float = 0.0
    """Smallest size that is seen, in the unit of the result."""
    loq: float = 0.0
    """Smallest size that is quantified, in the unit of the result."""
    total: tuple[float, float] | None = None
    """Lowest and highest sum of all sizes, in the unit of the result; any where None."""
    carried: float = 0.0
    """Share of the sample before that the sampler may carry over [1]."""
    versions: tuple[str, ...] = ()
    """Versions of the method that are known; any where empty."""
    methods: tuple[str, ...] = ()
    """Methods whose results are taken; any where empty. A result that names none is judged by its version alone."""
    unit: str = "%"
    """UCUM code of the sizes that results must have."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """A peak that nobody knows, followed from result to result."""

    name: str
    """Its name, by where it was first seen, such as ``RRT 1.32``."""
    rrt: float
    """Mean of its retention times, aligned [1]."""
    count: int
    """Results that had it [1]."""
    first: float
    """When its first sample was taken, POSIX time [s]."""
    last: float
    """When its newest sample was taken, POSIX time [s]."""
    size: float
    """Newest size, in the unit of the result."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered from result to result."""

    stretch: float = 0.0
    """Stretch of retention times found last [1]."""
    newest: float = -inf
    """When the newest sample that was taken in was taken, POSIX time [s]."""
    seen: tuple[tuple[int, float], ...] = ()
    """Injections taken in, and when their samples were taken, POSIX time [s]."""
    samples: tuple[str, ...] = ()
    """Samples taken in."""
    before: Mapping[str, float] = field(default_factory=dict[str, float])
    """Sizes of the newest injection, in the unit of the result."""
    strangers: tuple[Stranger, ...] = ()
    """Unknown peaks seen so far."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One result, named."""

    result: Result
    """What came."""
    sizes: Mapping[str, float]
    """Size of each known peak, 0 where it is not there, in the unit of the result."""
    strangers: Mapping[str, float]
    """Size of each unknown peak by its name, in the unit of the result."""
    stretch: float
    """Stretch of retention times [1]."""
    doubts: tuple[str, ...]
    """What is to be said of it, one sentence each; it is used all the same."""
    late: bool
    """Whether its sample is older than one that was taken in before."""
    again: bool
    """Whether its sample was injected before; the newer injection counts."""


def take(result: Result, memory: Memory, method: Method) -> tuple[Memory, Taken | None, str]:
    """Return what is remembered, the result named, and else why it is refused.

    Parameters
    ----------
    result
        What came.
    memory
        What is remembered.
    method
        The method.

    Examples
    --------
    >>> one = Result(7, 0.0, (Found(0.622, 4.0), Found(1.0, 95.8), Found(1.32, 0.2)))
    >>> _, taken, why = take(one, Memory(), Method({"SM": 0.62, "API": 1.0}, 0.02))
    >>> dict(taken.sizes), dict(taken.strangers), why
    ({'SM': 4.0, 'API': 95.8}, {'RRT 1.32': 0.2}, '')
    """
    why = refusal(result, memory, method)
    if why:
        return memory, None, why
    peaks = [one for one in result.peaks if one.area >= method.lod]
    stretch = _stretch(peaks, memory.stretch, method)
    named, others = _named(peaks, stretch, method)
    sizes, rest = _answered(named, others, method)
    strangers, unknown = _followed(rest, memory.strangers, result.taken, method)
    late, again = result.taken < memory.newest, bool(result.sample) and result.sample in memory.samples
    doubts = (*_of_column(stretch), *_of_names(result, stretch, method), *_of_carrying(sizes, unknown, memory, method))
    taken = Taken(result, sizes, unknown, stretch, doubts, late, again)
    return _remembered(memory, taken, strangers), taken, ""


def refusal(result: Result, memory: Memory, method: Method) -> str:
    """Return in one sentence why a result cannot be used; empty where it can."""
    where = f"injection {result.sequence}"
    if method.methods and result.method and result.method not in method.methods:
        return f"{where}: found method {result.method!r}, expected {' or '.join(method.methods)}"
    if method.versions and result.version not in method.versions:
        return f"{where}: found version {result.version!r} of the method, expected {' or '.join(method.versions)}"
    return _of_time(result, where, memory) or _of_peaks(result, where) or _of_sum(result, where, method)


def _of_time(result: Result, where: str, memory: Memory) -> str:
    if (result.sequence, result.taken) in memory.seen:
        return f"{where} came twice; the first is kept"
    if any(sequence == result.sequence for sequence, _ in memory.seen):
        return f"{where} came with another time of sampling than before; the first is kept"
    return ""


def _of_peaks(result: Result, where: str) -> str:
    wrong = [one for one in result.peaks if not (isfinite(one.area) and isfinite(one.rrt) and one.rrt > 0.0)]
    if wrong:
        return f"{where}: found a peak that is no number, at RRT {wrong[0].rrt:g} of size {wrong[0].area:g}"
    under = [one for one in result.peaks if one.area < 0.0]
    if under:
        return f"{where}: found a negative area, {under[0].area:g} at RRT {under[0].rrt:g}"
    return "" if result.peaks else f"{where}: found no peak at all"


def _of_sum(result: Result, where: str, method: Method) -> str:
    total = sum(one.area for one in result.peaks)
    if result.unit != method.unit:
        return f"{where}: found areas in {result.unit}, expected {method.unit}"
    if method.total is None or method.total[0] <= total <= method.total[1]:
        return ""
    for whole, name in ((_PPM, "ppm"), (_SHARE, "shares of 1")):
        if abs(total / whole - 1.0) < _NEAR:
            return f"{where}: areas sum to {total:g}; they are {name}, not {method.unit}"
    low, high = method.total
    return f"{where}: areas sum to {total:.4g} {method.unit}, expected {low:g} to {high:g}"


def aligned(rrt: float, stretch: float) -> float:
    """Return a retention time with the stretch of the column taken out [1].

    Parameters
    ----------
    rrt
        Retention time relative to the reference [1].
    stretch
        Stretch about the reference [1].
    """
    return 1.0 + (rrt - 1.0) / (1.0 + stretch)


def _stretch(peaks: Sequence[Found], before: float, method: Method) -> float:
    """Return the stretch with which most peaks are where their names expect them, the nearest to the one before [1]."""
    if method.stretch == 0.0:
        return 0.0
    heavy = [one.rrt for one in peaks if one.area >= method.loq]
    grid = [method.stretch * k / _STEPS for k in range(-_STEPS, _STEPS + 1)]
    best = max((before, *grid), key=lambda s: _fit(heavy, s, method) - _STILL * abs(s - before) / method.stretch)
    pairs = list(_pairs(heavy, best, method))
    weight = sum((name - 1.0) ** 2 for _, name in pairs)
    if weight == 0.0:
        return best
    found = sum((at - 1.0) * (name - 1.0) for at, name in pairs) / weight - 1.0
    return min(max(found, -method.stretch), method.stretch)


def _pairs(places: Sequence[float], stretch: float, method: Method) -> Iterator[tuple[float, float]]:
    for at in places:
        expected = min(method.listed.values(), key=lambda one: abs(one - aligned(at, stretch)))
        if abs(expected - aligned(at, stretch)) <= method.window:
            yield at, expected


def _fit(places: Sequence[float], stretch: float, method: Method) -> float:
    pairs = _pairs(places, stretch, method)
    return sum(1.0 - ((expected - aligned(at, stretch)) / method.window) ** 2 for at, expected in pairs)


def _named(peaks: Sequence[Found], stretch: float, method: Method) -> tuple[dict[str, Found], list[Found]]:
    """Return the peak of each name, the nearest to where it is expected, and the peaks without one."""
    named: dict[str, Found] = {}
    others: list[Found] = []
    for one in peaks:
        at = aligned(one.rrt, stretch)
        distance, name = min((abs(expected - at), name) for name, expected in method.listed.items())
        holder = named.get(name)
        if distance > method.window:
            others.append(one)
        elif holder is None or distance <= abs(method.listed[name] - aligned(holder.rrt, stretch)):
            named[name] = one
            others += [] if holder is None else [holder]
        else:
            others.append(one)
    return named, [Found(aligned(one.rrt, stretch), one.area, one.name) for one in others]


def _answered(
    named: Mapping[str, Found], others: Sequence[Found], method: Method
) -> tuple[dict[str, float], list[Found]]:
    """Return sizes divided by their responses, all together as much as before."""
    raw = {name: named[name].area if name in named else 0.0 for name in method.listed}
    if not method.responses:
        return raw, list(others)
    real = {name: area / method.responses.get(name, 1.0) for name, area in raw.items()}
    rest = sum(one.area for one in others)
    whole, now = sum(raw.values()) + rest, sum(real.values()) + rest
    share = whole / now if now > 0.0 else 1.0
    sizes = {name: share * area for name, area in real.items()}
    return sizes, [Found(one.rrt, share * one.area, one.name) for one in others]


def _followed(
    others: Sequence[Found], known: tuple[Stranger, ...], taken: float, method: Method
) -> tuple[tuple[Stranger, ...], dict[str, float]]:
    """Return the unknown peaks so far, and the sizes of those that are there."""
    strangers, sizes = {one.name: one for one in known}, dict[str, float]()
    for one in sorted(others, key=lambda one: -one.area):
        near = [old for old in strangers.values() if abs(old.rrt - one.rrt) <= method.window and old.name not in sizes]
        if near:
            old = min(near, key=lambda it: abs(it.rrt - one.rrt))
            rrt = old.rrt + (one.rrt - old.rrt) / (old.count + 1)
            last = max(old.last, taken)
            new = replace(old, rrt=rrt, count=old.count + 1, first=min(old.first, taken), last=last, size=one.area)
        else:
            name = f"RRT {one.rrt:.2f}"
            name = name if name not in strangers else f"RRT {one.rrt:.3f}"
            new = Stranger(name, one.rrt, 1, taken, taken, one.area)
        strangers[new.name] = new
        sizes[new.name] = one.area
    return tuple(strangers.values())[-_KEPT:], sizes


def _of_column(stretch: float) -> Iterator[str]:
    if abs(stretch) > _STRETCHED:
        yield f"retention times are stretched by {100.0 * stretch:.1f} %; the column ages"


def _of_names(result: Result, stretch: float, method: Method) -> Iterator[str]:
    for one in result.peaks:
        if one.name is None or one.name not in method.listed:
            continue
        at = aligned(one.rrt, stretch)
        if abs(method.listed[one.name] - at) > method.window:
            expected = method.listed[one.name]
            yield f"the peak at RRT {one.rrt:.3f} is called {one.name}, but that is expected at {expected:g}"


def _of_carrying(
    sizes: Mapping[str, float], unknown: Mapping[str, float], memory: Memory, method: Method
) -> Iterator[str]:
    for name, size in (*sizes.items(), *unknown.items()):
        was = memory.before.get(name, 0.0)
        if method.lod < size <= method.carried * was:
            yield f"{name} may be carried over: {size:.3g} after {was:.3g}"


def _remembered(memory: Memory, taken: Taken, strangers: tuple[Stranger, ...]) -> Memory:
    result = taken.result
    seen = (*memory.seen, (result.sequence, result.taken))[-_KEPT:]
    samples = (*memory.samples, result.sample)[-_KEPT:] if result.sample else memory.samples
    if taken.late:
        return replace(memory, seen=seen, samples=samples, strangers=strangers)
    before = {**taken.sizes, **taken.strangers}
    return Memory(taken.stretch, result.taken, seen, samples, before, strangers)
