"""Tasks shared out among the workers of a Dask cluster (extra ``cluster``), each of them with one task at a time."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Protocol, Self, TypeVar, cast

if TYPE_CHECKING:
    from types import TracebackType

Task = TypeVar("Task")
Result = TypeVar("Result")


class Unfit(ValueError):  # noqa: N818  # the state of the workers, in the words of the rig
    """What is played here cannot be played there."""


_PATIENCE_S = 20.0
_AHEAD = 256  # tasks the scheduler holds at once; each carries its policy
_PACKAGE = "steadyline"
_ONE_AT_A_TIME = Lock()


def share(work: Callable[[Task], Result], tasks: Sequence[Task], address: str) -> Iterator[tuple[int, Result | None]]:
    """Yield number and result of each task when it is finished; None for one whose workers died too often.

    A task whose worker dies goes to another one, as often as the scheduler's ``allowed-failures`` permits.

    Parameters
    ----------
    work
        Turns a task into its result; survives pickling, as both do.
    tasks
        What is to be done.
    address
        Where the scheduler is, such as ``tcp://host:8786``.

    Raises
    ------
    ConnectionError
        If no scheduler answers, or it has no worker.
    Unfit
        If the extra is not installed here, or a worker has another version of Steadyline.
    """
    try:
        from distributed import KilledWorker, as_completed  # noqa: PLC0415  # heavy, and an extra
    except ImportError as error:
        raise Unfit(f"--cluster needs the extra: pip install 'steadyline[cluster]' ({error})") from error
    with _client(address) as client:
        _check(client)
        numbers: dict[_Future, int] = {}
        done = cast("Callable[[], _Done]", as_completed)()

        def hand_out(number: int) -> None:
            if number < len(tasks):
                future = client.submit(_alone, work, tasks[number], pure=False)
                numbers[future] = number
                done.add(future)

        for number in range(_AHEAD):
            hand_out(number)
        for count, future in enumerate(done):
            try:
                result = cast("Result", future.result())
            except KilledWorker:
                result = None
            yield numbers.pop(future), result
            hand_out(_AHEAD + count)


def _alone(work: Callable[[Task], Result], task: Task) -> Result:
    """Do a task while no other thread of this worker does one: virtual time belongs to a whole process."""
    with _ONE_AT_A_TIME:
        return work(task)


class _Future(Protocol):
    def result(self) -> object: ...


class _Done(Protocol):
    def add(self, future: _Future) -> None: ...

    def __iter__(self) -> Iterator[_Future]: ...


class _Client(Protocol):
    def submit(self, function: object, *arguments: object, pure: bool) -> _Future: ...

    def run(self, function: object, *arguments: object) -> Mapping[str, object]: ...

    def wait_for_workers(self, n_workers: int, timeout: float) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def _client(address: str) -> _Client:
    from distributed import Client  # noqa: PLC0415  # heavy, and an extra

    try:
        client = cast("Callable[..., _Client]", Client)(address, timeout=_PATIENCE_S)
        client.wait_for_workers(1, timeout=_PATIENCE_S)
    except (OSError, TimeoutError, ValueError) as error:
        raise ConnectionError(f"no Dask scheduler with a worker at {address!r}: {error}") from error
    return client


def _check(client: _Client) -> None:
    ours = importlib.metadata.version(_PACKAGE)
    others = {str(version) for version in client.run(importlib.metadata.version, _PACKAGE).values()} - {ours}
    if others:
        raise Unfit(f"found workers with Steadyline {', '.join(sorted(others))}, wanted {ours} as here")
