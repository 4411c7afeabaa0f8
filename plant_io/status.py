"""What an OPC UA status code says of a value."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from plant_io.quality import Quality, Reason

# Numbers from OPC 10000-6, annex A.2; meanings from OPC 10000-4, 7.39, and OPC 10000-8, 6.3.
_REASON: Mapping[int, Reason] = MappingProxyType(
    {
        0x8005_0000: Reason.LINK_DOWN,  # BadCommunicationError
        0x8031_0000: Reason.LINK_DOWN,  # BadNoCommunication
        0x808A_0000: Reason.LINK_DOWN,  # BadNotConnected
        0x8032_0000: Reason.NEVER_READ,  # BadWaitingForInitialData
        0x808B_0000: Reason.DEVICE_FAILURE,  # BadDeviceFailure
        0x808C_0000: Reason.SENSOR_FAILURE,  # BadSensorFailure
        0x808D_0000: Reason.OUT_OF_SERVICE,  # BadOutOfService
        0x801F_0000: Reason.REFUSED,  # BadUserAccessDenied
        0x8033_0000: Reason.REFUSED,  # BadNodeIdInvalid
        0x8034_0000: Reason.REFUSED,  # BadNodeIdUnknown
        0x8035_0000: Reason.REFUSED,  # BadAttributeIdInvalid
        0x803A_0000: Reason.REFUSED,  # BadNotReadable
        0x80E6_0000: Reason.REFUSED,  # BadSecurityModeInsufficient
        0x408F_0000: Reason.LAST_USABLE,  # UncertainNoCommunicationLastUsableValue
        0x4090_0000: Reason.LAST_USABLE,  # UncertainLastUsableValue
        0x4093_0000: Reason.LIMITED,  # UncertainSensorNotAccurate
        0x4094_0000: Reason.LIMITED,  # UncertainEngineeringUnitsExceeded
        0x4095_0000: Reason.SUBNORMAL,  # UncertainSubNormal
    }
)
_CODE = 0xFFFF_0000
_DATA_VALUE = 0x0000_0400  # info type: the low bits speak of a value
_LIMIT = 0x0000_0300  # limit bits: low, high or constant


def judged(code: int) -> tuple[Quality, Reason]:
    """Return how far a value with this status code may be believed, and why not further.

    A good value that stands at a limit of its source is uncertain: the process may be beyond.

    Parameters
    ----------
    code
        Status code as it travels, 32 bits.

    Examples
    --------
    >>> judged(0x808C0000)
    (<Quality.BAD: 2>, <Reason.SENSOR_FAILURE: 4>)
    """
    severity = code >> 30
    if severity == 0:
        limited = code & _DATA_VALUE and code & _LIMIT
        return (Quality.UNCERTAIN, Reason.LIMITED) if limited else (Quality.GOOD, Reason.NONE)
    known = _REASON.get(code & _CODE)
    if severity == 1:
        return Quality.UNCERTAIN, known or Reason.UNCERTAIN_STATUS
    return Quality.BAD, known or Reason.BAD_STATUS
