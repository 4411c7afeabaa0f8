"""A stand for tests: a policy, some faults, one run, and all that was read, decided and true in it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import nan
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

import numpy as np

from anomaly.incident import Incident
from controller.cycle import Cycle
from hil.faults.carried import Place, cannot
from hil.library import find, open_scenario
from hil.plants.faults import CATALOGUE
from hil.plc.lines import blueprint
from hil.rig.clocks import on_clock
from hil.rig.play import Played, laid_out
from hil.rig.process import PlcProcess, Served
from hil.rig.score import Kpis
from hil.rig.truth import Truth
from hil.rig.verdict import Finding, judge
from hil.scenario import Scenario, Wrong
from plant_io.quality import Quality
from plant_io.signals import Floats
from policies import Policy, load

TITLE = "A run asked for by a test"


@dataclass(frozen=True, slots=True)
class Trial:
    """One run on the stand."""

    played: Played
    """What it came to."""
    cycles: Sequence[Cycle]
    """Every cycle: snapshot, orders, plans, decision, receipts."""
    findings: Sequence[Finding]
    """The scenario's assertions, judged; empty for a run without a scenario."""

    @property
    def failed(self) -> list[Finding]:
        """Assertions of the scenario that do not hold."""
        return [finding for finding in self.findings if not finding.passed]

    @property
    def kpis(self) -> Kpis:
        """Figures of merit, computed from the plant's truth."""
        return self.played.kpis

    @property
    def truth(self) -> Truth:
        """The plant's truth by column, one row a period; the controller never sees it."""
        return self.played.truth

    def reached(self, loop: str, phase: str) -> list[float]:
        """Return when a loop came into a phase, time since the start [s]."""
        return [at for at, *now in self.played.phases if now == [loop, phase]]

    def values(self, tag: str) -> Floats:
        """Return a plant or virtual tag in each cycle, shape ``(cycles,)``, in its unit; where not good, no number."""
        return np.array([_good(cycle, tag) for cycle in self.cycles])

    def written(self, tag: str) -> list[float]:
        """Return the setpoints that were written to a tag, in its unit."""
        return [move.value for c in self.cycles for move in c.decision.setpoints if move.tag == tag]

    def spoken(self, watch: str) -> list[tuple[float, str]]:
        """Return when a watch began to speak, time since the start [s], and what it said."""
        alerts = self.played.ran.tally.alerts
        return [(alert.at - self.played.began, alert.what) for alert in alerts if alert.watch == watch and alert.active]

    def incidents(self) -> list[Incident]:
        """Return every incident as it was known last, in the order in which they opened."""
        return list({one.id: one for one in self.played.ran.tally.incidents}.values())


class Stand:
    """Plays policies on simulated lines.

    Parameters
    ----------
    clock
        How time goes by: ``memory``, ``virtual``, ``lockstep`` or ``wall``.
    seed
        Seed of the plant; that of the scenario if None, or 1 without one.
    folder
        Where relative paths begin.
    """

    def __init__(self, clock: str, seed: int | None, folder: Path) -> None:
        self.clock = clock
        """How time goes by."""
        self.seed = 1 if seed is None else seed
        """Seed of the last run [1]."""
        self.trace: list[Cycle] = []
        """Every cycle of the last run."""
        self._asked, self._folder = seed, folder
        self._faults: list[Wrong] = []
        self._processes = ExitStack()

    def fault(self, name: str, target: str, after: str, **more: object) -> None:
        """Let something go wrong in every run from now on.

        Parameters
        ----------
        name
            Its name in the catalogue, for example ``F04``.
        target
            Unit it strikes.
        after
            Time since the start at which it begins, such as ``15m``.
        more
            ``for_``, ``shape``, ``ramp``, ``every``, ``magnitude``, ``with_`` and ``seed`` as in a scenario.

        Raises
        ------
        ValueError
            If there is no such fault, or it is not described well.
        """
        if name not in CATALOGUE:
            raise ValueError(f"found the fault {name!r}, wanted one of {', '.join(CATALOGUE)}")
        given = {key.removesuffix("_"): value for key, value in more.items()}
        self._faults.append(Wrong.model_validate({"id": name, "target": target, "after": after, **given}))

    def play(
        self, policy: Policy | Path | str, scenario: Path | str | None = None, *, for_: str = "10m", auto: str = "3m"
    ) -> Trial:
        """Play a scenario, or a plain run, under a policy; what the scenario changes of a policy is changed of it.

        Parameters
        ----------
        policy
            The policy or its file.
        scenario
            Name of a shipped scenario, or a file; if None, a run without one.
        for_
            How long a run without a scenario lasts.
        auto
            Time since the start at which every loop of such a run is asked for mode auto.

        Raises
        ------
        policies.PolicyError
            If the policy or the scenario is no good.
        ValueError
            If there is no such scenario, or a fault does not fit the line.
        """
        loaded = self._loaded(policy)
        wanted, loaded = (_plain(loaded, for_, auto), loaded) if scenario is None else self._opened(scenario, loaded)
        self._fit(loaded)
        wanted = wanted.model_copy(update={"faults": (*wanted.faults, *self._faults)})
        self.seed = wanted.seed if self._asked is None else self._asked
        self.trace.clear()
        played = on_clock(self.clock, wanted, loaded, self.seed, (self.trace.append,))
        return Trial(played, tuple(self.trace), judge(played))

    def plc(self, policy: Policy | Path | str, *, lockstep: bool = True, speed: float = 1.0) -> PlcProcess:
        """Start the simulated PLCs of a policy's line in a process of their own, which ends with the stand.

        Parameters
        ----------
        policy
            The policy or its file.
        lockstep
            Whether plant time waits for the controller.
        speed
            Plant seconds per wall second, where it does not wait [1].

        Raises
        ------
        NotServing
            If they do not come up.
        """
        loaded = self._loaded(policy)
        folder = Path(self._processes.enter_context(TemporaryDirectory()))
        served = Served(
            line=loaded.line,
            policy=laid_out(loaded, folder),
            lockstep=lockstep,
            speed=speed,
            seed=self.seed,
            faults=tuple(wrong.fault() for wrong in self._faults),
        )
        return self._processes.enter_context(PlcProcess(served))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._processes.close()

    def _fit(self, policy: Policy) -> None:
        """Refuse a fault that the line or the clock cannot bear."""
        place = Place(blueprint(policy.line), policy)
        for wrong in self._faults:
            if reason := cannot(wrong.id, self.clock):
                raise ValueError(reason)
            if wrong.target not in place.targets(wrong.id):
                targets = ", ".join(place.targets(wrong.id))
                raise ValueError(f"found fault {wrong.id} on {wrong.target!r}, wanted it on one of: {targets}")

    def _loaded(self, policy: Policy | Path | str) -> Policy:
        return policy if isinstance(policy, Policy) else load(self._folder / policy)

    def _opened(self, scenario: Path | str, policy: Policy) -> tuple[Scenario, Policy]:
        beside = self._folder / scenario
        return open_scenario(beside if beside.is_file() else find(str(scenario)), policy)


def _good(cycle: Cycle, tag: str) -> float:
    if tag in cycle.decision.soft:
        value, _, quality = cycle.decision.soft[tag]
        return value if quality == Quality.GOOD else nan
    value_now = cycle.snapshot.good(tag)
    return nan if value_now is None else value_now


def _plain(policy: Policy, for_: str, auto: str) -> Scenario:
    orders = [{"after": auto, "mode": "auto"}]
    return Scenario.model_validate({"scenario": 1, "title": TITLE, "line": policy.line, "for": for_, "orders": orders})
