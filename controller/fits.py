"""Whether the names a policy uses in a loop are those of the loop, and those of its model."""

from __future__ import annotations

from collections.abc import Sequence

from controller.models import ControlModel
from policies import Loop, Mpc
from policies.sentences import among


def heard(name: str, declared: Loop) -> list[str]:
    """Return what is wrong with the second witnesses of a loop, each sentence with its place."""
    witnesses = {} if declared.witness is None else declared.witness.of
    wrong = list[str]()
    for key, named in witnesses.items():
        if key not in declared.moved:
            wrong.append(
                f"loops.{name}.witness.of: found {key!r}, {among(sorted(declared.moved), 'moved variable', 'expected')}"
            )
        for i, one in enumerate(named):
            if one not in declared.measured:
                known = among(sorted(declared.measured), "measurement", "expected")
                wrong.append(f"loops.{name}.witness.of.{key}.{i}: found {one!r}, {known}")
    return wrong


def refuse(wrong: Sequence[str]) -> None:
    """Refuse for all that is wrong, a line each.

    Raises
    ------
    ValueError
        If anything is wrong.
    """
    if wrong:
        raise ValueError("\n".join(wrong))


def agree(name: str, declared: Mpc, chosen: ControlModel) -> None:
    """See that a loop gives its model what it wants, and nothing else.

    Raises
    ------
    ValueError
        If it does not.
    """
    roles = (
        ("moved", set(declared.moved), set(chosen.inputs)),
        ("known", set(declared.known), set(chosen.known)),
        ("measured", set(declared.measured), set(chosen.measured)),
        ("controlled", set(declared.controlled), set(chosen.controlled)),
    )
    wrong = [
        f"loops.{name}.{role}: found {', '.join(sorted(found)) or 'nothing'}, "
        f"but model {declared.model} wants {', '.join(sorted(wanted)) or 'nothing'}"
        for role, found, wanted in roles
        if found != wanted
    ]
    for key, measured in declared.measured.items():
        if key in chosen.measured and (measured.bias_sd is None) == (key in chosen.biases):
            given = "nothing" if measured.bias_sd is None else f"{measured.bias_sd:g}"
            expected = f"a number, the model has the bias {chosen.biases[key]}" if key in chosen.biases else "nothing"
            wrong.append(f"loops.{name}.measured.{key}.bias_sd: found {given}, expected {expected}")
    refuse(wrong)
