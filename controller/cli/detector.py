"""The verbs `detector fit` and `detector check`: the model of a monitor from records, and how often it cries wolf."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.ends import Refused, at, reading
from controller.cli.options import Json
from controller.cli.show import give, given, kept, people, writable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from anomaly.gathering import Gatherer, Made
    from anomaly.watched import MonitorKit
    from controller.kit import Kit
    from policies import Monitor, Policy

_WEEK_S, _DAY_S, _HOUR_S = 604_800.0, 86_400.0, 3600.0
_BUDGET = "1/week"

Watch = Annotated[str | None, typer.Option(metavar="NAME", help="The monitor, where there are several.")]
Records = Annotated[list[Path], typer.Argument(metavar="RECORD...", help="Record directories, in the order of time.")]
File = Annotated[Path, typer.Argument(metavar="POLICY", help="Policy with a watch of kind monitor.")]


class Memory(StrEnum):
    """What a tag is predicted from."""

    OWN = "own"
    INPUTS = "inputs"


def add(app: typer.Typer) -> None:
    """Add the verbs to the application."""
    group = typer.Typer(help="Models of monitors, from records of normal operation.", no_args_is_help=True)
    group.command()(fit)
    group.command()(check)
    app.add_typer(group, name="detector")


def fit(
    policy: File,
    records: Records,
    *,
    watch: Watch = None,
    out: Annotated[
        str | None, typer.Option("--out", metavar="MODEL", help="Where the model goes; as the policy names it.")
    ] = None,
    false_alarms: Annotated[
        str | None,
        typer.Option(
            "--false-alarms",
            metavar="N/week",
            help="Its budget of false alarms; its part of that of its class in the policy, or 1/week, where left out.",
        ),
    ] = None,
    memory: Annotated[
        Memory, typer.Option(help="Predict from all tags (what changes) or from inputs alone (what has departed).")
    ] = Memory.OWN,
    rates: Annotated[
        str, typer.Option(metavar="R,R", help="Weights of the newest residual in the averages.")
    ] = "1,0.3,0.1",
    delay: Annotated[int, typer.Option(min=1, help="Looks in a row an alarm takes.")] = 5,
    json: Json = None,
) -> int:
    """Fit the model of a monitor to records of normal operation; the later third gives the limit."""
    from anomaly.artefact import Settings  # noqa: PLC0415  # heavy
    from anomaly.gathering import Normal, made  # noqa: PLC0415  # heavy

    where = given(json)
    with reading():
        ready, monitor, kit = _opened(policy, watch)
        target = writable(out or str(policy.parent / monitor.declared.model)) or ""
        often = _often(false_alarms) if false_alarms else _allotted(ready, monitor.name)
        how = Settings(memory=memory.value, rates=_rates(rates), delay=delay, false_alarms_per_day=often)
        gathered = _gathered(records, monitor, kit)
        with at(f"{policy}, {_source(records)}"):
            found = made(monitor.declared, Normal(gathered.whole, gathered.span, _source(records)), ready, how)
    kept(target, lambda path: _written(path, found))
    give(_told(found, monitor.declared, target), where)
    return 0


def check(policy: File, records: Records, *, watch: Watch = None, json: Json = None) -> int:
    """Let a monitor watch records of normal operation again, and count what it says; fails above twice its budget."""
    from scipy.stats import chi2  # noqa: PLC0415  # heavy

    from anomaly.monitor import Monitor as Watcher  # noqa: PLC0415  # heavy
    from policies.sentences import counted  # noqa: PLC0415  # heavy

    where = given(json)
    with reading():
        _, monitor, kit = _opened(policy, watch, made=True)
        gathered = _gathered(records, monitor, kit)
    alarms, hours = 0, sum(map(len, gathered.rows)) * monitor.declared.every_s / _HOUR_S
    for run in gathered.rows:
        watcher, stands = Watcher(monitor.model.model), False
        for row in run:
            now = watcher.step(row).alarm
            alarms, stands = alarms + (now and not stands), now
    promised = monitor.model.model.settings.false_alarms_per_day * 7.0
    weeks = hours / (_WEEK_S / _HOUR_S)
    upper = float(chi2.ppf(0.95, 2 * alarms + 2)) / 2.0 / weeks if weeks else float("inf")
    good = weeks > 0.0 and alarms / weeks <= 2.0 * promised
    people.print(
        f"{counted(alarms, 'alarm')} in {hours:.1f} h of steady running: {alarms / weeks if weeks else 0.0:.3g} a week"
        f" (at most {upper:.3g} with 95 % confidence), promised {promised:.3g} a week.",
        markup=False,
    )
    give({"alarms": alarms, "hours": hours, "promised_per_week": promised, "upper_95_per_week": upper}, where)
    return 0 if good else 1


def _opened(path: Path, watch: str | None, *, made: bool = False) -> tuple[Policy, MonitorKit, Kit]:
    """Return a policy, one of its monitors, and it made ready; models that are still to be made never speak."""
    from controller.kit import prepare  # noqa: PLC0415  # heavy
    from controller.unfitted import unfitted  # noqa: PLC0415  # heavy
    from policies import Monitor, load  # noqa: PLC0415  # heavy

    policy = load(path) if made else unfitted(path)
    monitors = {name: one for name, one in policy.watches.items() if isinstance(one, Monitor)}
    if watch is None and len(monitors) == 1:
        watch = next(iter(monitors))
    if watch not in monitors:
        there = f"expected one of its watches of kind monitor: {', '.join(monitors)}"
        wanted = there if monitors else "but it has no watch of kind monitor"
        raise Refused(f"{path}: found {watch or 'no --watch'}, {wanted}")
    kit = prepare(policy)
    return policy, next(one for one in kit.watches.monitors if one.name == watch), kit


def _gathered(records: Sequence[Path], monitor: MonitorKit, kit: Kit) -> Gatherer:
    from anomaly.gathering import Gatherer  # noqa: PLC0415  # heavy
    from controller.records.rows import gather  # noqa: PLC0415  # heavy

    into = Gatherer(monitor.latch)
    with _shown() as progress:
        for record in records:
            task = progress.add_task(str(record), total=None)
            gather(record, kit, into, partial(_done, progress, task))
    return into


def _source(records: Sequence[Path]) -> str:
    return f"records {', '.join(one.name for one in records)}"


def _done(progress: Progress, task: TaskID, cycles: int) -> None:
    progress.update(task, completed=cycles)


def _shown() -> Progress:
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415  # heavy

    return Progress(TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn(), console=people)


def _rates(text: str) -> tuple[float, ...]:
    with suppress(ValueError):
        found = tuple(float(part) for part in text.split(","))
        if all(0.0 < rate <= 1.0 for rate in found):
            return found
    raise Refused(f"--rates: found {text!r}, expected numbers above 0 and at most 1, such as 1,0.3,0.1")


def _often(text: str) -> float:
    from policies.budgets import per_second  # noqa: PLC0415  # heavy

    try:
        return per_second(text) * _DAY_S
    except ValueError as error:
        raise Refused(f"--false-alarms: found {text!r}, {error}") from error


def _allotted(policy: Policy, name: str) -> float:
    from anomaly.budget import of_monitor  # noqa: PLC0415  # heavy

    rate = of_monitor(policy, name)
    return _often(_BUDGET) if rate is None else rate * _DAY_S


def _written(path: Path, found: Made) -> None:
    path.write_text(found.model.model_dump_json() + "\n")


def _words(found: Made, target: str) -> str:
    still = f" Not watched, for they stood still: {', '.join(found.model.constant)}." if found.model.constant else ""
    hours = found.model.period_s / _HOUR_S
    return (
        f"{target}: fitted to {found.taught * hours:.1f} h, limited by {found.judged * hours:.1f} h after them."
        f" {found.limit.why}{still} Fingerprint {found.model.fingerprint[:16]}."
    )


def _told(found: Made, declared: Monitor, target: str) -> dict[str, object]:
    people.print(_words(found, target), markup=False)
    return {
        "tags": len(declared.tags),
        "taught": found.taught,
        "judged": found.judged,
        "limit": found.model.limit,
        "method": found.limit.method,
        "extrapolated": found.limit.extrapolated,
        "promised_per_week": found.limit.promised * _WEEK_S,
        "constant": list(found.model.constant),
        "fingerprint": found.model.fingerprint,
    }
