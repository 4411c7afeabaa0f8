"""The verb `report oot`: cases as a page that QA can review."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli import paper
from controller.cli.asking import Users
from controller.cli.ends import Refused, reading
from controller.cli.options import Json
from controller.cli.paper import Out
from controller.cli.show import give, people

if TYPE_CHECKING:
    from anomaly.cases import Case
    from controller.cases.history import Kept
    from controller.cli.case_page import Reviewed
    from controller.people import People

_NEAREST = 5


def oot(
    records: Annotated[list[Path], typer.Argument(metavar="RECORD...", help="Record directories of one line.")],
    *,
    case: Annotated[str | None, typer.Option("--case", metavar="ID", help="Which case; all of them if absent.")] = None,
    directory: Users = Path("people"),
    out: Out = None,
    json: Json = None,
) -> int:
    """Show cases for review, from the event and its evidence to the disposition and its signatures."""
    from controller.cases import history  # noqa: PLC0415  # heavy

    with reading():
        there = history.history(records)
        found = history.newest(there)
        chosen = _chosen(found, case)
        whole = {one.directory: history.kept(one.directory, looked=True) for _, one in chosen}
        for directory_, one in whole.items():
            one.earlier = tuple(each for each in there if each.directory != directory_)
        reviewed = [_reviewed(one, whole[kept.directory], found, directory) for one, kept in chosen]
    if out is not None:
        _write(Path(out), reviewed)
    for each in reviewed:
        people.print(_sentence(each), markup=False)
    if not reviewed:
        people.print("there is no case in these records", markup=False)
    plain = [_plain(each, good=_good(each)) for each in reviewed]
    give({"cases": plain} | (plain[0] if len(plain) == 1 else {}), json)
    return 0 if all(map(_good, reviewed)) else 1


def _chosen(found: dict[str, tuple[Case, Kept]], name: str | None) -> list[tuple[Case, Kept]]:
    if name is None:
        return list(found.values())
    if name not in found:
        few = f"wanted --case with one of {', '.join(found)}" if found else "there is no case in these records"
        raise Refused(f"found {name}, {few}")
    return [found[name]]


def _good(found: Reviewed) -> bool:
    from controller.cases.checked import intact  # noqa: PLC0415  # heavy

    broken = found.kept.verified is not None and found.kept.verified.broken is not None
    return intact(found.case) and not broken and not any(one.wrong for one in found.signatures)


def _sentence(found: Reviewed) -> str:
    from controller.cases.checked import intact  # noqa: PLC0415  # heavy
    from policies.sentences import counted  # noqa: PLC0415  # heavy

    one, wrong = found.case, sum(bool(each.wrong) for each in found.signatures)
    evidence = "unchanged" if intact(one) else "CHANGED"
    held = f", {wrong} DO NOT HOLD" if wrong else ""
    return f"{one.id}: {one.stage.value}; evidence {evidence}; {counted(len(one.signatures), 'signature')}{held}"


def _reviewed(one: Case, kept: Kept, found: dict[str, tuple[Case, Kept]], directory: Path) -> Reviewed:
    from anomaly.alike import distance  # noqa: PLC0415  # heavy
    from controller.cases.checked import checked  # noqa: PLC0415  # heavy
    from controller.cli.case_curves import curves  # noqa: PLC0415  # heavy
    from controller.cli.case_page import Reviewed  # noqa: PLC0415  # heavy

    others = [(distance(one.evidence, other.evidence), other) for name, (other, _) in found.items() if name != one.id]
    near = sorted(others, key=lambda each: (each[0], each[1].opened))[:_NEAREST]
    trail = [
        (each.directory.name, seq, said)
        for each in sorted((*kept.earlier, kept), key=lambda each: each.begun)
        for seq, said in each.deeds.get(one.id, [])
    ]
    return Reviewed(one, kept, checked(one, _users(directory)), near, curves(one, (kept, *kept.earlier)), trail)


def _users(directory: Path) -> People | None:
    from controller.cli.user import opened  # noqa: PLC0415  # heavy

    return opened(directory, None) if directory.exists() else None


def _plain(found: Reviewed, *, good: bool) -> dict[str, object]:
    from controller.cases.history import fingerprint  # noqa: PLC0415  # heavy

    case = found.case
    return {
        "case": case.id,
        "stage": case.stage.value,
        "entry": case.evidence.entry,
        "disposition": None if case.disposition is None else case.disposition.value,
        "evidence_sha256": case.digest,
        "sha256": fingerprint(case),
        "good": good,
        "signatures": [
            {"who": one.signed.who, "meaning": one.signed.meaning, "at": one.signed.at, "holds": not one.wrong}
            for one in found.signatures
        ],
        "similar": [{"case": other.id, "distance": far} for far, other in found.similar],
    }


def _write(path: Path, found: Sequence[Reviewed]) -> None:
    from controller.cli import case_page, page  # noqa: PLC0415  # heavy

    one = len(found) == 1
    title = f"Out of trend: case {found[0].case.id}" if one else f"Out of trend: {len(found)} cases"
    parts = [] if found else [page.said("There is no case in these records.")]
    for each in found:
        parts += [] if one else [f'<h1 class="next">{page.plainly(f"case {each.case.id}")}</h1>']
        parts += list(case_page.of(each))
    paper.put(path, page.page(title, parts, case_page.STYLE))
