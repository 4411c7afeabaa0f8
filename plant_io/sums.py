"""Sums of products that come out the same, bit for bit, whatever processor they are made on.

The usual ones go through BLAS, whose kernels for different processors add in different orders.
"""

from __future__ import annotations

import numpy as np

from plant_io.signals import Floats


def product(a: Floats, b: Floats) -> Floats:
    """Return the product of matrices, shape ``(..., i, k)``, in the units of both.

    Parameters
    ----------
    a
        Matrices, shape ``(..., i, j)``, in their unit.
    b
        Matrices, shape ``(..., j, k)``, in their unit.

    Examples
    --------
    >>> product(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])).tolist()
    [[11.0]]
    """
    return np.asarray(np.einsum("...ij,...jk->...ik", a, b))


def applied(a: Floats, x: Floats) -> Floats:
    """Return matrices applied to a vector, shape ``(..., i)``, in the units of both.

    Parameters
    ----------
    a
        Matrices, shape ``(..., i, j)``, in their unit.
    x
        Vector, shape ``(j,)``, in its unit.

    Examples
    --------
    >>> applied(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 1.0])).tolist()
    [3.0, 7.0]
    """
    return np.asarray(np.einsum("...ij,j->...i", a, x))


def matched(filters: Floats, points: Floats) -> Floats:
    """Return how much of each filter there is in each channel, shape ``(n, k)``, in the units of both.

    Parameters
    ----------
    filters
        Filters, shape ``(n, i, k)``, in their unit.
    points
        Points by channel, shape ``(i, k)``, in their unit.

    Examples
    --------
    >>> matched(np.array([[[1.0, 2.0], [3.0, 4.0]]]), np.array([[1.0, 1.0], [1.0, 0.5]])).tolist()
    [[4.0, 4.0]]
    """
    return np.asarray(np.einsum("nik,ik->nk", filters, points))


def dot(a: Floats, b: Floats) -> float:
    """Return the sum of the products of two vectors, in the units of both.

    Parameters
    ----------
    a
        Vector, shape ``(i,)``, in its unit.
    b
        Vector, shape ``(i,)``, in its unit.

    Examples
    --------
    >>> dot(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    11.0
    """
    return float(np.einsum("i,i->", a, b))


def solution(a: Floats, b: Floats) -> Floats:
    """Return the `x` for which ``a @ x`` is `b`, shape ``(i,)``, in the unit of `b` over that of `a`.

    Gaussian elimination with partial pivoting (G. H. Golub, C. F. Van Loan, "Matrix Computations", 4th ed., 2013,
    section 3.4); not finite where there is none.

    Parameters
    ----------
    a
        Matrix, shape ``(i, i)``, in its unit.
    b
        Right-hand side, shape ``(i,)``, in its unit.

    Examples
    --------
    >>> solution(np.array([[0.0, 2.0], [4.0, 0.0]]), np.array([6.0, 4.0])).tolist()
    [1.0, 3.0]
    """
    return np.asarray(_eliminated(np.column_stack([a, b]))[:, -1])


def inverse(a: Floats) -> Floats:
    """Return the inverse of a matrix, shape ``(i, i)``, one over its unit; not finite where there is none.

    Each column is what `solution` gives for that of the identity, bit for bit.

    Parameters
    ----------
    a
        Matrix, shape ``(i, i)``, in its unit.

    Examples
    --------
    >>> inverse(np.array([[0.0, 2.0], [4.0, 0.0]])).tolist()
    [[0.0, 0.25], [0.5, 0.0]]
    """
    return np.ascontiguousarray(_eliminated(np.column_stack([a, np.eye(len(a))]))[:, len(a) :])


def _eliminated(rows: Floats) -> Floats:
    """Return the rows of a system after Gauss and Jordan, shape as given."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for k in range(len(rows)):
            pivot = k + int(np.argmax(np.abs(rows[k:, k])))
            rows[[k, pivot]] = rows[[pivot, k]]
            rows[k] /= rows[k, k]
            others = np.arange(len(rows)) != k
            rows[others] -= rows[others, k, None] * rows[k]
    return rows
