"""What a policy says of when the value of a tag is believed, and of what stands in for it when it is not."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from policies.words import Declared, Duration, Name, Number

Numbers = Annotated[tuple[int, ...], Field(min_length=1)]
"""Numbers a device shows for one state."""


class Ne43(Declared):
    """The value comes from a channel of 4 to 20 mA, whose current also tells a failed transmitter (NAMUR NE 43).

    Up to 3.6 mA and from 21 mA on the transmitter has failed; from 3.8 mA to 20.5 mA it measures; between, it has
    reached its limit. An end of the range that is the value at 4 mA or 20 mA reaches as far as it measures.
    """

    raw_4ma: Number = 4.0
    """What the device shows at 4 mA, raw, before `scale` and `offset`, unit of the device; 4 where it shows mA."""
    raw_20ma: Number = 20.0
    """What the device shows at 20 mA, raw, unit of the device; 20 where it shows mA."""


class Ne107(Declared):
    """Another tag shows how well the device is (NAMUR NE 107).

    The numbers are those of DeviceHealthEnumeration (OPC 10000-100, 4.5.4) unless the device has others. A failure
    makes the value bad, a function check or work outside the specification makes it uncertain, and so does a number
    that is none of these; a device that needs maintenance gives good values, and the record says so.
    """

    tag: Name
    """Tag that shows the state of the device."""
    normal: Numbers = (0,)
    """Numbers of a device that is well [1]."""
    failure: Numbers = (1,)
    """Numbers of one that has failed [1]."""
    check_function: Numbers = (2,)
    """Numbers of one that is worked on [1]."""
    off_spec: Numbers = (3,)
    """Numbers of one that works outside its specification [1]."""
    maintenance_required: Numbers = (4,)
    """Numbers of one that needs maintenance soon [1]."""


class Frozen(Declared):
    """A value that has not moved for some time is no evidence, though its device runs."""

    after_s: Duration = Field(alias="after")
    """Longest time without a movement, counted while the PLC of the connection runs [s]."""
    movement: Annotated[Number, Field(ge=0)] = 0.0
    """Largest change that is none, in the unit of the tag."""
    also: tuple[Name, ...] = ()
    """Tags of the same connection that are no evidence either meanwhile, though they may stand still for longer."""


class Hold(Declared):
    """The last good value stands in, for some time."""

    by: Literal["hold"]
    """What stands in."""
    for_s: Duration = Field(alias="for")
    """Longest time it may [s]."""


class LastGood(Declared):
    """The last good value stands in, as long as need be."""

    by: Literal["last_good"]
    """What stands in."""


class SoftValue(Declared):
    """The value of another tag stands in: a soft sensor, or another instrument."""

    by: Literal["tag"]
    """What stands in."""
    tag: Name
    """The other tag, in the same unit."""
    for_s: Duration | None = Field(default=None, alias="for")
    """Longest time it may [s]; as long as need be where absent."""


class Constant(Declared):
    """A number stands in."""

    by: Literal["constant"]
    """What stands in."""
    value: Number
    """The number, in the unit of the tag."""
    for_s: Duration | None = Field(default=None, alias="for")
    """Longest time it may [s]; as long as need be where absent."""


Substitute = Annotated[Hold | LastGood | SoftValue | Constant, Field(discriminator="by")]
"""What stands in for a bad value; it is uncertain, and holds its true age."""
