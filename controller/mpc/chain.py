"""Slopes of a Runge-Kutta step by the chain rule, cheaper than differentiating its formula written out.

The slopes of the rates at the points of the rule are small and sparse; they are multiplied as matrices.
"""

from __future__ import annotations

from collections.abc import Callable

from controller.models.symbolic import Matrix, Routine, casadi


def chain(slope: Callable[[Matrix], Matrix], given: tuple[Matrix, Matrix, Matrix], h: float, steps: int) -> Routine:
    """Return the slopes of the states after some steps by states and inputs, as a function of what is given.

    Parameters
    ----------
    slope
        Time derivatives at some states.
    given
        Symbols of states, inputs and the rest, one column each.
    h
        Length of one step [s].
    steps
        Number of steps [1].
    """
    ca, (x, u, p) = casadi(), given
    points = ca.Function("points", list(given), _points(slope, given, h, steps))
    free = [ca.MX.sym(name, *part.shape) for name, part in (("x", x), ("u", u), ("p", p))]
    found = points.call(free)
    along = ca.MX.eye(x.shape[0] + u.shape[0])[: x.shape[0], :]
    for k in range(0, len(found), 8):
        (x1, u1), (x2, u2), (x3, u3), (x4, u4) = zip(found[k : k + 8 : 2], found[k + 1 : k + 8 : 2], strict=True)
        d1 = u1 + x1 @ along
        d2 = u2 + x2 @ (along + d1 * (h / 2))
        d3 = u3 + x3 @ (along + d2 * (h / 2))
        d4 = u4 + x4 @ (along + d3 * h)
        along = along + (d1 + (d2 + d3) * 2.0 + d4) * (h / 6)
    return ca.Function("chain", free, [along])


def _points(
    slope: Callable[[Matrix], Matrix], given: tuple[Matrix, Matrix, Matrix], h: float, steps: int
) -> list[Matrix]:
    """Return the slopes of the rates at each point of the rule, all of it formulas.

    They come by states, ``(n_x, n_x)``, and in turn by inputs, ``(n_x, n_x + n_u)``, where the states have no part.
    """
    ca, (x, u, p) = casadi(), given
    by_inputs = ca.horzcat(ca.SX(x.shape[0], x.shape[0]), ca.jacobian(slope(x), u))
    rates = ca.Function("rates", [x, u, p], [slope(x), ca.jacobian(slope(x), x), by_inputs])
    at, found = x, list[Matrix]()
    for _ in range(steps):
        k1, *s1 = rates.call([at, u, p])
        k2, *s2 = rates.call([at + k1 * (h / 2), u, p])
        k3, *s3 = rates.call([at + k2 * (h / 2), u, p])
        k4, *s4 = rates.call([at + k3 * h, u, p])
        at = at + (k1 + k2 * 2.0 + k3 * 2.0 + k4) * (h / 6)
        found += [*s1, *s2, *s3, *s4]
    return found
