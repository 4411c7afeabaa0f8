"""How far a value may be believed, and why not further."""

from __future__ import annotations

from enum import IntEnum, unique


class Quality(IntEnum):
    """The three severities of OPC UA Part 8 (IEC 62541-8), worst last."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2


@unique
class Reason(IntEnum):
    """Why a value is not good; at most one, the first found."""

    NONE = 0
    """Nothing is wrong."""
    NEVER_READ = 1
    """No value has arrived since the start."""
    LINK_DOWN = 2
    """The connection is lost."""
    DEVICE_FAILURE = 3
    """The source reports a failure of the device."""
    SENSOR_FAILURE = 4
    """The source reports a failure of the sensor."""
    OUT_OF_SERVICE = 5
    """The source has been taken out of service."""
    BAD_STATUS = 6
    """The source reports a bad status without saying more."""
    NOT_FINITE = 7
    """The value is not a finite number."""
    OUT_OF_RANGE = 8
    """The value lies outside the declared range."""
    STALE = 9
    """The value is older than the policy allows."""
    LAST_USABLE = 10
    """The source repeats an old value."""
    SUBNORMAL = 11
    """The source derives the value from fewer inputs than it should."""
    LIMITED = 12
    """The source cannot follow the process any further."""
    UNCERTAIN_STATUS = 13
    """The source reports an uncertain status without saying more."""
    REFUSED = 14
    """The device refused to give the value."""
    WRONG_TYPE = 15
    """The source gives another type or length than declared."""
    NO_EVIDENCE = 16
    """A virtual tag could not be inferred."""
    FALLBACK = 17
    """A virtual tag rests on part of its evidence."""
    UNFIT = 18
    """A virtual tag was inferred from evidence unlike anything its model was made with."""
    FUTURE = 19
    """The source says that it took the value in the future; its clock cannot be believed."""
