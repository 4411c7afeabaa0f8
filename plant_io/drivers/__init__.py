"""Drivers: how the devices of a policy are spoken to."""

from __future__ import annotations

from plant_io.ports import Driver
from policies import OpcUa, Policy


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
        If a tag has an address this kind of connection cannot have.
    """
    if isinstance(policy.connections[connection], OpcUa):
        from plant_io.drivers.opcua import OpcUaDriver  # noqa: PLC0415  # asyncua is slow to import

        return OpcUaDriver(connection, policy)
    from plant_io.drivers.modbus import ModbusDriver  # noqa: PLC0415  # pymodbus likewise

    return ModbusDriver(connection, policy)
