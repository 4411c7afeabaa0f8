"""The verb `report rates`: what was promised of false alarms, and what came of it by what people judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli import paper
from controller.cli.ends import Refused, reading
from controller.cli.options import Json
from controller.cli.paper import Out
from controller.cli.show import give, tabled

if TYPE_CHECKING:
    from controller.cases.rates import Rate, Rates

Section = tuple[str, tuple[str, ...], list[tuple[str, ...]]]
LIMITS = (
    "Cases that people closed as analytical or rejected count as false alarms, and open ones until they are judged.",
    "Told and realised are of cases alone; what else was told to people stands in: steadyline report alarms.",
    "Time to detect is from the onset as the watch believed it, or as people gave it (--onset), to the opening.",
    "Nothing here is the plant's truth.",
)
"""What is to be known when the figures are read."""


def rates(
    records: Annotated[list[Path], typer.Argument(metavar="RECORD...", help="Record directories of one line.")],
    *,
    onset: Annotated[
        list[str] | None,
        typer.Option("--onset", metavar="ID=TIME", help="When what a case tells of really began, POSIX time in s."),
    ] = None,
    out: Out = None,
    json: Json = None,
) -> int:
    """Tell how many false alarms were promised and realised, how soon cases were opened, and what is open."""
    from controller.cases.history import history  # noqa: PLC0415  # heavy
    from controller.cases.rates import rates as counted  # noqa: PLC0415  # heavy

    known = dict(map(_pair, onset or ()))
    with reading():
        found = counted(history(records), known)
    shown = list(_sections(found))
    for one in shown:
        tabled(*one)
    if out is not None:
        _write(Path(out), found, shown)
    give(_plain(found), json)
    return 0


def _pair(text: str) -> tuple[str, float]:
    name, _, at = text.partition("=")
    try:
        return name, float(at)
    except ValueError:
        raise Refused(f"--onset: found {text!r}, wanted ID=TIME such as C-OOT-1767229920-1=1767228600") from None


_BUDGETS = ("told to", "promised a week", "not confirmed", "judged false", "a week", "of the promise", "95 %", "")
_WEEKS = ("week from", "watched [h]", "opened", "confirmed", "analytical", "rejected", "open")
_KINDS = (
    "product", "method", "opened", "confirmed", "false", "open", "false a week", "to detect [min]", "to confirm [min]",
    "to close [min]",
)  # fmt: skip
_OPEN = ("case", "stage", "told as", "opened", "next", "late steps")


def _sections(found: Rates) -> Iterator[Section]:
    yield "Budgets of false alarms", _BUDGETS, list(_budgets(found))
    yield "Weeks", _WEEKS, list(_weeks(found))
    yield "By product and method", _KINDS, list(_kinds(found))
    yield "Open cases", _OPEN, list(_open(found))


def _budgets(found: Rates) -> Iterator[tuple[str, ...]]:
    from controller.cases.rates import WEEK_S  # noqa: PLC0415  # heavy

    for route, one in found.budgets().items():
        yield (
            route,
            f"{one.promised * WEEK_S:.3g}",
            str(one.told),
            str(found.judged.get(route, 0)),
            f"{one.realised * WEEK_S:.3g}",
            f"{one.ratio:.2g}",
            f"{one.low / one.promised:.3g} to {one.ratio_high:.3g}",
            "more than chance allows" if one.broken else "",
        )


def _weeks(found: Rates) -> Iterator[tuple[str, ...]]:
    from controller.cases.rates import Rate  # noqa: PLC0415  # heavy

    for week in sorted({*found.weeks, *found.watched_s}):
        one = found.weeks.get(week, Rate())
        counts = (one.opened, one.confirmed, one.analytical, one.rejected, one.open)
        yield _day(week), f"{found.watched_s.get(week, 0.0) / 3600.0:.4g}", *map(str, counts)


def _day(week: int) -> str:
    from controller.cases.rates import WEEK_S  # noqa: PLC0415  # heavy

    return datetime.fromtimestamp(week * WEEK_S, UTC).strftime("%Y-%m-%d")


def _kinds(found: Rates) -> Iterator[tuple[str, ...]]:
    for (product, method), one in sorted(found.kinds.items()):
        plain = one.plain(found.tally.watched_s)
        counts = (one.opened, one.confirmed, one.false, one.open)
        yield product, method, *map(str, counts), _rate(plain["false_per_week"]), *_times(one)


def _times(one: Rate) -> Iterator[str]:
    plain = one.plain(0.0)
    for name in ("median_detect_s", "median_confirm_s", "median_close_s"):
        value = plain[name]
        yield f"{value / 60.0:.4g}" if isinstance(value, float) else "-"


def _rate(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else "-"


def _open(found: Rates) -> Iterator[tuple[str, ...]]:
    for case in found.open:
        left = [task for task in case.steps if task.done is None]
        late = [task.name for task in left if task.escalated is not None]
        told = case.evidence.named or ("unknown trend" if case.unknown else case.evidence.watches[0])
        opened = datetime.fromtimestamp(case.opened, UTC).strftime("%Y-%m-%d %H:%M UTC")
        todo = f"{left[0].name} ({left[0].owner})" if left else "disposition or signature"
        yield case.id, case.stage.value, told, opened, todo, ", ".join(late) or "-"


def _plain(found: Rates) -> dict[str, object]:
    from controller.cases.rates import WEEK_S  # noqa: PLC0415  # heavy

    return {
        "line": found.line,
        "watched_s": found.tally.watched_s,
        "budgets": {
            route: {
                "promised_per_week": one.promised * WEEK_S,
                "told": one.told,
                "judged_false": found.judged.get(route, 0),
                "realised_per_week": one.realised * WEEK_S,
                "realised_vs_promised": one.ratio,
                "upper_95_vs_promised": one.ratio_high,
                "broken": one.broken,
            }
            for route, one in found.budgets().items()
        },
        "weeks": [
            {"from": _day(week), "watched_s": found.watched_s.get(week, 0.0), **one.plain(WEEK_S)}
            for week, one in sorted(found.weeks.items())
        ],
        "kinds": [
            {"product": product, "method": method, **one.plain(found.tally.watched_s)}
            for (product, method), one in sorted(found.kinds.items())
        ],
        "open": [case.id for case in found.open],
        "limits": list(LIMITS),
    }


def _write(path: Path, found: Rates, shown: Sequence[Section]) -> None:
    from controller.cli import page  # noqa: PLC0415  # heavy
    from controller.cli.case_page import STYLE  # noqa: PLC0415  # heavy

    hours = found.tally.watched_s / 3600.0
    parts = [page.said(f"Line {found.line}, {hours:.4g} h watched, from the records alone.")]
    for title, head, rows in shown:
        parts += [f"<h2>{page.plainly(title)}</h2>", page.table(head, rows) if rows else page.said("None.")]
    parts += ["<h2>What these figures cannot say</h2>", page.said(*LIMITS)]
    paper.put(path, page.words("False alarms, promised and realised", parts, style=STYLE))
