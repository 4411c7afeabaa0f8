"""How far what was frozen of one event is from what was frozen of another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import copysign, sqrt

from anomaly.alerts import Sign
from anomaly.cases import Evidence

_FARTHEST = 50.0


def distance(one: Evidence, other: Evidence) -> float:
    """Return how far two events are apart [1]: 0 where they look the same, 1 where nothing agrees.

    It is the root mean square of two distances: of the directions in which tags moved, and of what the library thought
    of both, as far as there is either.
    """
    parts = list(_parts(one, other))
    return sqrt(sum(part**2 for part in parts) / len(parts)) if parts else 1.0


def _parts(one: Evidence, other: Evidence) -> Iterator[float]:
    if one.signs or other.signs:
        yield apart(one.signs, other.signs)
    if one.chances or other.chances:
        yield hellinger(one.chances, other.chances)


def apart(one: Sequence[Sign], other: Sequence[Sign]) -> float:
    """Return how far two directions are apart [1]: half of one less the cosine of the angle between them.

    Distances from normal count by their square roots, so that one far tag does not outshout the pattern.

    Examples
    --------
    >>> apart([Sign("A", 4.0)], [Sign("A", 9.0)]), apart([Sign("A", 4.0)], [Sign("A", -4.0)])
    (0.0, 1.0)
    """
    first, second = _tempered(one), _tempered(other)
    size = _size(first) * _size(second)
    along = sum(value * second.get(tag, 0.0) for tag, value in first.items())
    return min(1.0, max(0.0, 0.5 * (1.0 - along / size))) if size > 0.0 else 1.0


def hellinger(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Return the distance of Hellinger of two distributions over the same names [1].

    It is the root of one less the Bhattacharyya coefficient: A. Bhattacharyya, "On a measure of divergence between two
    statistical populations", Bull. Calcutta Math. Soc. 35, 1943.

    Parameters
    ----------
    one
        Probability of each name [1].
    other
        The same of the other [1].

    Examples
    --------
    >>> hellinger({"a": 1.0}, {"a": 1.0}), hellinger({"a": 1.0}, {"b": 1.0})
    (0.0, 1.0)
    """
    both = sum(sqrt(max(0.0, share) * max(0.0, other.get(name, 0.0))) for name, share in one.items())
    return sqrt(min(1.0, max(0.0, 1.0 - both)))


def _tempered(signs: Sequence[Sign]) -> dict[str, float]:
    return {sign.tag: copysign(sqrt(min(abs(sign.z), _FARTHEST)), sign.z) for sign in signs}


def _size(values: Mapping[str, float]) -> float:
    return sqrt(sum(value**2 for value in values.values()))
