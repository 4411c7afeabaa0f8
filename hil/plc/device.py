"""One simulated PLC: its registers, and the supervisory block that takes setpoints from them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from math import nan

from hil.plc.guard import Asked, Block, Rules, boot, scan
from hil.plc.stations import Own, kept
from policies import Handshake, Policy

_NUMBER = (int, float)


class Plc:
    """One simulated PLC: its registers and its supervisory block.

    Parameters
    ----------
    policy
        The policy that names its tags.
    connection
        The connection it is reached through.
    rules
        What its program fixes.
    """

    def __init__(self, policy: Policy, connection: str, rules: Rules) -> None:
        self.permitted = True
        """Whether the people at the plant permit remote setpoints."""
        self.words = _handshake(policy, connection)
        self.rules = replace(rules, leased=self.words.claim is not None)
        self.block: Block = boot(rules)
        self._shows = {tag: policy.tags[tag].read_back or tag for tag in rules.limits if tag in policy.tags}
        self._echo = policy.tags[self.words.heartbeat].read_back
        self._beat, self._arm = self.words.heartbeat, self.words.arm
        self._told = (self.words.scan, self.words.state)
        words = (self.words.heartbeat, self.words.arm, self.words.claim)
        self._registers: dict[str, object] = {word: 0 for word in words if word is not None}
        self._written: dict[str, object] = {}
        self._turned: dict[str, float] = {}
        self._shown: tuple[Block, Mapping[str, float]] | None = None
        self.own: Mapping[str, Own] = {}
        """Setpoints of loops in AUTO and MAN, which take nothing from the controller."""

    @property
    def registers(self) -> Collection[str]:
        """Return the registers of this PLC that others write."""
        return (*self._registers, *self.rules.limits)

    def write(self, tag: str, value: object) -> None:
        """Put a value into a register, to be found by the next scan."""
        (self._registers if tag in self._registers else self._written)[tag] = value
        self._shown = None

    def scan(self, dt: float) -> None:
        """Run one scan.

        Parameters
        ----------
        dt
            Plant time since the last scan [s].
        """
        found, claim, before = self._registers, self.words.claim, self.block
        for tag in self.own:
            self.forget(tag)
        written, vouched = self._written, 0 if claim is None else found[claim]
        asked = Asked(found[self._beat], found[self._arm], written, vouched, self._turned)
        self._written, self._turned, self._shown = {}, {}, None
        if claim is not None:
            found[claim] = 0
        block = scan(before, asked, self.rules, permitted=self.permitted, dt=dt)
        self.block = kept(before, block, self.own, self.rules.limits, dt) if self.own else block

    def forget(self, tag: str) -> None:
        """Forget what was written to a setpoint since the last scan."""
        self._written.pop(tag, None)
        self._shown = None

    def turn(self, tag: str, value: float) -> None:
        """Let people at the plant change a setpoint, to be found by the next scan; it counts unless it is remote.

        Parameters
        ----------
        tag
            The setpoint.
        value
            Its value, in its unit.
        """
        self._turned[tag] = value

    def setpoint(self, tag: str) -> float:
        """Return a setpoint as accepted, or as people have just changed it, in its unit."""
        return self._turned.get(tag, self.block.accepted[tag])

    def restart(self, *, cold: bool) -> None:
        """Start again; a cold start also forgets the setpoints in force."""
        self.block = boot(self.rules, None if cold else self.block)
        self._registers = dict.fromkeys(self._registers, 0)
        self._written.clear()
        self._turned.clear()
        self._shown = None

    def shown(self) -> Mapping[str, float]:
        """Return the tags of the block and of the registers, each in its unit."""
        if self._shown is None or self._shown[0] is not self.block:
            self._shown = self.block, self._shows_now(self.block)
        return self._shown[1]

    def _shows_now(self, block: Block) -> dict[str, float]:
        scan, state = self._told
        shown = {scan: float(block.scan), state: float(block.word)}
        if self._echo is not None:
            shown[self._echo] = float(block.echo)
        if self.words.epoch is not None:
            shown[self.words.epoch] = float(block.epoch)
        for tag, value in block.accepted.items():
            shown[self._shows.get(tag, tag)] = value
            shown[tag] = plain(self._written[tag]) if tag in self._written else value
        for tag, found in self._registers.items():
            shown[tag] = plain(found)
        return shown


def _handshake(policy: Policy, connection: str) -> Handshake:
    words = policy.connections[connection].handshake
    if words is None:
        raise ValueError(f"connections.{connection}: a simulated PLC needs a handshake")
    return words


def plain(value: object) -> float:
    """Return a value as a register shows it: a number, or none [unit of the register]."""
    return float(value) if isinstance(value, _NUMBER) else nan
