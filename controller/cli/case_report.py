"""The verb `report oot`: one case as a page that QA can review."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.asking import Users
from controller.cli.ends import Refused, reading
from controller.cli.options import Json
from controller.cli.show import give, people, writable

if TYPE_CHECKING:
    from anomaly.cases import Case
    from controller.cases.history import Kept
    from controller.cli.case_page import Reviewed
    from controller.people import People

_NEAREST = 5


def oot(
    records: Annotated[list[Path], typer.Argument(metavar="RECORD...", help="Record directories of one line.")],
    *,
    case: Annotated[
        str | None, typer.Option("--case", metavar="ID", help="Which case; the only one there is, if absent.")
    ] = None,
    directory: Users = Path("people"),
    out: Annotated[str | None, typer.Option("--out", metavar="F", help="Page to write.", callback=writable)] = None,
    json: Json = None,
) -> int:
    """Show one case for review, from the event and its evidence to the disposition and its signatures."""
    from controller.cases import history  # noqa: PLC0415  # heavy
    from controller.cases.checked import intact  # noqa: PLC0415  # heavy

    with reading():
        there = history.history(records)
        found = history.newest(there)
        one, kept = _chosen(found, case)
        looked = history.kept(kept.directory, looked=True)
        looked.earlier = tuple(each for each in there if each is not kept)
        reviewed = _reviewed(one, looked, found, directory)
    if out is not None:
        _write(Path(out), reviewed)
    broken = reviewed.kept.verified is not None and reviewed.kept.verified.broken is not None
    wrong = [each.wrong for each in reviewed.signatures if each.wrong]
    good = intact(one) and not broken and not wrong
    people.print(
        f"{one.id}: {one.stage.value}; evidence {'unchanged' if intact(one) else 'CHANGED'}; "
        f"{len(one.signatures)} signatures{'' if not wrong else f', {len(wrong)} DO NOT HOLD'}",
        markup=False,
    )
    give(_plain(reviewed, good=good), json)
    return 0 if good else 1


def _chosen(found: dict[str, tuple[Case, Kept]], name: str | None) -> tuple[Case, Kept]:
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    if name not in found:
        few = f"wanted --case with one of {', '.join(found)}" if found else "there is no case in these records"
        raise Refused(f"found {name or 'no --case'}, {few}")
    return found[name]


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


def _write(path: Path, found: Reviewed) -> None:
    from controller.cli import case_page, page  # noqa: PLC0415  # heavy

    title = f"Out of trend: case {found.case.id}"
    try:
        path.write_text(page.page(title, case_page.of(found), case_page.STYLE), encoding="utf-8")
    except OSError as error:
        raise Refused(f"{path}: this cannot be written: {error.strerror}") from error
