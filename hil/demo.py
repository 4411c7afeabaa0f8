"""The demo: simulated PLCs on real sockets, the real runtime, and a summary that a newcomer can follow."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table

from controller.cli.consoles import console
from controller.cli.incidents import standing
from controller.cli.live import clock_text, elapsed, fresh, glance, summary, teller
from controller.cli.show import people
from controller.console.doors import Doors
from controller.cycle import Cycle
from controller.kit import Kit
from controller.loop import Sink
from controller.runtime import STOPPED, Door, Options, Ran, operate
from hil.library import find, names, open_scenario
from hil.plc import lines
from hil.rig.baselines import Day, open_loop
from hil.rig.play import EPOCH, Played
from hil.rig.score import Held, Kpis, judged, kpis
from hil.rig.sockets import over_sockets
from hil.scenario import Asked, Scenario
from plant_io.clocks import WallClock
from policies import Policy

_ENDS = ("demo", "quiet")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asked of the demo."""

    line: str = "A"
    """Line shown."""
    for_s: float | None = None
    """How long [s]; as the scenario says if None."""
    speed: float | None = None
    """Plant seconds per wall second [1]; lock-step if None."""
    console: bool = True
    """Whether to show live status, and to serve the operator console."""
    port: int | None = None
    """Port of the operator console on this machine; 0 for a free one, None for the usual one or a free one [1]."""
    record: Path | None = None
    """Record directory; one named after the time if None."""
    seed: int | None = None
    """Seed of the plant [1]; as the scenario says if None."""


def scenarios() -> dict[str, str]:
    """Return the scenario that shows each line: the shipped one named such as ``a_demo``, or else ``a_quiet``."""
    found = [(line, f"{line.lower()}_{end}") for line in lines.names() for end in reversed(_ENDS)]
    return {line: name for line, name in found if name in names()}


def check(wanted: Wanted) -> None:
    """Refuse what cannot be shown.

    Raises
    ------
    ValueError
        If there is no demo of the line.
    FileExistsError
        If the record directory already holds a record.
    OSError
        If the record directory cannot be made or written.
    """
    if wanted.line.upper() not in (known := scenarios()):
        raise ValueError(f"--line: found {wanted.line!r}, wanted one of {', '.join(known)}")
    if wanted.record is not None:
        fresh(wanted.record)


def demo(wanted: Wanted) -> dict[str, object]:
    """Run the demo and return its summary as plain values.

    Raises
    ------
    NotServing
        If the PLC process does not come up.
    PlantUnreachable
        If the runtime cannot connect to it.
    """
    scenario, policy = open_scenario(find(scenarios()[wanted.line.upper()]))
    if wanted.for_s is not None:
        scenario = scenario.model_copy(update={"for_s": wanted.for_s})
    seed = scenario.seed if wanted.seed is None else wanted.seed
    record = wanted.record or Path(f"record-{WallClock().now():.0f}")
    _introduce(scenario, wanted, policy, seed)
    options = Options(speed=wanted.speed, lockstep_from=EPOCH if wanted.speed is None else None, record=record)
    played = over_sockets(scenario, policy, seed, options, _shown(scenario, wanted))
    length_s = scenario.for_s
    if played.ran.why == STOPPED:
        length_s = float(played.truth["time"][-1])
        people.print(f"stopped by a person after {clock_text(length_s)}; what follows is of that time", style="bold")
    without = _without(scenario, policy, seed, length_s)
    _conclude(played, without, record, policy)
    figures: dict[str, object] = {"kpis": dict(played.kpis), "kpis_without_control": dict(without)}
    about: dict[str, object] = {"seed": seed, "clock": played.clock, "wall_s": played.wall_s, "missed": played.missed}
    return summary(policy, played.ran, record) | figures | about


def _without(scenario: Scenario, policy: Policy, seed: int, length_s: float) -> Kpis:
    """Return the figures of the same day without the controller; none where it moves nothing anyway."""
    if not policy.loops:
        return {}
    people.print("the same line, seed and faults once more, without the controller ...", style="dim")
    faults = tuple(wrong.fault() for wrong in scenario.faults)
    return kpis(open_loop(policy, Day(seed, faults, length_s, scenario.mismatch)), policy)


def _introduce(scenario: Scenario, wanted: Wanted, policy: Policy, seed: int) -> None:
    pace = (
        "in lock-step: the line waits for each cycle" if wanted.speed is None else f"{wanted.speed:g} times real time"
    )
    people.rule("Steadyline demo (everything in it is simulated)")
    people.print(
        f"Line {scenario.line}, seed {seed}: its simulated PLCs in a process of their own speak {_spoken(policy)}\n"
        "on real sockets of this machine; the runtime is the one `steadyline run` uses.\n"
        f"{scenario.for_s / 60:.0f} min of line time, {pace}.",
        markup=False,
    )
    for asked in [order for order in scenario.orders if order.after_s <= scenario.for_s]:
        people.print(f"  after {asked.after_s / 60:3.0f} min  {wanted_of(asked)}", markup=False)
    for wrong in [fault for fault in scenario.faults if fault.after_s <= scenario.for_s]:
        people.print(
            f"  after {wrong.after_s / 60:3.0f} min  fault {wrong.id} on {wrong.target}: {meaning(wrong.id)}",
            markup=False,
        )


def wanted_of(asked: Asked) -> str:
    """Return in words what people order.

    Examples
    --------
    >>> wanted_of(Asked.model_validate({"loop": "blend", "name": "total", "target": 19}))
    'people set the target of blend total to 19'
    """
    if asked.mode is not None:
        return f"the controller is asked for mode {asked.mode.value}"
    if asked.alarms is not None:
        return f"people {asked.alarms.value} {asked.alarm or 'every alarm'}"
    if asked.line is not None:
        return f"the line: {asked.line.value}"
    if asked.target is not None:
        said = asked.target if isinstance(asked.target, str) else f"{asked.target:g}"
        return f"people set the target of {asked.loop} {asked.name} to {said}"
    return "people accept each move"


def _spoken(policy: Policy) -> str:
    words = {"opcua": "OPC UA", "modbus": "Modbus TCP"}
    spoken = sorted({words.get(link.protocol, link.protocol) for link in policy.connections.values()}, reverse=True)
    return " and ".join(spoken)


def meaning(fault: str) -> str:
    """Return what a fault of the catalogue means, in words."""
    from hil.plants.faults import CATALOGUE  # noqa: PLC0415  # names only

    return CATALOGUE[fault].meaning


def _shown(scenario: Scenario, wanted: Wanted) -> Callable[[Kit, Options, Door, Sequence[Sink]], Ran]:
    def run(kit: Kit, options: Options, through: Door, sinks: Sequence[Sink]) -> Ran:
        tell, refills, since = teller(folds=kit.policy.incidents is not None), _refills(), elapsed()
        if not wanted.console:
            return asyncio.run(operate(kit, options, through, sinks, (tell, refills)))
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TaskProgressColumn())
        with Progress(*columns, console=people, transient=True) as progress:
            task = progress.add_task("connecting", total=scenario.for_s)

            stands = standing()

            def show(cycle: Cycle) -> None:
                tell(cycle)
                refills(cycle)
                described = glance(cycle, kit.policy) + stands(cycle)
                progress.update(task, completed=since(cycle), description=described)

            with console(kit, options, Doors(port=wanted.port), None) as shown:
                return asyncio.run(operate(kit, shown, through, sinks, (show,)))

    return run


def _refills() -> Callable[[Cycle], None]:
    """Return a sink that tells of feeder refills, during which a feeder cannot weigh what it feeds."""
    under_way: set[str] = set()
    since = elapsed()

    def tell(cycle: Cycle) -> None:
        stamp = clock_text(since(cycle))
        for tag in cycle.snapshot.index:
            if not tag.endswith(".REFILL"):
                continue
            if cycle.snapshot.good(tag) != 1.0:
                under_way.discard(tag)
            elif tag not in under_way:
                under_way.add(tag)
                unit = tag.removesuffix(".REFILL")
                people.print(f"{stamp}  {unit} is refilled and feeds blind", style="dim")

    return tell


def _conclude(played: Played, without: Kpis, record: Path, policy: Policy) -> None:
    table = Table(title="what the plant's truth says (never seen by the controller)", title_justify="left")
    for title in ("", "without control", "with control") if without else ("", "as watched"):
        table.add_column(title, justify="left" if not title else "right")
    for name, figure in judged(policy).items():
        sides = [cast("Held", side[name]) for side in (without, played.kpis) if side]
        _compare(table, name, sides, figure.unit)
    people.print(table)
    figures = played.ran.summary()
    cycle, solve, writes = (cast("Mapping[str, object]", figures[key]) for key in ("cycle", "solve", "writes"))
    people.print(
        f"{cycle['count']} cycles in {played.wall_s:.0f} s; one takes {cycle['p50_ms']} ms (p99 {cycle['p99_ms']} ms)\n"
        f"{_solved(solve) if policy.loops else ''}"
        f"{writes['asked']} setpoints, {writes['confirmed']} confirmed by read-back, {writes['refused']} refused\n"
        f"record: {record}, {played.ran.record_bytes / max(1, played.ran.tally.cycles):.0f} bytes a cycle\nnext:",
        markup=False,
    )
    command = _command()
    for words, what in (
        (f"replay {record}", "re-derive every decision, bit for bit"),
        ("hil list", "more scenarios"),
        (f"hil serve {policy.line}", "a line for your own OPC UA or Modbus client"),
        ("schema policy", "what a policy may say"),
    ):
        people.print(f"  {f'{command} {words}':50} {what}", markup=False)


def _solved(solve: Mapping[str, object]) -> str:
    took = f"one takes {solve['p50_ms']} ms (p99 {solve['p99_ms']} ms)"
    return f"{solve['count']} solutions, {solve['failed']} failed; {took}\n"


def _command() -> str:
    """Return how this program was called, for people to call it again."""
    called = Path(sys.argv[0])
    if called.name != "steadyline":
        return "steadyline"
    return str(called.relative_to(Path.cwd()) if called.is_relative_to(Path.cwd()) else called)


def _compare(table: Table, name: str, sides: Sequence[Held], unit: str) -> None:
    table.add_row(escape(f"{name} error integral [{unit} s]"), *(f"{side['iae']:.0f}" for side in sides))
    table.add_row(escape(f"{name} largest error [{unit}]"), *(f"{side['max_abs_error']:.2f}" for side in sides))
    shares = (f"{100.0 * side['in_spec_fraction']:.1f}" for side in sides)
    table.add_row(f"{name} time within limits [%]", *shares)
