"""Drivers: how the devices of a policy are spoken to."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import cast

from plant_io.ports import Driver, Make
from policies import Modbus, OpcUa, PlugIn, Policy

GROUP = "steadyline.drivers"
"""Entry points of plug-ins: the name of a protocol, and a function that is called as `make` is."""


def make(connection: str, policy: Policy) -> Driver:
    """Return a fresh driver that is not connected yet.

    Parameters
    ----------
    connection
        Name of a connection of `policy`.
    policy
        Gives its address and its tags.

    Raises
    ------
    ValueError
        If a tag has an address this kind of connection cannot have, or no driver for its protocol is installed.
    """
    match policy.connections[connection]:
        case OpcUa():
            from plant_io.drivers.opcua import OpcUaDriver  # noqa: PLC0415  # asyncua is slow to import

            return OpcUaDriver(connection, policy)
        case Modbus():
            from plant_io.drivers.modbus import ModbusDriver  # noqa: PLC0415  # pymodbus likewise

            return ModbusDriver(connection, policy)
        case PlugIn(protocol=protocol):
            return _plugged_in(protocol)(connection, policy)


def check(policy: Policy) -> None:
    """See that a driver is installed for every connection.

    Raises
    ------
    ValueError
        If one is not.
    """
    for connection in policy.connections.values():
        if isinstance(connection, PlugIn):
            _plugged_in(connection.protocol)


def _plugged_in(protocol: str) -> Make:
    installed = entry_points(group=GROUP)
    if protocol not in installed.names:
        names = ", ".join(["modbus", "opcua", *sorted(installed.names)])
        raise ValueError(f"no driver for the protocol {protocol} is installed; installed are {names}")
    return cast("Make", installed[protocol].load())
