"""Plants that identified parameters leave possible."""

from __future__ import annotations

from controller.models.process import Process


class NoVariant(ValueError):  # noqa: N818  # it is the parameter's answer
    """A parameter can be no other than it is.

    Parameters
    ----------
    at
        Its number among those that may be off, from 0 [1].
    why
        Why not.
    """

    def __init__(self, at: int, why: str) -> None:
        super().__init__(why)
        self.at = at
        """Its number among those that may be off, from 0 [1]."""


def variants(process: Process, names: tuple[str, ...], sds: float) -> list[Process]:
    """Return `process` with one parameter after the other lower, then higher.

    Parameters
    ----------
    process
        Identified parameters.
    names
        Which of them may be off.
    sds
        How far, in their standard deviations [1].

    Raises
    ------
    NoVariant
        If there is no such parameter, its standard deviation is none, or it would not stay above zero.
    """
    found = list[Process]()
    for i, name in enumerate(names):
        one = process.parameters.get(name)
        if one is None:
            raise NoVariant(i, f"no parameter is called {name}; there are {', '.join(sorted(process.parameters))}")
        if one.sd <= 0.0:
            raise NoVariant(i, f"the standard deviation of {name} is 0, so that it has no other values")
        if one.value <= sds * one.sd:
            many = f"{sds:g} times its {one.sd:g} {one.unit}"
            raise NoVariant(i, f"{name} of {one.value:g} {one.unit} is not above {many}")
        for off in (-sds * one.sd, sds * one.sd):
            changed = one.model_copy(update={"value": one.value + off})
            found.append(process.model_copy(update={"parameters": {**process.parameters, name: changed}}))
    return found
