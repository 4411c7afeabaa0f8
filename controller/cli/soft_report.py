"""The verb `report soft`: soft sensors of a record against their late results, and challengers beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli import paper
from controller.cli.ends import Refused, reading
from controller.cli.options import Json
from controller.cli.paper import Out
from controller.cli.show import give, people

if TYPE_CHECKING:
    from controller.records.sensed import Contender, Sensed
    from controller.soft.duel import Figures, Pair

_HOUR_S = 3600.0
_HEAD = ("", "error (rms)", "bias", "coverage [1]", "width of the interval", "results")


def soft(
    records: Annotated[list[Path], typer.Argument(metavar="RECORD...", help="Record directories, in order of time.")],
    *,
    out: Out = None,
    json: Json = None,
) -> int:
    """Hold soft sensors against late results: error, coverage, width, and the challenger beside each on the same."""
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415  # heavy

    from controller.records.sensed import sensed  # noqa: PLC0415  # heavy

    columns = (TextColumn("reading cycles"), MofNCompleteColumn(), TimeElapsedColumn())
    with reading(), Progress(*columns, console=people, transient=True) as progress:
        bar = progress.add_task("", total=None)
        found = sensed(records, lambda n: progress.update(bar, completed=n))
    if not found:
        raise Refused(f"{records[0]}: found no hybrid soft sensor with a lab in the policy of the record")
    for name, one in found.items():
        _shown(name, one)
    if out is not None:
        _write(Path(out), [path.name for path in records], found)
    give({"sensors": {name: plain(one) for name, one in found.items()}}, json)
    return 0


def plain(one: Sensed) -> dict[str, object]:
    """Return what became of one soft sensor, as plain values."""
    stands = one.standing()
    told: dict[str, object] = {"unit": one.unit, "n": len(one.pairs), "champion": _plain(one, one.champion, "champion")}
    if one.challenger is None or one.rule is None:
        return told
    verdict: dict[str, object] = {
        "challenger": _plain(one, one.challenger, "challenger"),
        "rule": one.rule.model_dump(exclude={"model"}),
        "better": stands is not None and stands.better,
        "verdict": verdict_of(one),
    }
    return told | verdict | ({} if stands is None else {"standing": asdict(stands)})


def verdict_of(one: Sensed) -> str:
    """Return in one sentence whether the challenger is better by the rule of the policy."""
    from policies.sentences import counted  # noqa: PLC0415  # heavy

    stands, rule = one.standing(), one.rule
    if rule is None:
        return "there is no challenger"
    if stands is None:
        return f"{counted(len(one.pairs), 'result')}, {rule.results} are wanted before there is a verdict"
    better = "is better" if stands.better else "is not better"
    return (
        f"the challenger {better} by the declared rule over {stands.n} results: nearer in {stands.wins} (by luck with "
        f"{stands.luck:.2g}), error {stands.challenger.rmse:.3g} against {stands.champion.rmse:.3g} {one.unit}, "
        f"coverage {stands.challenger.coverage:.2f}"
    )


def _plain(one: Sensed, who: Contender, part: str) -> dict[str, object]:
    worth = _figures(one.pairs, part)
    card = who.model.card
    told: dict[str, object] = {"file": who.file, "sha256": who.sha256}
    told |= {"version": card.version, "approver": card.approver}
    return told if worth is None else told | asdict(worth)


def _figures(pairs: list[Pair], part: str) -> Figures | None:
    from controller.soft.duel import figures  # noqa: PLC0415  # heavy

    said = [(one.champion if part == "champion" else one.challenger, one.result) for one in pairs]
    return figures(said) if said else None


def _rows(one: Sensed) -> Iterator[tuple[str, ...]]:
    for part, who in (("champion", one.champion), ("challenger", one.challenger)):
        worth = None if who is None else _figures(one.pairs, part)
        if who is not None and worth is not None:
            numbers = (f"{worth.rmse:.4g}", f"{worth.bias:+.3g}", f"{worth.coverage:.3f}", f"{worth.width:.4g}")
            yield f"{part}, {who.file}", *numbers, str(len(one.pairs))


def _shown(name: str, one: Sensed) -> None:
    from rich.table import Table  # noqa: PLC0415  # heavy

    grid = Table(*_HEAD, title=f"{name} \\[{one.unit}]", title_justify="left")
    for row in _rows(one):
        grid.add_row(*row)
    people.print(grid)
    if one.challenger is not None:
        people.print(f"{name}: {verdict_of(one)}", style="bold", markup=False)


def _write(path: Path, names: list[str], found: Mapping[str, Sensed]) -> None:
    from controller.cli import page  # noqa: PLC0415  # heavy

    parts = [page.said(f"Records {', '.join(names)}: what was said of each sample when it was taken, and its result.")]
    for name, one in found.items():
        parts += [f"<h2>{page.plainly(f'{name} [{one.unit}]')}</h2>", page.table(_HEAD, _rows(one))]
        parts += [page.said(verdict_of(one))] if one.challenger is not None else []
        parts += [_course(one), _misses(one)] if one.pairs else [page.said("No late result in the records.")]
    paper.put(path, page.page("Soft sensors against late results", parts))


def _course(one: Sensed) -> str:
    from controller.cli import page  # noqa: PLC0415  # heavy

    x = [(pair.taken - one.pairs[0].taken) / _HOUR_S for pair in one.pairs]
    traces: list[dict[str, object]] = []
    for part, colour in _parts(one):
        said = [pair.champion if part == "champion" else pair.challenger for pair in one.pairs]
        ends = {"array": [s.high - s.value for s in said], "arrayminus": [s.value - s.low for s in said]}
        trace: dict[str, object] = {"x": x, "y": [s.value for s in said], "name": part, "mode": "markers"}
        trace["marker"] = {"color": colour}
        trace["error_y"] = {"type": "data", "symmetric": False, "thickness": 1, **ends}
        traces.append(trace)
    results: dict[str, object] = {"x": x, "y": [pair.result for pair in one.pairs], "name": "result"}
    results |= {"mode": "lines+markers", "line": {"color": "#222", "width": 1}}
    return page.drawn([*traces, results], "time [h]", f"[{one.unit}]")


def _misses(one: Sensed) -> str:
    from controller.cli import page  # noqa: PLC0415  # heavy

    x = [(pair.taken - one.pairs[0].taken) / _HOUR_S for pair in one.pairs]
    traces: list[dict[str, object]] = []
    for part, colour in _parts(one):
        said = [pair.champion if part == "champion" else pair.challenger for pair in one.pairs]
        off = [s.value - pair.result for s, pair in zip(said, one.pairs, strict=True)]
        traces.append({"x": x, "y": off, "name": part, "mode": "lines+markers", "line": {"color": colour}})
    return page.drawn(traces, "time [h]", f"said less result [{one.unit}]")


def _parts(one: Sensed) -> list[tuple[str, str]]:
    both = [("champion", "#1f77b4"), ("challenger", "#d62728")]
    return both if one.challenger is not None else both[:1]
