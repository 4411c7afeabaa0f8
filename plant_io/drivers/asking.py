"""The one place where answers of the protocol libraries come in, and their ways of failing are made ours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def asked(ask: Callable[[], Awaitable[T]], means: Callable[[Exception], OSError]) -> T:
    """Return what a library answers; it fails by `OSError`, `TimeoutError` or a plain cancellation only.

    Parameters
    ----------
    ask
        Asks the library.
    means
        Says what an exception of the library means for the link. It sees every exception, since a malformed answer
        surfaces as whatever it breaks.

    Raises
    ------
    OSError
        If the connection failed; `TimeoutError` if no answer came.
    """
    task = asyncio.current_task()
    before = 0 if task is None else task.cancelling()
    try:
        answer = await ask()
    except asyncio.CancelledError as cancelled:
        # Under Python 3.11 asyncua cancels with a class of its own, which asyncio.timeout takes for a stranger's.
        raise asyncio.CancelledError from cancelled
    except Exception as trouble:
        if _cancelled(task, before):
            raise asyncio.CancelledError from trouble
        if isinstance(trouble, OSError):
            raise
        raise means(trouble) from trouble
    if _cancelled(task, before):
        raise asyncio.CancelledError
    return answer


def _cancelled(task: asyncio.Task[object] | None, before: int) -> bool:
    """Return whether a cancellation came and was lost.

    Under Python 3.11 asyncio.wait_for, used by both libraries, loses one that meets the answer or an error.
    """
    return task is not None and task.cancelling() > before
