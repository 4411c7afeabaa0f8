"""The verbs of the rig: demo, tune, and hil list, faults, run, serve. Nothing heavy is imported before a call."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.ends import Refused, Unreachable, duration, reading
from controller.cli.options import ConsolePort, Json
from controller.cli.show import give, kept, log_to_people, people, writable
from controller.cli.verbs import CHECKS, INTERRUPTED, SCHEMAS, Record
from hil import tune

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil.campaign import Opened
    from hil.outcome import Outcome
    from hil.serve import Options

ControlOnly = Annotated[
    bool, typer.Option("--control-only", help="Leave out what only speaks to people; setpoints are the same.")
]
LoopsOnly = Annotated[
    bool, typer.Option("--loops-only", help="The same without the gate of material; loops move the same.")
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Seed of the plant.")]


class ClockKind(StrEnum):
    """How time goes by in a scenario."""

    MEMORY = "memory"
    VIRTUAL = "virtual"
    LOCKSTEP = "lockstep"
    WALL = "wall"


Seeds = Annotated[
    int | None,
    typer.Option("--seeds", min=1, help="How many seeds, from the first on; the scenario's own if absent."),
]
Clock = Annotated[
    ClockKind | None,
    typer.Option(
        "--clock",
        help="How time goes by: without protocols, virtual, in lock-step on sockets, real; the scenario's if absent.",
    ),
]
Trace = Annotated[
    Path, typer.Option("--trace", metavar="DIR", help="Where the truth of a run is left whose plant came to its end.")
]
_TRACE = Path("out/hil")
Records = Annotated[
    Path | None,
    typer.Option(
        "--record", metavar="DIR", help="Where the record of each run is kept, as NAME.seedN; nowhere if absent."
    ),
]


def commands(app: typer.Typer) -> None:
    """Add the verbs to the application (entry point ``steadyline.commands``)."""
    SCHEMAS["scenario"] = _scenario_schema
    SCHEMAS["fmu"] = _fmu_schema
    CHECKS[".scenario.yaml"] = _good_scenario
    app.command()(demo)
    tune.add(app)
    hil = typer.Typer(help="Simulated lines: list and play scenarios, serve a line.", no_args_is_help=True)
    hil.command("list")(list_)
    hil.command("faults")(faults)
    hil.command("run")(run)
    hil.command("serve")(serve)
    app.add_typer(hil, name="hil")


def demo(
    *,
    line: Annotated[str, typer.Option(help="Line to show.")] = "A",
    for_: Annotated[
        str | None, typer.Option("--for", metavar="T", help="How long, such as 10m; as the scenario says if absent.")
    ] = None,
    speed: Annotated[float | None, typer.Option(min=0.1, help="Times real time; lock-step if absent.")] = None,
    no_console: Annotated[bool, typer.Option("--no-console", help="No live status and no operator console.")] = False,
    console_port: ConsolePort = None,
    record: Record = None,
    seed: Seed = None,
    json: Json = None,
) -> int:
    """Show it all on simulated PLCs: take-over, rejection, alerts, record. Nothing real is touched."""
    from controller.runtime import STOPPED, PlantUnreachable  # noqa: PLC0415  # heavy
    from hil import demo as demos  # noqa: PLC0415  # heavy
    from hil.rig.process import NotServing  # noqa: PLC0415  # heavy

    with reading():
        wanted = demos.Wanted(
            line=line,
            for_s=duration("--for", for_),
            speed=speed,
            console=not no_console,
            port=console_port,
            record=record,
            seed=seed,
        )
        demos.check(wanted)
    log_to_people()
    try:
        result = demos.demo(wanted)
    except (PlantUnreachable, NotServing) as error:
        raise Unreachable(str(error)) from error
    give(result, json)
    return INTERRUPTED if result["why"] == STOPPED else 0


def list_(*, json: Json = None) -> int:
    """List the shipped scenarios."""
    from hil import library  # noqa: PLC0415  # heavy

    rows = [(name, scenario.line, scenario.title) for name, scenario in library.shipped_ones()]
    if json != "-":
        for name, _, title in rows:
            typer.echo(f"{name:16} {title}")
    give({"scenarios": [{"name": name, "line": line, "title": title} for name, line, title in rows]}, json)
    return 0


def run(
    scenarios: Annotated[list[str] | None, typer.Argument(metavar="SCENARIO...", help="Names or files.")] = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Every shipped scenario.")] = False,
    seed: Seed = None,
    seeds: Seeds = None,
    clock: Clock = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="How many processes; as many as cores if absent.")] = None,
    cluster: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Dask scheduler to play on.")] = None,
    control_only: ControlOnly = False,
    loops_only: LoopsOnly = False,
    junit: Annotated[str | None, typer.Option(metavar="F", help="JUnit XML to write.", callback=writable)] = None,
    html: Annotated[str | None, typer.Option(metavar="F", help="Page with plots to write.", callback=writable)] = None,
    trace: Trace = _TRACE,
    record: Records = None,
    json: Json = None,
) -> int:
    """Play scenarios and judge them by the plant's truth."""
    from hil import campaign, crew  # noqa: PLC0415  # heavy
    from hil.cluster import Unfit  # noqa: PLC0415  # heavy
    from hil.outcome import plain  # noqa: PLC0415  # heavy
    from hil.summary import summed  # noqa: PLC0415  # heavy

    log_to_people()
    with reading():
        opened = _opened(_named(scenarios, all_=all_), clock, lean=control_only, gate=not loops_only)
        _no_wires(clock, cluster, record)
    option = "--loops-only" if loops_only else "--control-only" if control_only else ""
    wanted = campaign.Wanted(clock, seed, seeds, jobs or crew.cores(), cluster, html is not None, trace, option, record)
    try:
        runs, whole = campaign.play(opened, wanted)
    except ConnectionError as error:
        raise Unreachable(str(error)) from error
    except (FileExistsError, Unfit) as error:
        raise Refused(str(error)) from error
    give({"runs": [plain(r) for r in runs], "summary": [line.plain() for line in summed(runs)]}, json)
    _reported(junit, html, runs)
    if away := [r for r in runs if r.unreachable]:
        raise Unreachable(f"hil run: {away[0].scenario}, seed {away[0].seed}: {away[0].crashed}")
    return INTERRUPTED if not whole else 0 if all(r.passed for r in runs) else 1


def _reported(junit: str | None, html: str | None, runs: Sequence[Outcome]) -> None:
    from hil import report  # noqa: PLC0415  # heavy

    if junit is not None:
        kept(junit, lambda path: report.write_junit(path, runs))
    if html is not None:
        kept(html, lambda path: report.write_html(path, runs))


def _opened(names: Sequence[str], clock: str | None, *, lean: bool, gate: bool) -> list[Opened]:
    from hil import library  # noqa: PLC0415  # heavy
    from hil.control_only import control_only, loops_only  # noqa: PLC0415  # heavy

    opened = [(name, *library.open_scenario(library.find(name), clock=clock)) for name in names]
    if gate and not lean:
        return opened
    left = control_only if gate else loops_only
    return [(name, *left(scenario, policy)) for name, scenario, policy in opened]


def faults(
    line: Annotated[str, typer.Argument(metavar="LINE", help="Line whose faults are listed, for example A.")] = "A",
    *,
    json: Json = None,
) -> int:
    """List the faults that can fall on a line, on what is around it, and on the controller."""
    from hil.listing import listed  # noqa: PLC0415  # heavy

    with reading():
        rows = listed(line)
    if json != "-":
        for row in rows:
            needs = f"; needs {row['needs']}" if row["needs"] else ""
            typer.echo(f"{row['id']:20} {row['what']}; on {row['kind']}{needs}")
    give({"faults": rows}, json)
    return 0


def serve(
    line: Annotated[str | None, typer.Argument(metavar="LINE", help="Line to serve, for example A.")] = None,
    *,
    fmu: Annotated[Path | None, typer.Option(metavar="F", help="FMU to serve instead, with --policy.")] = None,
    mapping: Annotated[
        Path | None, typer.Option(metavar="F", help="Ties the FMU's variables to tags; FMU.yaml beside it if absent.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(metavar="F", help="Names tags and addresses; the shipped one if absent.")
    ] = None,
    opcua: Annotated[int, typer.Option(metavar="PORT", help="OPC UA port.")] = 4840,
    modbus: Annotated[int, typer.Option(metavar="PORT", help="Modbus TCP port.")] = 5020,
    speed: Annotated[float, typer.Option(min=0.1, help="Times real time.")] = 1.0,
    seed: Seed = None,
    pki: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Certificates; with them OPC UA lets in trusted clients only.")
    ] = None,
) -> int:
    """Serve a simulated line on this machine for any OPC UA or Modbus client, until stopped."""
    from hil import serve as serving  # noqa: PLC0415  # heavy
    from plant_io.clocks import WallClock  # noqa: PLC0415  # heavy

    log_to_people()
    file = _policy_of(line, fmu, policy)
    what = f"line {line}" if fmu is None else str(fmu)
    people.print(f"{what}, {speed:g} times real time, tags and addresses in {file}; Ctrl-C ends it", markup=False)
    options = serving.Options(
        (line or "").upper(),
        file,
        opcua=opcua,
        modbus=modbus,
        speed=speed,
        seed=1 if seed is None else seed,
        start=WallClock().now(),
        pki=pki,
        fmu=fmu,
        mapping=mapping,
    )
    _until_stopped(options)
    return 0


def _policy_of(line: str | None, fmu: Path | None, policy: Path | None) -> Path:
    from policies import shipped  # noqa: PLC0415  # heavy

    if line is not None and fmu is None:
        with reading():
            return policy or shipped(line)
    if line is None and fmu is not None and policy is not None:
        return policy
    raise Refused("hil serve: wanted either a LINE, or --fmu with --policy")


def _until_stopped(options: Options) -> None:
    import asyncio  # noqa: PLC0415  # heavy

    from hil import serve as serving  # noqa: PLC0415  # heavy
    from hil.plants.fmi import PlantStopped  # noqa: PLC0415  # heavy

    with reading():
        try:
            asyncio.run(serving.serve(options))
        except (ArithmeticError, PlantStopped) as error:
            raise Refused(f"hil serve: the plant has stopped: {error}") from error


def _named(scenarios: list[str] | None, *, all_: bool) -> list[str]:
    from hil import library  # noqa: PLC0415  # heavy

    names = list(library.names()) if all_ else list(scenarios or [])
    if not names:
        raise Refused("hil run: found no scenario, wanted --all or some of those that `steadyline hil list` shows")
    return names


def _no_wires(clock: ClockKind | None, cluster: str | None, record: Path | None) -> None:
    if cluster is not None and clock in {ClockKind.LOCKSTEP, ClockKind.WALL}:
        raise Refused(f"--cluster: found --clock {clock}, wanted one without real sockets")
    if cluster is not None and record is not None:
        raise Refused("--record: found --cluster, wanted runs on this machine, where records can be kept")


def _scenario_schema() -> dict[str, object]:
    from hil.scenario import Scenario  # noqa: PLC0415  # heavy
    from policies.check_shape import published  # noqa: PLC0415  # heavy

    return published(Scenario)


def _good_scenario(path: Path) -> str:
    from hil import library  # noqa: PLC0415  # heavy

    scenario, policy = library.open_scenario(path)
    return f"scenario of line {scenario.line} under policy {policy.fingerprint[:16]}, good: {scenario.title}"


def _fmu_schema() -> dict[str, object]:
    from hil.plc.fmu import Tied  # noqa: PLC0415  # heavy
    from policies.check_shape import published  # noqa: PLC0415  # heavy

    return published(Tied)
