"""How long a lost link rests before it is tried again, where time stands until the controller goes on."""

from __future__ import annotations

import asyncio

_ROUNDING_S = 1e-6


class Rest:
    """The rests of one link of a plant that waits for the controller.

    While the plant stands they pass on the wall. Once the plant goes on without the link they pass with its steps, and
    it waits for every attempt, so that the same attempts are made at the same plant times in every run.
    """

    def __init__(self) -> None:
        self.led = False
        """Whether rests pass with the steps of the plant."""
        self.resting = False
        """Whether the link rests."""
        self._left_s = 0.0
        self._over = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        """Rest for `seconds` [s]."""
        self._left_s, self.resting = seconds, True
        self._over.clear()
        timer = asyncio.get_running_loop().call_later(seconds, self._rung)
        try:
            await self._over.wait()
        finally:
            timer.cancel()
            self.resting = False

    def step(self, seconds: float) -> None:
        """Let `seconds` of plant time go by [s]; if that ends the rest, it is over at once."""
        self._left_s -= seconds
        if self._left_s <= _ROUNDING_S:
            self._end()

    def _rung(self) -> None:
        if not self.led:
            self._end()

    def _end(self) -> None:
        self.resting = False
        self._over.set()
