"""Die filling and compression: what one tablet weighs, takes and withstands."""

from __future__ import annotations

from math import exp, log

STATIONS = 36
"""Dies of the turret [1]."""

_AREA_M2 = 50.27e-6
_SPEED_REF = 46.3
_DENSITY, _DENSITY_TRUE = 455.0, 1520.0
_COMPRESSIBLE, _YIELD_PA = 0.704, 10e6
_FORCE_LIMIT_KN = 40.0
_SOLID_CRITICAL, _HARDNESS_N, _OVERLUBRICATION = 0.45, 165.0, 12.0


def bulk_density(api: float, drift: float) -> float:
    """Return the bulk density of the blend in the feed frame [kg/m3].

    Parameters
    ----------
    api
        Mass fraction of API [1].
    drift
        Relative deviation from what the composition gives [1].
    """
    return _DENSITY * (1.0 - 0.25 * (api - 0.10) + drift)


def fill_mass(density: float, depth: float, speed: float) -> float:
    """Return the mass that fills one die [kg].

    Parameters
    ----------
    density
        Bulk density [kg/m3].
    depth
        Fill depth [m].
    speed
        Turret speed [rpm].
    """
    return density * _AREA_M2 * depth * (1.0 - 0.02 * (speed / _SPEED_REF - 1.0))


def compression_force(mass: float, density: float, gap: float) -> float:
    """Return the main compression force [kN], bounded by the overload protection.

    The pore-free limit is tied to the mass, not to the filled volume; otherwise the force would not see the density.

    Parameters
    ----------
    mass
        Tablet mass [kg].
    density
        Bulk density before compression [kg/m3].
    gap
        Distance of the punch tips at full compression [m].

    References
    ----------
    K. Kawakita and K.-H. Lüdde, "Some considerations on powder compression equations", Powder Technol. 4(2), 1971,
    doi:10.1016/0032-5910(71)80001-3.
    """
    volume = _AREA_M2 * gap
    squeezed = mass / density - volume
    if squeezed <= 0.0:
        return 0.0
    pores = volume - mass * (1.0 - _COMPRESSIBLE) / _DENSITY
    force = _YIELD_PA * _AREA_M2 * 1e-3 * squeezed
    return force / pores if pores * _FORCE_LIMIT_KN > force else _FORCE_LIMIT_KN


def solid_fraction(mass: float, gap: float) -> float:
    """Return the share of a tablet that is solid at full compression [1].

    Parameters
    ----------
    mass
        Tablet mass [kg].
    gap
        Distance of the punch tips at full compression [m].
    """
    return mass / (_DENSITY_TRUE * _AREA_M2 * gap)


def breaking_force(solid: float, lubricant: float) -> float:
    """Return the hardness of a tablet [N].

    Parameters
    ----------
    solid
        Solid fraction [1].
    lubricant
        Mass fraction of lubricant [1].

    References
    ----------
    M. Kuentz and H. Leuenberger, "A new model for the hardness of a compacted particle system, applied to tablets of
    pharmaceutical polymers", Powder Technol. 111(1-2), 2000, doi:10.1016/S0032-5910(00)00250-3.
    """
    if solid <= _SOLID_CRITICAL:
        return 0.0
    solid = min(solid, 0.999)
    bonded = 1.0 - exp(solid - _SOLID_CRITICAL + log((1.0 - solid) / (1.0 - _SOLID_CRITICAL)))
    return _HARDNESS_N * exp(-_OVERLUBRICATION * (lubricant - 0.01)) * bonded
