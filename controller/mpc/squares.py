"""A cost taken apart into squares, whose curvature is never negative, and the rest."""

from __future__ import annotations

from dataclasses import dataclass

from controller.models.symbolic import Matrix, casadi


@dataclass(frozen=True, slots=True)
class Squares:
    """A cost as a sum of squares and something else."""

    residuals: Matrix
    """What is squared, one column."""
    other: Matrix
    """What is left over."""


def squares(cost: Matrix, of: Matrix) -> Squares:
    """Return `cost` as a sum of squares and a rest.

    Sums, products with factors free of `of`, and squares are seen through; anything else is left over.

    Parameters
    ----------
    cost
        Formula of one entry.
    of
        Symbols the cost is to be minimised over, one column.
    """
    ca = casadi()
    todo, residuals, other = [(ca.SX(1.0), cost)], list[Matrix](), ca.SX(0.0)
    while todo:
        factor, term = todo.pop()
        if term.is_constant() or term.is_symbolic() or not ca.depends_on(term, of):
            other = other + factor * term
        elif parts := _parts(factor, term, of):
            todo += parts
        elif term.is_op(ca.OP_SQ) and not (factor.is_constant() and float(factor) <= 0.0):
            residuals.append(ca.sqrt(ca.fmax(factor, 0.0)) * term.dep(0))
            other = other + ca.fmin(factor, 0.0) * term
        else:
            other = other + factor * term
    return Squares(ca.vertcat(*reversed(residuals)), other)


def _parts(factor: Matrix, term: Matrix, of: Matrix) -> list[tuple[Matrix, Matrix]]:
    """Return the parts of a sum or the only part of a product that depends on `of`, with their factors; else none."""
    ca, sums = casadi(), {casadi().OP_ADD: factor, casadi().OP_SUB: -factor}
    for op, second in sums.items():
        if term.is_op(op):
            return [(factor, term.dep(0)), (second, term.dep(1))]
    for op, new in ((ca.OP_NEG, -factor), (ca.OP_TWICE, factor * 2.0)):
        if term.is_op(op):
            return [(new, term.dep(0))]
    for op, free, kept in ((ca.OP_MUL, 0, 1), (ca.OP_MUL, 1, 0), (ca.OP_DIV, 1, 0)):
        if term.is_op(op) and not ca.depends_on(term.dep(free), of):
            other = term.dep(free)
            return [(factor / other if op == ca.OP_DIV else factor * other, term.dep(kept))]
    return []
