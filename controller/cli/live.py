"""Verbs that run or re-run the controller; imported only when one of them is called."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from secrets import randbelow
from tempfile import TemporaryFile

from rich.status import Status

from controller.burden import Burden
from controller.cases.history import goes_on
from controller.cases.post import Post
from controller.cli import alarmed, incidents
from controller.cli.access import begun, gate, signatures
from controller.cli.consoles import console, follow
from controller.cli.copying import keys
from controller.cli.ends import Unreachable, reading
from controller.cli.orders import HELP, Listener
from controller.cli.pace import Pace, pace
from controller.cli.place import Site
from controller.cli.show import people
from controller.cli.succession import Succession, Version
from controller.cycle import Cycle, Mode, Order, SetMode
from controller.desk import Timed
from controller.kit import Kit, prepare
from controller.lease import STATIONS
from controller.loop import Sink
from controller.records.chain import Signer
from controller.records.journal import FILE
from controller.runtime import Options, PlantUnreachable, Ran, door, operate
from controller.served.log import logged
from controller.served.outlets import Outlets
from controller.tally import percentiles
from plant_io.clocks import WallClock
from plant_io.security.signing import station_key
from policies import Ewma, FusedNir, Hybrid, Policy, SoftSensor, load, rebind
from policies.hybrid import rival
from policies.sentences import counted

_GLANCED = 4


def run(path: Path, mode: str, for_s: float | None, record: Path | None, site: Site) -> dict[str, object]:
    """Run a policy file against the plant it names, and return the summary.

    Parameters
    ----------
    path
        Policy file.
    mode
        Mode asked for at the start.
    for_s
        Length of the run [s]; None for until stopped.
    record
        Record directory; None for one named after the time.
    site
        Other addresses, and where keys lie.

    Raises
    ------
    Refused
        If the policy, an address or the record directory is no good.
    Unreachable
        If no connection comes up.
    """
    with reading():
        policy = rebind(load(path), site.connect, site.pki)
        barred, who = begun(policy, path, mode, site.station)
        kit = prepare(policy, randbelow(STATIONS))
        where = Path(f"record-{WallClock().now():.0f}") if record is None else record
        orders = tuple(Timed(0.0, Order(who, f"--mode {mode}", SetMode(name, Mode(mode)))) for name in policy.loops)
        orders += () if site.after is None else goes_on(site.after)
        fresh(where)
        found = pace(policy, site.speed, waits=site.waits)
        signs = signer(policy, site.pki)
    succession = Succession(
        Version(policy, path.name, signatures(path)), site.connect, site.station, real=found == Pace()
    )
    options = Options(
        for_s=for_s,
        speed=found.speed,
        lockstep_from=found.lockstep_from,
        record=where,
        orders=orders,
        connect=site.connect,
        policy_name=path.name,
        signer=signs,
        barred=barred,
        asked=succession.asked,
        signatures=succession.now.signatures,
    )
    if barred:
        people.print(f"SHADOW only: {barred}", style="bold", markup=False)
    people.print(f"line {policy.line}, revision {policy.revision}, mode {mode}", markup=False)
    people.print(HELP, style="dim", markup=False)
    listener = Listener(options.inbox, tuple(kit.loops), gate(policy, site.station), succession.take)
    listener.start()
    with closing(site.copies), console(kit, options, site.doors, site.station.people, site.log) as shown:
        return _runs(kit, shown, succession, listener, site)


def _runs(kit: Kit, options: Options, succession: Succession, listener: Listener, site: Site) -> dict[str, object]:
    """Run one policy, and those that follow on it, each with a record of its own; return the last summary."""
    first, records, lost = options.record or Path(), list[str](), 0
    while True:
        ran = observed(kit, options, listener, succession.watch, site)
        record, policy = options.record or first, kit.policy
        _conclude(ran, record)
        left = None if options.for_s is None else options.for_s - ran.tally.simulated_s
        following = None if left is not None and left <= 0.0 else succession.step(ran.why)
        if following is None:
            found = summary(policy, ran, record)
            return {**found, "not_kept": ran.not_kept + lost, "records_before": records}
        records, lost = [*records, str(record)], lost + ran.not_kept
        policy = succession.now.policy
        kit = prepare(policy, randbelow(STATIONS))
        options = replace(
            options,
            for_s=left,
            record=first.with_name(f"{first.name}-{len(records) + 1}"),
            orders=(*succession.orders(following), *goes_on(record)),
            policy_name=succession.now.name,
            barred="",
            supersedes=succession.head(following, record),
            signatures=succession.now.signatures,
        )
        listener.follow(tuple(kit.loops), gate(policy, site.station))
        follow(kit, options, site.station.people)
        people.print(f"policy {policy.fingerprint[:16]} adopted, revision {policy.revision}", style="bold")


def signer(policy: Policy, pki: str | None) -> Signer | None:
    """Return who signs the records of this station: the key in its own folder, where there is one.

    Raises
    ------
    OSError
        If the key cannot be read, or others may read it.
    ValueError
        If it is no Ed25519 key.
    """
    key = station_key(keys(policy, pki))
    return None if key is None else Signer(key)


def _signing(found: Signer | None) -> str:
    """Return in one sentence whether a record is signed."""
    if found is None:
        return "chained, but not signed: this station has no key; run: steadyline audit key"
    return f"signed by the key {found.name}"


def _conclude(ran: Ran, record: Path) -> None:
    """Say in a few lines what a run came to; what is left to be done stands out."""
    tally, writes = ran.tally, ran.tally.writes
    cycle, solve = percentiles(tally.busy_s), percentiles(ran.solve_s)
    raised = sum(alert.active for alert in tally.alerts)
    folded = len({one.id for one in tally.incidents})
    people.print(
        f"{ran.why} after {clock_text(tally.simulated_s)}: {tally.cycles} cycles, {tally.overruns} periods skipped"
        + _took(cycle)
        + f"\n{tally.plans.total()} solutions"
        + _took(solve)
        + f"\n{writes['asked']} setpoints, {writes['confirmed']} confirmed by read-back, {writes['refused']} refused"
        f"\n{raised} alerts, {folded} incidents\nrecord in {record}",
        markup=False,
    )
    for (loop, number), trips in tally.trips.items():
        people.print(f"release {number} of {loop}, first-out: {trips[0].cause.value}", style="bold", markup=False)
    if ran.unreached:
        people.print(f"not seen to have its setpoints back: {', '.join(ran.unreached)}", style="bold", markup=False)
    if ran.not_kept:
        people.print(
            f"the record lacks {counted(ran.not_kept, 'cycle')} that could not be written", style="bold", markup=False
        )


def _took(times: Mapping[str, float | None]) -> str:
    """Return the median and the 99th percentile in words, or nothing where nothing was timed."""
    return "" if times["p50_ms"] is None else f", one takes {times['p50_ms']} ms (p99 {times['p99_ms']} ms)"


def fresh(record: Path) -> None:
    """Refuse a directory of a record that cannot be written or already holds a record; leave nothing behind.

    Raises
    ------
    FileExistsError
        If it already holds a record.
    OSError
        If it cannot be made or written.
    """
    if (record / FILE).exists():
        raise FileExistsError(f"{record}: a record is already there; choose another directory")
    made = [folder for folder in (record, *record.parents) if not folder.exists()]
    record.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=record):
        pass
    for folder in made:
        folder.rmdir()


def observed(kit: Kit, options: Options, listener: Listener, watch: Sink, site: Site) -> Ran:
    """Run with one line of status for people, and every event and alert as it comes.

    Parameters
    ----------
    kit
        The policy, made ready.
    options
        How to run it.
    listener
        Hears the orders people type.
    watch
        Looks at each cycle.
    site
        Where it is run.

    Raises
    ------
    Unreachable
        If no connection comes up.
    """
    with people.status("connecting", spinner="line") as status, ExitStack() as stack:
        try:
            with reading():
                way = door(kit.policy, options)
                outlets = Outlets(kit, way.clock, site.station.people(), options.inbox, options.record)
                stack.callback(outlets.close)
                log = stack.enter_context(logged(site.log, kit.policy.line))
            for said in outlets.told:
                people.print(said, markup=False)
            shown = announcer(options.record, _signing(options.signer)), watcher(kit.policy, status), outlets
            copies = site.copies.view(kit.policy, options.record, site.pki)
            stack.enter_context(Post(options, kit.policy, site.station.people, people.print))
            return asyncio.run(operate(kit, options, way, (listener.watch, watch), (*shown, copies, *log)))
        except PlantUnreachable as error:
            raise Unreachable(f"{error}; is the plant up, and are the addresses in the policy right?") from error


def announcer(record: Path | None, more: str = "") -> Callable[[Cycle], None]:
    """Return a sink that says with the first cycle where the record is."""
    todo = [] if record is None else ["; ".join(filter(None, (f"record in {record}", more)))]

    def announce(cycle: Cycle) -> None:
        del cycle
        if todo:
            people.print(todo.pop(), markup=False)

    return announce


def watcher(policy: Policy, status: Status) -> Callable[[Cycle], None]:
    """Return a sink that shows each cycle in one line and prints what was said."""
    tell, stands, waits = teller(folds=policy.incidents is not None), incidents.standing(), alarmed.unseen()

    def watch(cycle: Cycle) -> None:
        tell(cycle)
        status.update(glance(cycle, policy) + stands(cycle) + waits(cycle))

    return watch


def teller(*, folds: bool = False) -> Callable[[Cycle], None]:
    """Return a sink that prints every event, alert and incident as it comes, with the time since the first cycle.

    Parameters
    ----------
    folds
        Whether alerts are only the evidence of incidents, and stand back behind them.
    """
    since = elapsed()

    def tell(cycle: Cycle) -> None:
        stamp = clock_text(since(cycle))
        for event in cycle.decision.events:
            who = "" if event.who == "controller" else f" ({event.who})"
            people.print(f"{stamp}  {event.what}{who}", markup=False)
        for offer in cycle.decision.proposals:
            if offer.at == cycle.snapshot.at:
                moves = ", ".join(f"{tag} to {value:.6g}" for tag, value in offer.moves.items())
                people.print(f"{stamp}  {offer.loop} proposes {moves}", markup=False)
        for alert in cycle.decision.alerts:
            sign = "ALERT" if alert.active else "clear"
            source = f"{alert.priority}, {alert.route}, {alert.lane.value}"
            todo = f"; {alert.response}" if alert.active and alert.response and not folds else ""
            style = "dim" if folds else ""
            people.print(f"{stamp}  {sign} [{source}] {alert.what}{todo}", markup=False, style=style)
        for one in cycle.decision.incidents:
            style = "bold" if one.annunciated else "dim"
            people.print(f"{stamp}  {incidents.sentence(one)}", markup=False, style=style)
        for said in alarmed.sentences(cycle):
            people.print(f"{stamp}  {said}", markup=False)

    return tell


def elapsed() -> Callable[[Cycle], float]:
    """Return a function that gives the time of a cycle since the first it was given [s]."""
    begun: list[float] = []

    def since(cycle: Cycle) -> float:
        if not begun:
            begun.append(cycle.snapshot.at)
        return cycle.snapshot.at - begun[0]

    return since


def glance(cycle: Cycle, policy: Policy) -> str:
    """Return one line of status: the loops with mode and phase, the soft sensors with two standard deviations.

    Where there is neither, it shows what the first charts watch.
    """
    trips = {name: f" ({why[0].cause.value})" for name, why in cycle.decision.trips.items()}
    loops = "  ".join(
        f"{name} {mode.value}/{phase.value}{trips.get(name, '')}{_besides(cycle, name)}"
        for name, (mode, phase) in cycle.decision.modes.items()
    )
    soft = "  ".join(
        f"{name} {value:.2f}±{2 * sd:.2f} {sensor.unit}{_beside(cycle, name, sensor)}"
        for name, (value, sd, _) in cycle.decision.soft.items()
        if isinstance(sensor := policy.soft_sensors.get(name), FusedNir)
        or (isinstance(sensor, Hybrid) and sensor.challenger is not None)
    )
    return f"{loops}  {soft}" if loops or soft else _watched(cycle, policy)


def _beside(cycle: Cycle, name: str, sensor: SoftSensor) -> str:
    """Return what a challenger says, and whether it is better by the rule."""
    if not isinstance(sensor, Hybrid) or sensor.challenger is None:
        return ""
    value, sd, _ = cycle.decision.soft[rival(name)]
    verdict, _, quality = cycle.decision.soft[f"{name}.BETTER"]
    stands = "too few results" if quality else "better" if verdict else "not better"
    return f" (challenger {value:.2f}±{2 * sd:.2f}, {stands})"


def _besides(cycle: Cycle, loop: str) -> str:
    """Return what a loop does without, and what people have set for it."""
    decision = cycle.decision
    said = [f"without {name}" for name in decision.without.get(loop, ())]
    said += [f"{name} {low:g}..{high:g}" for name, (low, high) in decision.limits.get(loop, {}).items()]
    said += [f"{name} to {target:g}" for name, target in decision.targets.get(loop, {}).items()]
    return f" ({', '.join(said)})" if said else ""


def _watched(cycle: Cycle, policy: Policy) -> str:
    charts = [watch.tag for watch in policy.watches.values() if isinstance(watch, Ewma)][:_GLANCED]
    seen = [(tag, cycle.snapshot.good(tag)) for tag in charts if tag in cycle.snapshot.index]
    units = policy.units()
    return "  ".join(f"{tag} {'no evidence' if v is None else f'{v:.4g} {units[tag]}'}" for tag, v in seen)


def clock_text(elapsed_s: float) -> str:
    """Return time since the start as hours, minutes and seconds.

    Parameters
    ----------
    elapsed_s
        Time since the start [s].

    Examples
    --------
    >>> clock_text(3725.0)
    '1:02:05'
    """
    minutes, seconds = divmod(int(elapsed_s), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def summary(policy: Policy, ran: Ran, record: Path) -> dict[str, object]:
    """Return what a run found, as plain values; figures of the product need the plant's truth and are not here."""
    about: dict[str, object] = {
        "line": policy.line,
        "fingerprint": policy.fingerprint,
        "record": str(record),
        "record_bytes": ran.record_bytes,
        "why": ran.why,
        "kpis": {},
        "burden": Burden.of(ran.tally.incidents, ran.tally.simulated_s).plain(policy.budgets.declared),
    }
    return about | dict(ran.summary())
