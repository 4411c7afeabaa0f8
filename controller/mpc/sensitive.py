"""States eliminated from a linearised horizon: how its rows and its cost change with corrections of blocks of moves.

In C (`condense.c`) where formulas are compiled, else on arrays; sums are made in the same order, so that the bits are
the same.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import cast

import numpy as np
from numpy.typing import NDArray

from controller.mpc.native import library
from plant_io.signals import Floats

_ARRAYS = 11


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything there is."""

    samples: int
    """Samples of the horizon [1]."""
    states: int
    """States [1]."""
    inputs: int
    """Inputs [1]."""
    squares: int
    """Rows of each sample that are squared; they come first [1]."""
    rows: int
    """Rows of each sample [1]."""
    end: int
    """Rows after the last sample that are squared; one that is not follows [1]."""
    blocks: int
    """Blocks of moves [1]."""


class Sensitive:
    """Slopes of rows by corrections, the sum of their squares, and how it goes with the residuals.

    Results stand where they are until the next call.

    Parameters
    ----------
    sizes
        How much of everything there is.
    of
        Block of each sample, counted from 0, rising, shape ``(n,)`` [1].
    scale
        Unit of the corrections of each input, shape ``(n_u,)``, units of the model.
    compiled
        Whether C is used where it can be.
    """

    def __init__(self, sizes: Sizes, of: NDArray[np.intp], scale: Floats, *, compiled: bool) -> None:
        corrections = sizes.blocks * sizes.inputs
        self._sizes, self._of, self._scale = sizes, of, scale
        self._states: Floats = np.zeros((sizes.samples + 1, sizes.states, corrections))
        self.rows: Floats = np.zeros((sizes.samples, sizes.rows, corrections))
        """Slopes of the rows of each sample, shape ``(n, rows, n_d)`` [1]."""
        self.end: Floats = np.zeros((sizes.end + 1, corrections))
        """Slopes of the rows after the last sample, shape ``(end + 1, n_d)`` [1]."""
        self.hessian: Floats = np.zeros((corrections, corrections))
        """Sum of products of the slopes of squared rows, shape ``(n_d, n_d)`` [1]."""
        self.gradient: Floats = np.zeros(corrections)
        """Sum of slopes of squared rows times residuals, shape ``(n_d,)`` [1]."""
        widths = ((of + 1) * sizes.inputs).tolist()
        self._paths = [
            (now[:, :width], ahead[:, :width], ahead[:, width - sizes.inputs : width])
            for (now, ahead), width in zip(pairwise(self._states), widths, strict=True)
        ]
        routine = in_c() if compiled else None
        self.find: Callable[[Floats, Floats, Floats], None] = self._by_arrays if routine is None else self._by(routine)
        """Finds all of it for slopes along a horizon, slopes of its end, and residuals of its squares."""

    def _by(self, routine: Callable[..., None]) -> Callable[[Floats, Floats, Floats], None]:
        s = self._sizes
        counts = (s.samples, s.states, s.inputs, s.squares, s.rows, s.end, s.blocks * s.inputs)
        fixed = np.array(counts, dtype=np.intc), self._of.astype(np.intc), np.ascontiguousarray(self._scale)
        first = [array.ctypes.data for array in fixed]
        found = (self._states, self.rows, self.end, self.hessian, self.gradient)
        last = [array.ctypes.data for array in found]

        def find(along: Floats, end: Floats, residuals: Floats, _kept: object = fixed) -> None:
            given = [np.ascontiguousarray(array, dtype=np.float64) for array in (along, end, residuals)]
            routine(*first, *[array.ctypes.data for array in given], *last)

        return find

    def _by_arrays(self, along: Floats, end: Floats, residuals: Floats) -> None:
        s = self._sizes
        direct = along[:, s.states :].transpose(0, 2, 1) * self._scale
        slopes, new = along[:, : s.states, : s.states], direct[:, : s.states]
        for (before, after, own), slope, more in zip(self._paths, slopes, new, strict=True):
            np.einsum("ji,jd->id", slope, before, out=after)
            np.add(own, more, out=own)
        seen = np.flatnonzero(along[:, : s.states, s.states :].any(axis=(0, 2)))  # states that any row depends on
        np.einsum("lji,ljd->lid", along[:, seen, s.states :], self._states[:-1, seen], out=self.rows)
        parts = self.rows.reshape(s.samples, s.rows, s.blocks, s.inputs)
        parts[np.arange(s.samples), :, self._of] += direct[:, s.states :]
        np.einsum("ji,jd->id", end[: s.states], self._states[-1], out=self.end)
        self.end[:, -s.inputs :] += end[s.states :].T * self._scale
        squared = np.concatenate([self.rows[:, : s.squares].reshape(-1, len(self.gradient)), self.end[:-1]])
        np.einsum("ji,jd->id", squared, squared, out=self.hessian)
        np.einsum("jd,j->d", squared, residuals, out=self.gradient)


@cache
def in_c() -> Callable[..., None] | None:
    """Return the routine in C, None where it cannot be had."""
    path = library(files("controller.mpc").joinpath("condense.c").read_text(), "-O3")
    if path is None:
        return None
    try:
        found = ctypes.CDLL(str(path)).condense
    except (OSError, AttributeError):  # built for another machine, or not whole
        path.unlink(missing_ok=True)
        return None
    found.argtypes, found.restype = [ctypes.c_void_p] * _ARRAYS, None
    return cast("Callable[..., None]", found)
