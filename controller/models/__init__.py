"""Control models: the controller's own picture of the line, identified and never the plant's."""

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import cast

from controller.models.base import ControlModel, Expression, Symbols
from controller.models.contract import check
from controller.models.line_a import LineA
from controller.models.line_b import LineB
from controller.models.line_c import LineC
from controller.models.process import Process, read
from controller.models.six_cell import SixCell
from controller.models.theirs import Build, Described, adapted, written
from controller.models.variants import variants
from policies import Mpc

__all__ = [
    "GROUP",
    "ControlModel",
    "Described",
    "Expression",
    "LineA",
    "LineB",
    "LineC",
    "Process",
    "SixCell",
    "Symbols",
    "check",
    "foreign",
    "model",
    "models",
    "plants",
]

_Form = Callable[[Process | None], ControlModel]
_FORMS: Mapping[str, Callable[[Process], ControlModel]] = {
    "line_a": LineA.of,
    "line_b": LineB.of,
    "six_cell": SixCell.of,
    "line_c": LineC.of,
}


GROUP = "steadyline.models"
"""Entry points of control models of others: a name, and a function as the file of a model has it."""


def models() -> list[str]:
    """Return the names of all control models, those of others included."""
    return sorted({*_FORMS, *entry_points(group=GROUP).names})


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
    form = _formed(loop.model) if loop.model_file is None else _theirs(written(files[loop.model], loop.model))
    if not loop.process:
        return [form(None)]
    found = _identified(loop.model, files[loop.process])
    tree = loop.scenarios
    others = [] if tree is None else variants(found, tree.parameters, tree.sds)
    return [form(found), *map(form, others)]


def model(name: str, process: bytes) -> ControlModel:
    """Return the control model `name` with the identified parameters in `process`.

    Raises
    ------
    ValueError
        If there is no such model, or the parameters are not its own.
    """
    return _formed(name)(_identified(name, process))


def foreign(loop: Mpc) -> bool:
    """Return whether somebody else wrote the model of a loop."""
    return loop.model not in _FORMS


def _identified(name: str, process: bytes) -> Process:
    found, wanted = read(process), name.rpartition("/")[2].removesuffix(".py")
    if found.model != wanted:
        raise ValueError(f"identified parameters: found those of model {found.model}, wanted those of {wanted}")
    return found


def _formed(name: str) -> _Form:
    own = _FORMS.get(name)
    if own is not None:
        return lambda process: own(_there(process))
    installed = entry_points(group=GROUP)
    if name not in installed.names:
        raise ValueError(f"no control model is called {name}; there are {', '.join(models())}")
    return _theirs(cast("Build", installed[name].load()))


def _theirs(build: Build) -> _Form:
    return lambda process: adapted(build, process)


def _there(process: Process | None) -> Process:
    if process is None:
        raise ValueError("this model wants a file of identified parameters")
    return process
