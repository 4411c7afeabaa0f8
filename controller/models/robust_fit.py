"""Parameters of a line found by least squares that wild samples do not pull: their logarithms, from a guess."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from plant_io.signals import Floats


def fitted(residuals: Callable[[Floats], Floats], guess: Floats, reach: float) -> tuple[Floats, Floats]:
    """Return the logarithms of parameters that fit best, and their standard errors [1], both of shape ``(n,)``.

    Parameters
    ----------
    residuals
        Gives what a model of the parameters is off by, in standard deviations [1], from their logarithms.
    guess
        Logarithms to begin with, shape ``(n,)`` [1].
    reach
        How far a logarithm may go from its guess [1].

    Raises
    ------
    ValueError
        If the fit does not converge.
    """
    from scipy.optimize import least_squares  # noqa: PLC0415  # slow to import

    found = least_squares(
        residuals, guess, loss="soft_l1", diff_step=np.full(len(guess), 1e-4), bounds=(guess - reach, guess + reach)
    )
    if not found.success:
        raise ValueError(f"identification did not converge: {found.message}")
    slopes = np.asarray(found.jac)
    return found.x, np.sqrt(np.diag(np.linalg.pinv(slopes.T @ slopes)))
