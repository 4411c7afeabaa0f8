"""The classical fourth-order Runge-Kutta step, for flat lists of values."""

from __future__ import annotations

from collections.abc import Callable

from hil.plants.ops import Value


def rk4(
    slopes: Callable[[list[Value]], list[Value]], x: list[Value], dt: float, last: int
) -> tuple[list[Value], list[Value]]:
    """Return the state one step on, and the mean of its last entries over the step.

    The mean is the very one the step itself uses: what flows out with it is lost by the state to the last bit.

    Parameters
    ----------
    slopes
        Gives the rate of change of a state, unit of the state per second.
    x
        State now, one value per entry, unit of the state.
    dt
        Step [s].
    last
        Number of entries, from the end, to take the mean of.

    References
    ----------
    E. Hairer, S. P. Nørsett and G. Wanner, "Solving Ordinary Differential Equations I", section II.1,
    doi:10.1007/978-3-540-78862-1.

    Examples
    --------
    >>> after, mean = rk4(lambda x: [-x[0]], [1.0], 0.1, 1)
    >>> round(after[0], 6), round(mean[0], 6)
    (0.904837, 0.951625)
    """
    half, sixth = 0.5 * dt, dt / 6.0
    k1 = slopes(x)
    x2 = [a + half * b for a, b in zip(x, k1, strict=True)]
    k2 = slopes(x2)
    x3 = [a + half * b for a, b in zip(x, k2, strict=True)]
    k3 = slopes(x3)
    x4 = [a + dt * b for a, b in zip(x, k3, strict=True)]
    k4 = slopes(x4)
    after = [a + sixth * (b + 2.0 * (c + d) + e) for a, b, c, d, e in zip(x, k1, k2, k3, k4, strict=True)]
    ends = zip(x[-last:], x2[-last:], x3[-last:], x4[-last:], strict=True)
    return after, [(a + 2.0 * (b + c) + d) / 6.0 for a, b, c, d in ends]
