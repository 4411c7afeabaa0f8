"""The verb `tune`: sweep the weights of a loop on its simulated line, and propose a policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.ends import Refused, duration, reading
from controller.cli.options import Json
from controller.cli.show import give, log_to_people, people
from controller.cli.verbs import INTERRUPTED, For

if TYPE_CHECKING:
    from hil.scenario import Scenario
    from hil.tuning import Score, Task, Tried
    from policies import Policy

_OF_LINE = ("demo", "control", "held", "quiet")
_PAGE, _REASON = "tune.html", "reason.md"
LIMITS = (
    "Errors are mean absolute errors of the controlled variables, added up, from the plant's truth, start-up included.",
    "Moves are absolute changes of the inputs, added up, in an hour of plant time.",
    "Both are counted in the scales of the policy as it was, so that settings can be compared.",
)
"""What is plotted."""


@dataclass(frozen=True, slots=True)
class Swept:
    """A sweep and what it came to."""

    scenario: Scenario
    """What was played."""
    name: str
    """Its name."""
    loop: str
    """Loop that was tuned."""
    seeds: tuple[int, ...]
    """Seeds it was tuned on [1]."""
    tried: Sequence[Tried]
    """Settings, that of the policy as it was first."""
    front: Sequence[int]
    """Numbers of those than which none is better [1]."""
    chosen: int
    """Number of the one proposed [1]."""
    checked: Sequence[Tried] = ()
    """The setting as it was and the one proposed, on the seeds of `--check`."""
    check: tuple[int, ...] = ()
    """Those seeds [1]."""


def add(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command()(tune)


def tune(
    what: Annotated[str, typer.Argument(metavar="SCENARIO_OR_POLICY", help="Name or file of what is played.")],
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where policy, page and reason go.")],
    loop: Annotated[str | None, typer.Option(metavar="NAME", help="Loop, where there are several.")] = None,
    seeds: Annotated[
        str | None, typer.Option(metavar="N,N", help="Seeds to tune on; 9001,9002,9003 if absent.")
    ] = None,
    weights: Annotated[
        list[str] | None, typer.Option(metavar="NAME=V,V", help="Numbers to try; move_weight over a factor of 64 else.")
    ] = None,
    check: Annotated[
        str | None, typer.Option(metavar="N,N", help="Other seeds to play the proposal on once it is chosen.")
    ] = None,
    for_: For = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="How many processes; as many as cores if absent.")] = None,
    json: Json = None,
) -> int:
    """Sweep weights on the simulated line, show error against moves, and write a proposed policy with its reason."""
    from hil import crew, tuning  # noqa: PLC0415  # heavy

    log_to_people()
    with reading():
        name, scenario, policy = _opened(what, duration("--for", for_))
        mine = _loop(policy, loop)
        trained, held_out = _seeds("--seeds", seeds) or tuning.TUNING, _seeds("--check", check)
        _apart(scenario, trained, held_out, told=seeds is not None)
        found = tuning.settings(policy, mine, tuning.weights(policy, mine, weights or ()))
        policies = [tuning.tuned(policy, mine, one) for one in found]
        out.mkdir(parents=True, exist_ok=True)
    people.print(f"{name}, loop {mine}: {len(found)} settings, tuned on seeds {_listed(trained)} only", markup=False)
    scores, whole = _played(list(tuning.tasks(scenario, policies, mine, trained)), jobs or crew.cores())
    if not whole:
        return INTERRUPTED
    tried = tuning.summed(found, scores)
    chosen = _chosen(tried)
    again = tuning.tasks(scenario, (policies[0], policies[chosen]), mine, held_out)
    scores, whole = _played(list(again), jobs or crew.cores())
    checked = tuning.summed((found[0], found[chosen]), scores) if held_out and whole else ()
    swept = Swept(scenario, name, mine, trained, tried, tuning.front(tried), chosen, checked, held_out)
    return _told(swept, policies[chosen], out, json) if whole else INTERRUPTED


def _chosen(tried: Sequence[Tried]) -> int:
    from hil import tuning  # noqa: PLC0415  # heavy

    found = tuning.knee(tried)
    if found is None:
        raise Refused(f"tune: no setting gave a score; with the policy as it is, {tried[0].why}")
    return found


def _told(swept: Swept, policy: Policy, out: Path, json: str | None) -> int:
    _show(swept)
    _write(out, swept, policy)
    give(_plain(swept, out), json)
    return 0


def _opened(what: str, for_s: float | None) -> tuple[str, Scenario, Policy]:
    """Return name, scenario and policy of what was named; of a policy, the first scenario its line has."""
    from hil import library  # noqa: PLC0415  # heavy
    from policies import load  # noqa: PLC0415  # heavy

    path = Path(what)
    if path.is_file() and not path.name.endswith(".scenario.yaml"):
        policy = load(path)
        names = [f"{policy.line.lower()}_{end}" for end in _OF_LINE]
        name = next((name for name in names if name in library.names()), None)
        if name is None:
            raise ValueError(f"{what}: no shipped scenario is for its line, {policy.line}; name a scenario with it")
        scenario, policy = library.open_scenario(library.find(name), policy)
    else:
        name = what
        scenario, policy = library.open_scenario(library.find(what))
    whole = scenario.model_copy(update={"assertions": {}})
    return name, whole if for_s is None else whole.model_copy(update={"for_s": for_s}), policy


def _loop(policy: Policy, loop: str | None) -> str:
    names = list(policy.loops)
    if loop is None and len(names) == 1:
        return names[0]
    if loop not in names:
        there = ", ".join(names) or "none"
        raise ValueError(f"tune: found {'no --loop' if loop is None else f'--loop {loop}'}, its loops: {there}")
    return str(loop)


def _seeds(option: str, text: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise ValueError(f"{option}: found {text!r}, wanted whole numbers such as 9001,9002") from None


def _apart(scenario: Scenario, trained: Sequence[int], held_out: Sequence[int], *, told: bool) -> None:
    """Refuse seeds that would be judged and tuned on at once."""
    both = sorted({*trained} & {*held_out})
    if both:
        raise ValueError(f"--check: found seeds {_listed(both)}, on which it is tuned; wanted others")
    own = sorted({*trained} & {*(scenario.seeds or (scenario.seed,))})
    if own and told:
        people.print(f"seeds {_listed(own)} are the scenario's own: it can no longer judge the result", style="bold")


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(str(seed) for seed in seeds)


def _played(work: Sequence[Task], jobs: int) -> tuple[list[Score], bool]:
    """Return the scores of all runs, and whether nobody interrupted them."""
    from contextlib import suppress  # noqa: PLC0415  # only here

    from rich.progress import (  # noqa: PLC0415  # only here
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from hil import crew, tuning  # noqa: PLC0415  # heavy

    found = list[tuning.Score]()
    columns = (TextColumn("playing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=people, transient=True) as progress:
        bar = progress.add_task("playing", total=len(work))
        with suppress(KeyboardInterrupt):
            one_by_one = ((number, tuning.score(task)) for number, task in enumerate(work))
            many = min(jobs, len(work)) > 1
            for number, result in crew.share(tuning.score, work, jobs) if many else one_by_one:
                found.append(result or tuning.none(work[number], "its process died"))
                progress.update(bar, advance=1)
    return found, len(found) == len(work)


def sentences(swept: Swept) -> Iterator[str]:
    """Give the reason for what is proposed, in words."""
    before, after = swept.tried[0], swept.tried[swept.chosen]
    yield (
        f"Loop {swept.loop}, scenario {swept.name}, {swept.scenario.for_s:g} s on a simulated line, {len(swept.tried)} "
        f"settings, tuned on seeds {_listed(swept.seeds)} only."
    )
    if swept.chosen == 0:
        yield "The knee of the front is the policy as it is; nothing is changed."
    elif before.why:
        yield f"With the policy as it is there is no score ({before.why}); {_spoken(after)} is at the knee of the rest."
    else:
        yield (
            f"{_spoken(after)} is at the knee of the front: error {after.error:.4g} where it was {before.error:.4g}, "
            f"moves {after.move:.4g} /h where they were {before.move:.4g} /h, in scales of the policy as it was."
        )
        if abs(after.error - before.error) < after.error_sd:
            yield "The errors differ by less than their standard deviation over seeds; these do not tell them apart."
    if swept.chosen in {swept.front[0], swept.front[-1]}:
        yield "It is at an end of the front, so that better ones may lie beyond what was tried."
    if not swept.check:
        yield "It was not played on any other seed: that is for whoever approves it (`--check`)."
    else:
        was, now = swept.checked
        yield (
            f"On seeds {_listed(swept.check)}, played once after the choice: error {now.error:.4g} where it was "
            f"{was.error:.4g}, moves {now.move:.4g} /h where they were {was.move:.4g} /h."
        )
    yield "A simulated line is not the plant; the model in the policy is judged together with its weights."


def _spoken(one: Tried) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in one.setting.items())


_HEAD = ("", "setting", "error [1]", "sd over seeds [1]", "moves [1/h]", "within limits, least", "")


def _rows(swept: Swept) -> Iterator[tuple[str, ...]]:
    for i, one in enumerate(swept.tried):
        marks = ("as it was" if i == 0 else "", "front" if i in swept.front else "", "proposed" * (i == swept.chosen))
        figures = (f"{one.error:.4g}", f"{one.error_sd:.2g}", f"{one.move:.4g}", f"{100.0 * one.inside:.1f} %")
        yield str(i), _spoken(one), *figures, one.why or ", ".join(mark for mark in marks if mark)


def _show(swept: Swept) -> None:
    from rich.markup import escape  # noqa: PLC0415  # only here
    from rich.table import Table  # noqa: PLC0415  # only here

    table = Table(*_HEAD)
    for row in _rows(swept):
        table.add_row(*map(escape, row))
    people.print(table)
    for sentence in sentences(swept):
        people.print(sentence, markup=False)


def _write(out: Path, swept: Swept, policy: Policy) -> None:
    from controller.cli import page  # noqa: PLC0415  # heavy
    from hil.rig.play import laid_out  # noqa: PLC0415  # heavy

    parts = [
        page.said(*sentences(swept)),
        _drawn(swept),
        page.table(_HEAD, _rows(swept)),
        page.said(*LIMITS),
    ]
    reason = ["# Why these weights", "", *(f"{sentence}\n" for sentence in (*sentences(swept), *LIMITS))]
    reason += ["| " + " | ".join(_HEAD) + " |", "|" + "---|" * len(_HEAD)]
    reason += ["| " + " | ".join(row) + " |" for row in _rows(swept)]
    with reading():
        where = laid_out(policy, out)
        (out / _PAGE).write_text(page.page(f"Weights of loop {swept.loop}", parts), encoding="utf-8")
        (out / _REASON).write_text("\n".join(reason) + "\n", encoding="utf-8")
    people.print(f"proposed policy {where}, plot {out / _PAGE}, reason {out / _REASON}", markup=False)


def _drawn(swept: Swept) -> str:
    from controller.cli import page  # noqa: PLC0415  # heavy

    counted = [one for one in swept.tried if not one.why]
    sets = (
        ("tried", counted, {"mode": "markers"}),
        ("front", [swept.tried[i] for i in swept.front], {"mode": "lines+markers"}),
        ("as it was", [one for one in swept.tried[:1] if not one.why], {"mode": "markers", "marker": {"size": 11}}),
        ("proposed", [swept.tried[swept.chosen]], {"mode": "markers", "marker": {"size": 14, "symbol": "star"}}),
    )
    traces = [
        {"x": [o.move for o in shown], "y": [o.error for o in shown], "text": [_spoken(o) for o in shown], "name": name}
        | look
        for name, shown, look in sets
    ]
    return page.drawn(traces, "total move [scales/h]", "mean absolute error [scales]")


def _plain(swept: Swept, out: Path) -> dict[str, object]:
    def told(one: Tried) -> dict[str, object]:
        return {
            "setting": dict(one.setting),
            "error": one.error,
            "error_sd": one.error_sd,
            "move_per_h": one.move,
            "inside": one.inside,
            "why": one.why,
        }

    return {
        "scenario": swept.name,
        "loop": swept.loop,
        "seeds": list(swept.seeds),
        "tried": [told(one) for one in swept.tried],
        "front": list(swept.front),
        "proposed": swept.chosen,
        "policy": str(out / "policy.yaml"),
        "check": {"seeds": list(swept.check), "as_it_was_and_proposed": [told(one) for one in swept.checked]},
    }
