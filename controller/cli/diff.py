"""The verb diff: what the change from one policy to another means."""

from __future__ import annotations

import json as text
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.ends import reading
from controller.cli.options import Json
from controller.cli.show import give, people

if TYPE_CHECKING:
    from policies.changes import Change

_LONGEST = 90


def add(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command()(diff)


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Policy as it was.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Policy as it is to be.")],
    *,
    json: Json = None,
) -> int:
    """Tell what a policy change means, place by place: none, operating, quality, model or limits.

    Files that the policies name (models, libraries, tables) are compared too, by their bytes and by what they say.
    """
    from policies import load  # noqa: PLC0415  # heavy
    from policies.changes import changes  # noqa: PLC0415  # heavy
    from policies.impact import Impact, gravest  # noqa: PLC0415  # heavy
    from policies.sentences import counted  # noqa: PLC0415  # heavy

    with reading():
        policies = load(old), load(new)
    found = changes(*policies)
    _shown(found)
    counts = {each.value: sum(one.impact is each for one in found) for each in Impact}
    worst = gravest(one.impact for one in found)
    summed = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    people.print(f"{counted(len(found), 'change')}: {summed}" if found else "the policies are the same, byte for byte")
    result: dict[str, object] = {
        "changes": [{"path": c.path, "old": c.old, "new": c.new, "impact": c.impact.value} for c in found],
        "impact": worst.value,
        "counts": counts,
    }
    for key, path, policy in zip(("old", "new"), (old, new), policies, strict=True):
        result[key] = {"file": str(path), "revision": policy.revision, "fingerprint": policy.fingerprint}
    give(result, json)
    return 0


def _shown(found: Sequence[Change]) -> None:
    for section in dict.fromkeys(each.section for each in found):
        people.print(section, style="bold", markup=False)
        for each in (one for one in found if one.section == section):
            path = each.path or "comments, spaces or order of words only"
            people.print(f"  [{each.impact.value}] {path}: {_brief(each.old)} -> {_brief(each.new)}", markup=False)


def _brief(value: object) -> str:
    if value is None:
        return "nothing"
    said = value if isinstance(value, str) else text.dumps(value, ensure_ascii=False)
    return said if len(said) <= _LONGEST else said[: _LONGEST - 3] + "..."
