"""What an operator can take in hand: the output of a loop that a plant solves together with its actuator."""

from __future__ import annotations


class Grip:
    """The output of such a loop, which is what it asks of its actuator.

    Parameters
    ----------
    output
        Output at the start [unit of the actuator].
    """

    __slots__ = ("manual", "output", "running")

    def __init__(self, output: float) -> None:
        self.manual: float | None = None
        """Output set by hand [unit of the actuator]; None where the loop sets it."""
        self.output = output
        """Output now [unit of the actuator]."""
        self.running = True
        """Whether the PLC scans; its setpoints stand while it does not, and so does what is asked."""

    def ask(self, wanted: float) -> float:
        """Return the output, that by hand if there is one [unit of the actuator].

        Parameters
        ----------
        wanted
            What the loop asks for [unit of the actuator].
        """
        self.output = wanted if self.manual is None else self.manual
        return self.output

    def forget(self) -> None:
        """Start without retained data; there is none."""
