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
    """What is to be said against a value, or of its source; at most one, the first found.

    A value that is good has none, but for `MAINTENANCE_REQUIRED`, which asks for a visit and takes nothing from the
    value. Numbers stand in records, so none is ever given another meaning.
    """

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
    """The value lies outside its range, by the policy or by the source; beyond what it can mean it is bad."""
    STALE = 9
    """The value is older than the policy allows."""
    LAST_USABLE = 10
    """The source repeats an old value."""
    SUBNORMAL = 11
    """The source derives the value from fewer inputs than it should."""
    LIMIT_LOW = 12
    """The source stands at its low limit; the process may be below."""
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
    LIMIT_HIGH = 20
    """The source stands at its high limit; the process may be above."""
    CONSTANT = 21
    """The source cannot move the value at all."""
    NOT_ACCURATE = 22
    """The source says that it is out of calibration, or being calibrated."""
    OVERRIDDEN = 23
    """The value is not measured: put in by hand, or simulated."""
    SUBSTITUTED = 24
    """The value stands in for a bad one."""
    FROZEN = 25
    """The value has not moved for longer than the policy believes, while its device runs."""
    CHECK_FUNCTION = 26
    """Work is being done on the device; its value may not be that of the process (NAMUR NE 107)."""
    OFF_SPEC = 27
    """The device works outside its specification (NAMUR NE 107)."""
    MAINTENANCE_REQUIRED = 28
    """The device needs maintenance soon; its value is good (NAMUR NE 107)."""
    HEALTH_UNKNOWN = 29
    """The device does not say, in a word the policy knows, how well it is."""
    MISCONFIGURED = 30
    """The source is not set up so that the value could be right."""
    UNIT_CHANGED = 31
    """The source has changed the unit or range of the value since it was compared with the policy."""
    BUSY = 32
    """The device is busy with something else, and gave no value."""
    NOT_COHERENT = 33
    """The value was read together with others, and they do not come from one scan of their device."""
