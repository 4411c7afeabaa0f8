"""What a record tells of its soft sensors: what they had said of samples whose results came later."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from controller.records import codec
from controller.records.cycles import Walk
from controller.records.labelled import Listener
from controller.soft.duel import NOTHING, Duel, Pair, Spoken, Standing, Terms, standing
from controller.soft.hybrid_model import HybridModel, read
from plant_io import Quality, TagIndex
from policies import Hybrid, Policy
from policies.hybrid import Challenge, rival

_BAD = int(Quality.BAD)


@dataclass(frozen=True, slots=True)
class Contender:
    """A model of a soft sensor."""

    file: str
    """Name of its file, as the policy gives it."""
    sha256: str
    """SHA-256 of the file, hexadecimal."""
    model: HybridModel
    """The model."""


@dataclass(slots=True)
class Sensed:
    """One soft sensor over some records."""

    unit: str
    """UCUM unit of the result."""
    champion: Contender
    """The model in service."""
    challenger: Contender | None
    """The model beside it; None where there is none."""
    rule: Challenge | None
    """When that is called better."""
    pairs: list[Pair] = field(default_factory=list[Pair])
    """Results, with what both had said; the champion twice where it is alone."""

    def standing(self) -> Standing | None:
        """Return how they stand by the rule of the policy; None before there are results enough."""
        if self.rule is None or self.challenger is None:
            return None
        return standing(self.pairs, self.rule, self.challenger.model.coverage)


def sensed(directories: Iterable[Path], progress: Callable[[int], None] = lambda _: None) -> dict[str, Sensed]:
    """Return every hybrid soft sensor with late results, and what it had said of them.

    Parameters
    ----------
    directories
        Record directories, in the order of time.
    progress
        Told the number of cycles of each record done so far.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    ValueError
        If one cannot be read, or a sensor has another model in a later one.
    """
    found = dict[str, Sensed]()
    for directory in directories:
        walk = Walk(directory)
        policy = walk.policy()
        followed = [_Followed(name, one, policy) for name, one in _late(policy)]
        index = TagIndex.of(policy)
        for data in walk.cycles(progress):
            seen = codec.snapshot(data["snapshot"], index)
            for one in followed:
                new = one.listener.take(seen)
                result = None if new is None else (new.taken, new.value)
                one.take(seen.at, result, data["decision"]["soft"])
        for one in followed:
            known = found.setdefault(one.name, one.sensed)
            if _models(known) != _models(one.sensed):
                raise ValueError(f"{directory}: {one.name} has another model than in the records before it")
            if known is not one.sensed:
                known.pairs += one.sensed.pairs
    return found


def _late(policy: Policy) -> Iterator[tuple[str, Hybrid]]:
    for name, one in policy.soft_sensors.items():
        if isinstance(one, Hybrid) and one.lab is not None:
            yield name, one


def _models(one: Sensed) -> tuple[str, str | None]:
    return one.champion.sha256, one.challenger.sha256 if one.challenger else None


def _contender(policy: Policy, file: str) -> Contender:
    data = policy.files[file]
    return Contender(file, hashlib.sha256(data).hexdigest(), read(data, file))


class _Followed:
    """One soft sensor along one record."""

    def __init__(self, name: str, declared: Hybrid, policy: Policy) -> None:
        if declared.lab is None:
            raise ValueError(f"{name}: expected a soft sensor with late results")
        self.name, rule = name, declared.challenger
        beside = None if rule is None else _contender(policy, rule.model)
        self.sensed = Sensed(declared.unit, _contender(policy, declared.model), beside, rule)
        self.listener = Listener.of(declared.lab, policy)
        fewest = rule or Challenge(model=declared.model)
        self._terms = Terms(fewest, self.sensed.champion.model.coverage, declared.lab.memory_s)
        self._duel = Duel()

    def take(self, at: float, new: tuple[float, float] | None, soft: codec.Fields) -> None:
        """Take in one cycle: its time, a new result if there is one, and the virtual tags."""
        champion = _spoken(soft, self.name)
        beside = _spoken(soft, rival(self.name)) if self.sensed.challenger else champion
        after = self._duel.after(at, new, (champion, beside), self._terms)
        if after.pairs[-1:] != self._duel.pairs[-1:]:
            self.sensed.pairs.append(after.pairs[-1])
        self._duel = after


def _spoken(soft: codec.Fields, tag: str) -> Spoken:
    if tag not in soft or soft[tag][2] == _BAD:
        return NOTHING
    return Spoken(soft[tag][0], soft[f"{tag}.LOW"][0], soft[f"{tag}.HIGH"][0])
