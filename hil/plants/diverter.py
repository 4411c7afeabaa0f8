"""The reject gate: the PLC's own last word on tablets that may be out of limits."""

from __future__ import annotations

from math import exp

_STAGES, _RESIDENCE_S = 5, 189.0
_LOW_PCT, _HIGH_PCT = 9.5, 10.5
_FORCE_BAND_KN = 2.2


class Diverter:
    """Gate behind the press, worked from indicated flows and force; it knows nothing of the true composition.

    The indicated composition reaches the gate through as many mixed stages as the residence-time distribution from
    feeder to feed frame has (5.1), so that the material is rejected and not the moment. The force stands for the
    tablet mass: 2.2 kN are 5 %.

    Parameters
    ----------
    api
        API in the blend at the start [%w/w].
    """

    __slots__ = ("_keep", "_stages", "open")

    def __init__(self, api: float) -> None:
        self._stages = [api] * _STAGES
        self._keep = (0.0, 1.0)  # of one step: its length, and what each stage keeps in it
        self.open = False
        """Whether tablets are rejected."""

    def step(self, dt: float, flows: tuple[float, float], force: tuple[float, float], *, asked: bool = False) -> None:
        """Follow the material for one step and set the gate.

        Parameters
        ----------
        dt
            Step [s].
        flows
            Indicated flow of API and of everything, same unit.
        force
            Indicated main compression force and its setpoint [kN].
        asked
            Whether the gate is asked to reject; it does so besides what it finds itself.
        """
        if flows[1] > 0.0:
            value = 100.0 * flows[0] / flows[1]
            if dt != self._keep[0]:
                self._keep = (dt, exp(-dt * _STAGES / _RESIDENCE_S))
            keep = self._keep[1]
            for i, stage in enumerate(self._stages):
                value = self._stages[i] = value + (stage - value) * keep
        potent = _LOW_PCT <= self._stages[-1] <= _HIGH_PCT
        self.open = asked or not potent or abs(force[0] - force[1]) > _FORCE_BAND_KN
