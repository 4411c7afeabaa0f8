"""Control models: the controller's own picture of the line, identified and never the plant's."""

from collections.abc import Callable, Mapping

from controller.models.base import ControlModel, Expression, Symbols
from controller.models.line_a import LineA
from controller.models.line_b import LineB
from controller.models.line_c import LineC
from controller.models.process import Process, read
from controller.models.six_cell import SixCell
from controller.models.variants import variants
from policies import Mpc

__all__ = [
    "ControlModel",
    "Expression",
    "LineA",
    "LineB",
    "LineC",
    "Process",
    "SixCell",
    "Symbols",
    "model",
    "models",
    "plants",
]

_FORMS: Mapping[str, Callable[[Process], ControlModel]] = {
    "line_a": LineA.of,
    "line_b": LineB.of,
    "six_cell": SixCell.of,
    "line_c": LineC.of,
}


def models() -> list[str]:
    """Return the names of all control models."""
    return sorted(_FORMS)


def plants(loop: Mpc, files: Mapping[str, bytes]) -> list[ControlModel]:
    """Return the control models of a loop: the one identified, then those its scenarios leave possible.

    Parameters
    ----------
    loop
        What the policy says of the loop.
    files
        Bytes of the files it names.

    Raises
    ------
    ValueError
        If there is no such model, the parameters are not its own, or a scenario is none.
    """
    first = model(loop.model, files[loop.process])
    if loop.scenarios is None:
        return [first]
    found = variants(read(files[loop.process]), loop.scenarios.parameters, loop.scenarios.sds)
    return [first, *(_FORMS[loop.model](each) for each in found)]


def model(name: str, process: bytes) -> ControlModel:
    """Return the control model `name` with the identified parameters in `process`.

    Raises
    ------
    ValueError
        If there is no such model, or the parameters are not its own.
    """
    form = _FORMS.get(name)
    if form is None:
        raise ValueError(f"no control model is called {name}; there are {', '.join(models())}")
    found: Process = read(process)
    if found.model != name:
        raise ValueError(f"identified parameters: found those of model {found.model}, wanted those of {name}")
    return form(found)
