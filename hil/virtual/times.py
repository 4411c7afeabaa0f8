"""What the protocol libraries take for the time while a virtual run lasts, and where that cannot reach.

They read `time` and `datetime` themselves. While a run lasts, every module of theirs that holds one of these holds a
stand-in instead, which asks the wall clock of `plant_io`, which asks the loop. Jobs they give to threads of their own
are done on the spot.
"""

from __future__ import annotations

import datetime as dt
import sys
import time  # noqa: TID251  # not asked for the time, only to find who holds it
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder, SourceLoader
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, TypeVar, cast

from plant_io.clocks import WallClock

T = TypeVar("T")

LIBRARIES = ("asyncua", "pymodbus")
"""The libraries that speak to the plant, and read the time."""
_WALL = WallClock()


@contextmanager
def virtual_times() -> Generator[None, None, None]:
    """Let the libraries see the time of the running loop, until the end; those they load meanwhile too."""
    watch = _Watch()
    for name, module in list(sys.modules.items()):
        if _theirs(name):
            watch.stand_in(module)
    threads = sys.modules.get("anyio.to_thread")
    if threads is not None:
        watch.replace(threads, "run_sync", _at_once)
    sys.meta_path.insert(0, watch)
    try:
        yield
    finally:
        sys.meta_path.remove(watch)
        watch.give_back()


class _Watch(MetaPathFinder):
    """Puts stand-ins into modules, also into those loaded while it stands first among the finders."""

    def __init__(self) -> None:
        self._replaced: list[tuple[ModuleType, str, object]] = []

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        found = PathFinder.find_spec(name, path, target) if _theirs(name) else None
        loader = None if found is None else found.loader
        if isinstance(loader, SourceLoader):
            load = loader.exec_module

            def load_and_stand_in(module: ModuleType) -> None:
                load(module)
                self.stand_in(module)

            vars(loader)["exec_module"] = load_and_stand_in
        return found

    def stand_in(self, module: ModuleType) -> None:
        """Replace whatever gives the time in `module`."""
        for name, value in list(vars(module).items()):
            if id(value) in _STAND_INS:
                self.replace(module, name, _STAND_INS[id(value)])

    def replace(self, module: ModuleType, name: str, by: object) -> None:
        """Replace one name of `module`."""
        self._replaced.append((module, name, vars(module)[name]))
        vars(module)[name] = by

    def give_back(self) -> None:
        """Undo every replacement."""
        while self._replaced:
            module, name, real = self._replaced.pop()
            vars(module)[name] = real


def _theirs(module: str) -> bool:
    return module.partition(".")[0] in LIBRARIES


async def _at_once(job: Callable[..., T], *args: object, **_options: object) -> T:
    return job(*args)


def _now_ns() -> int:
    return round(1e9 * _WALL.now())


class _AsDatetime(type):
    def __instancecheck__(cls, thing: object) -> bool:
        return isinstance(thing, dt.datetime)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, dt.datetime)


class _Datetime(dt.datetime, metaclass=_AsDatetime):
    """`datetime.datetime` but for the present; what it makes are real ones."""

    def __new__(cls, *args: Any, **named: Any) -> dt.datetime:  # type: ignore[misc]  # noqa: ANN401  # as the real one
        return dt.datetime(*args, **named)  # noqa: DTZ001  # whoever calls it decides

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]  # never one of its own
        return dt.datetime.fromtimestamp(_WALL.now(), tz)

    @classmethod
    def utcnow(cls) -> dt.datetime:  # type: ignore[override]  # never one of its own
        return cls.now(dt.UTC).replace(tzinfo=None)


class _Module(ModuleType):
    """A module of which some names stand for something else."""

    def __init__(self, real: ModuleType, names: Mapping[str, object]) -> None:
        super().__init__(real.__name__)
        self._real = real
        vars(self).update(names)

    def __getattr__(self, name: str) -> object:
        return cast("object", getattr(self._real, name))


_SECONDS = {"time": time.time, "monotonic": time.monotonic, "perf_counter": time.perf_counter}
_NANOSECONDS = {"time_ns": time.time_ns, "monotonic_ns": time.monotonic_ns, "perf_counter_ns": time.perf_counter_ns}
_STAND_INS: Mapping[int, object] = (
    {id(real): _WALL.now for real in _SECONDS.values()}
    | {id(real): _now_ns for real in _NANOSECONDS.values()}
    | {
        id(dt.datetime): _Datetime,
        id(dt): _Module(dt, {"datetime": _Datetime}),
        id(time): _Module(time, dict.fromkeys(_SECONDS, _WALL.now) | dict.fromkeys(_NANOSECONDS, _now_ns)),
    }
)
"""What stands for what, by identity."""
