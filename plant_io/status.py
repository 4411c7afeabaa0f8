"""What an OPC UA status code says of a value."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from plant_io.quality import Quality, Reason

# Numbers from OPC 10000-6, annex A.2; meanings from OPC 10000-4, 7.39, and OPC 10000-8, 6.3.
_REASON: Mapping[int, Reason] = MappingProxyType(
    {
        0x8005_0000: Reason.LINK_DOWN,  # BadCommunicationError
        0x800A_0000: Reason.LINK_DOWN,  # BadTimeout
        0x800D_0000: Reason.LINK_DOWN,  # BadServerNotConnected
        0x8031_0000: Reason.LINK_DOWN,  # BadNoCommunication
        0x808A_0000: Reason.LINK_DOWN,  # BadNotConnected
        0x8032_0000: Reason.NEVER_READ,  # BadWaitingForInitialData
        0x808B_0000: Reason.DEVICE_FAILURE,  # BadDeviceFailure
        0x808C_0000: Reason.SENSOR_FAILURE,  # BadSensorFailure
        0x800C_0000: Reason.OUT_OF_SERVICE,  # BadShutdown
        0x800E_0000: Reason.OUT_OF_SERVICE,  # BadServerHalted
        0x808D_0000: Reason.OUT_OF_SERVICE,  # BadOutOfService
        0x8089_0000: Reason.MISCONFIGURED,  # BadConfigurationError
        0x8038_0000: Reason.WRONG_TYPE,  # BadDataEncodingInvalid
        0x8074_0000: Reason.WRONG_TYPE,  # BadTypeMismatch
        0x801F_0000: Reason.REFUSED,  # BadUserAccessDenied
        0x8033_0000: Reason.REFUSED,  # BadNodeIdInvalid
        0x8034_0000: Reason.REFUSED,  # BadNodeIdUnknown
        0x8035_0000: Reason.REFUSED,  # BadAttributeIdInvalid
        0x803A_0000: Reason.REFUSED,  # BadNotReadable
        0x80E6_0000: Reason.REFUSED,  # BadSecurityModeInsufficient
        0x408F_0000: Reason.LAST_USABLE,  # UncertainNoCommunicationLastUsableValue
        0x4090_0000: Reason.LAST_USABLE,  # UncertainLastUsableValue
        0x4091_0000: Reason.SUBSTITUTED,  # UncertainSubstituteValue
        0x4092_0000: Reason.NEVER_READ,  # UncertainInitialValue
        0x4094_0000: Reason.OUT_OF_RANGE,  # UncertainEngineeringUnitsExceeded
        0x4095_0000: Reason.SUBNORMAL,  # UncertainSubNormal
        0x40A4_0000: Reason.SUBNORMAL,  # UncertainDataSubNormal
        0x40F2_0000: Reason.LIMIT_HIGH,  # UncertainOverRange
        0x40F3_0000: Reason.LIMIT_LOW,  # UncertainUnderRange
        0x4208_0000: Reason.OVERRIDDEN,  # UncertainTransducerInManual
        0x4209_0000: Reason.OVERRIDDEN,  # UncertainSimulatedValue
        0x420A_0000: Reason.NOT_ACCURATE,  # UncertainSensorCalibration
        0x420F_0000: Reason.MISCONFIGURED,  # UncertainConfigurationError
    }
)
_GOOD = (Quality.GOOD, Reason.NONE)
_CODE = 0xFFFF_0000
_LOCAL_OVERRIDE = 0x0096_0000
_SENSOR_NOT_ACCURATE = 0x4093_0000
_SEMANTICS_CHANGED = 0x0000_4000
_DATA_VALUE = 0x0000_0400  # info type: the low bits speak of a value
_LIMITS = (Reason.NONE, Reason.LIMIT_LOW, Reason.LIMIT_HIGH, Reason.CONSTANT)  # limit bits 00, 01, 10, 11


def judged(code: int) -> tuple[Quality, Reason]:
    """Return how far a value with this status code may be believed, and why not further.

    A good value is uncertain where its source stands at a limit (the process may be beyond), where a person has put it
    in by hand, and where its unit or range was changed: for each the source answers well, and not about the process.

    Parameters
    ----------
    code
        Status code as it travels, 32 bits.

    Examples
    --------
    >>> judged(0x808C0000)
    (<Quality.BAD: 2>, <Reason.SENSOR_FAILURE: 4>)
    """
    if code == 0:  # what nearly every value has
        return _GOOD
    severity, known = code >> 30, _REASON.get(code & _CODE)
    limit = _LIMITS[(code >> 8) & 3] if code & _DATA_VALUE else Reason.NONE
    if severity == 0:
        reason = _against_good(code) or limit
        return (Quality.UNCERTAIN, reason) if reason else _GOOD
    if severity > 1:
        return Quality.BAD, known or Reason.BAD_STATUS
    if code & _CODE == _SENSOR_NOT_ACCURATE:
        # OPC 10000-8 v1.04, 6.3.2: at a limit of the sensor if a limit bit is set, else out of calibration.
        return Quality.UNCERTAIN, limit or Reason.NOT_ACCURATE
    return Quality.UNCERTAIN, known or limit or Reason.UNCERTAIN_STATUS


def _against_good(code: int) -> Reason:
    if code & _CODE == _LOCAL_OVERRIDE:
        return Reason.OVERRIDDEN
    return Reason.UNIT_CHANGED if code & _SEMANTICS_CHANGED else Reason.NONE
