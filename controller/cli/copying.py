"""The verb copy: the records of this station in the database of the site, and back."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from controller.cli.ends import Refused, Unreachable, reading
from controller.cli.options import Json
from controller.cli.show import give, people

if TYPE_CHECKING:
    from controller.cycle import Cycle
    from controller.records.copier import Copier
    from controller.records.fetch import Run
    from controller.records.site import Site
    from policies import Policy
    from policies.site import SiteCopy

T = TypeVar("T")
PolicyFile = Annotated[Path, typer.Argument(metavar="POLICY", help="Policy file that names the database of the site.")]
Records = Annotated[
    list[Path], typer.Argument(metavar="RECORD...", help="Record directories, or directories that hold some.")
]
Keys = Annotated[Path | None, typer.Option("--pki", metavar="DIR", help="Folder of keys, where the password lies.")]

_EXTRA = "needs the extra postgres: pip install steadyline[postgres]"


def add(app: typer.Typer) -> None:
    """Add the verb to the application."""
    copy = typer.Typer(
        help="Copies of records in the database of the site: make it ready, send, list, fetch, retry.",
        no_args_is_help=True,
    )
    copy.command("list")(listed)
    for verb in (prepare, send, fetch, retry):
        copy.command()(verb)
    app.add_typer(copy, name="copy")


def keys(policy: Policy, pki: Path | str | None) -> Path:
    """Return the folder of keys of this station."""
    from policies import OpcUa  # noqa: PLC0415  # heavy

    named = (link.pki for link in policy.connections.values() if isinstance(link, OpcUa))
    return Path(pki or next(named, "pki"))


def prepare(
    policy: PolicyFile,
    *,
    owner: Annotated[
        str, typer.Option("--owner", metavar="ROLE", help="Who owns the tables; libpq asks its password.")
    ],
    pki: Keys = None,
    json: Json = None,
) -> int:
    """Make the tables in an empty database, and let the role of the policy write copies, and nothing else."""
    site, folder = _named(policy, pki)
    owned = site.model_copy(update={"user": owner, "password_from": None})
    made = _asked(lambda database: database.prepare(site.user), (owned, folder))
    people.print(f"{site.database}: tables {'made' if made else 'were there'}; {site.user} may copy", markup=False)
    give({"made": made}, json)
    return 0


def send(
    policy: PolicyFile,
    records: Records,
    *,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until stopped.")] = False,
    pki: Keys = None,
    json: Json = None,
) -> int:
    """Copy what is not in the database yet, in order, each record once; status 1 if something is left."""
    from controller.records.forward import Forwarder  # noqa: PLC0415  # heavy
    from controller.records.forward import follow as followed  # noqa: PLC0415  # heavy
    from controller.records.standing import Standing, begin  # noqa: PLC0415  # heavy
    from plant_io.clocks import WallClock  # noqa: PLC0415  # heavy

    site, folder = _named(policy, pki)
    with reading():
        for each in held(records):
            begin(each)

    async def work(database: Site) -> bool:
        forwarder = Forwarder(database, WallClock(), lambda said: people.print(said, markup=False))
        if follow:
            await followed(forwarder, lambda: held(records), site.every_s, _stopped())
        return await forwarder.all(held(records))

    done = _asked(work, (site, folder))
    with reading():
        found = {each: Standing.read(each) for each in held(records)}
    for each, standing in found.items():
        if standing is not None:
            people.print(f"{each}: {standing.sentence()}", markup=False)
    give({"records": [{"record": str(each)} | asdict(said) for each, said in found.items() if said]}, json)
    return 0 if done else 1


def listed(policy: PolicyFile, *, pki: Keys = None, json: Json = None) -> int:
    """List the runs in the database, each verified by the database itself; status 1 if one is broken."""
    from controller.records.fetch import broken, runs  # noqa: PLC0415  # heavy
    from policies.sentences import counted  # noqa: PLC0415  # heavy

    async def work(database: Site) -> tuple[list[Run], dict[int, int]]:
        return await runs(database), await broken(database)

    found, breaks = _asked(work, _named(policy, pki))
    for run in found:
        at = breaks.get(run.run)
        state = "chain whole" if at is None else f"BROKEN at record {at}"
        aside = f", {run.quarantined} in quarantine" if run.quarantined else ""
        held = f"{counted(run.next, 'record')}{aside}"
        people.print(f"{run.first.hex()[:16]}  {run.line}  {run.name}  {held}, {state}", markup=False)
    give({"runs": [run.plain() | {"first_break": breaks.get(run.run)} for run in found]}, json)
    return 1 if breaks else 0


def fetch(
    policy: PolicyFile,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Beginning of its first chain value, as listed.")],
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Record directory; nothing is replaced.")],
    pki: Keys = None,
    json: Json = None,
) -> int:
    """Make a record again from its copy and verify it; status 1 if it is broken."""
    from controller.records.fetch import fetch as fetched  # noqa: PLC0415  # heavy
    from controller.records.fetch import runs  # noqa: PLC0415  # heavy

    site = _named(policy, pki)
    chosen = [each for each in _asked(runs, site) if each.first.hex().startswith(run.lower())]
    if len(chosen) != 1:
        raise Refused(
            f"copy fetch: found {len(chosen)} runs that begin with {run!r}, wanted one; see: steadyline copy list"
        )
    with reading():
        found = _asked(lambda database: fetched(database, chosen[0], out), site)
    people.print(f"{out}: {found.sentence()}", markup=False)
    give(found.plain(), json)
    return 0 if found.broken is None else 1


def retry(policy: PolicyFile, records: Records, *, pki: Keys = None, json: Json = None) -> int:
    """Try the records in quarantine again; status 1 if the database still refuses one."""
    from controller.records.forward import Forwarder  # noqa: PLC0415  # heavy
    from controller.records.retry import retry as tried  # noqa: PLC0415  # heavy
    from plant_io.clocks import WallClock  # noqa: PLC0415  # heavy

    async def work(database: Site) -> dict[Path, str]:
        done = await tried(database, held(records))
        await Forwarder(database, WallClock()).all(held(records))
        return done

    named = _named(policy, pki)
    with reading():
        found = _asked(work, named)
    for file, why in found.items():
        people.print(f"{file}: {why or 'copied'}", markup=False)
    left = {str(file): why for file, why in found.items() if why}
    give({"copied": len(found) - len(left), "left": left}, json)
    return 1 if left else 0


class Copies:
    """Copies the records of a run, and those beside it that were not copied to their ends, where a policy wants it."""

    def __init__(self) -> None:
        self._site: SiteCopy | None = None
        self._copier: Copier | None = None

    def view(self, policy: Policy, record: Path | None, pki: str | None) -> Callable[[Cycle], None]:
        """Return a sink that has a record copied from its first cycle on, to where its policy says."""
        self._follow(policy, pki)
        if record is None or self._copier is None:
            return lambda _: None
        from controller.records.standing import begin, waiting  # noqa: PLC0415  # heavy

        todo = [(record, self._copier)]

        def seen(cycle: Cycle) -> None:
            del cycle
            if todo:
                there, copier = todo.pop()
                with suppress(OSError):
                    begin(there)
                others = [each for each in waiting(there.resolve().parent) if each != there.resolve()]
                copier.take([*others, there])

        return seen

    def close(self) -> None:
        """Let what is left be copied."""
        if self._copier is not None:
            self._copier.close()

    def _follow(self, policy: Policy, pki: str | None) -> None:
        """Copy to where a policy says from now on."""
        site = policy.records.site
        if site == self._site:
            return
        if self._copier is not None:
            Thread(target=self._copier.close, name="last copies").start()
        self._site, self._copier = site, None
        if site is not None and not _installed():
            people.print(f"records are NOT copied: this {_EXTRA}", style="bold", markup=False)
        elif site is not None:
            from controller.records.copier import Copier  # noqa: PLC0415  # heavy

            self._copier = Copier(site, keys(policy, pki), lambda said: people.print(said, style="bold", markup=False))


def _named(policy: Path, pki: Path | None) -> tuple[SiteCopy, Path]:
    """Return the database that a policy names, and the folder of keys."""
    from policies import load  # noqa: PLC0415  # heavy

    with reading():
        found = load(policy)
    site = found.records.site
    if site is None:
        raise Refused(f"{policy}: it names no database of a site; wanted records: {{site: {{host: ...}}}}")
    if not _installed():
        raise Refused(f"copy: this {_EXTRA}")
    return site, keys(found, pki)


def _installed() -> bool:
    return find_spec("psycopg") is not None


def held(records: Sequence[Path]) -> list[Path]:
    """Return record directories, and those in directories that hold some, by name.

    Raises
    ------
    FileNotFoundError
        If there is none in one of them.
    """
    from controller.records.file import FILE  # noqa: PLC0415  # heavy

    found = list[Path]()
    for each in records:
        inside = [each] if (each / FILE).exists() else sorted(file.parent for file in each.glob(f"*/{FILE}"))
        if not inside:
            raise FileNotFoundError(f"{each}: there is no record here")
        found += inside
    return found


def _asked(work: Callable[[Site], Coroutine[None, None, T]], named: tuple[SiteCopy, Path]) -> T:
    """Do something with a database; one that cannot be reached ends the verb.

    Raises
    ------
    Unreachable
        If it cannot be reached, or will not do.
    """
    from controller.records.site import Away, Site  # noqa: PLC0415  # heavy

    database = Site(*named)

    async def done() -> T:
        try:
            return await work(database)
        finally:
            await database.close()

    try:
        return asyncio.run(done())
    except Away as error:
        raise Unreachable(f"{database.name}: {error}") from error


def _stopped() -> asyncio.Event:
    """Return what is set when a person stops the process."""
    over, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(name, over.set)
    return over
