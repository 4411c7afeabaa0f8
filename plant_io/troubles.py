"""What goes wrong between a controller and a plant, by name: what it is, and what to do about it.

The page ``docs/troubleshooting.md`` shows this table, and a test keeps both equal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that goes wrong."""

    what: str
    """What it is, as one sentence."""
    remedy: str
    """What to do about it."""


TROUBLES: Mapping[str, Trouble] = MappingProxyType(
    {
        "refused": Trouble(
            "Nothing listens at the address.",
            "Start the server of the PLC, and compare host and port of the connection with it.",
        ),
        "unknown_host": Trouble(
            "The name of the host is not known.", "Write the IP address, or have the name entered in DNS."
        ),
        "no_answer": Trouble(
            "Nothing answers at the address.",
            "Check cable, IP address and subnet, and whether a firewall drops the port without a word.",
        ),
        "hung_up": Trouble(
            "The device takes the connection and closes it.",
            "Many devices take one to four clients: close the others. Look for an access list in the device.",
        ),
        "silent": Trouble(
            "The device takes the connection and then says nothing.",
            "Check that the port is the one of this protocol; for Modbus also unit_id, and framing: tcp or rtu.",
        ),
        "slow": Trouble(
            "The device answers more slowly than the policy waits.",
            "Join blocks by a higher max_gap, read fewer tags, or raise timeout and period.",
        ),
        "namespace": Trouble(
            "The server does not have the namespace.", "Write one of the namespaces the server has, as it spells it."
        ),
        "node_missing": Trouble(
            "The server does not know a node.",
            "Take the nearest identifier if it is meant; `steadyline browse ENDPOINT` lists all of them.",
        ),
        "wrong_type": Trouble(
            "The server holds a value in another type.",
            "Write the server's type: Boolean is bool, Int16 int16, UInt32 uint32, Float float32, Double float64.",
        ),
        "length": Trouble(
            "The device gives another number of values than declared.",
            "Write the length the device gives; a list is not a single value of length 1.",
        ),
        "sessions": Trouble(
            "The server has no session left.",
            "Close other clients and wait for lost sessions to end; keep session_timeout short, or raise the limit.",
        ),
        "certificate_uri": Trouble(
            "A certificate is for another application.",
            "The application URI in a certificate must be the one its owner uses: "
            "`steadyline cert create --renew`, or have the server's made anew.",
        ),
        "certificate_untrusted": Trouble(
            "A certificate is not trusted.",
            "Compare the thumbprint on both sides, then trust it: ours on the server, the server's by "
            "`steadyline cert trust`.",
        ),
        "certificate_expired": Trouble(
            "A certificate has ended or has not begun.",
            "Compare the clocks of both sides, then renew it: `steadyline cert create --renew`, or on the server.",
        ),
        "own_certificate": Trouble(
            "Our own certificate or a key cannot be used.",
            "Make one with `steadyline cert create`, and let nobody else read its key.",
        ),
        "security": Trouble(
            "The server does not offer the security asked for.",
            "Write one of the policies and modes the server offers, or switch this one on there.",
        ),
        "user": Trouble(
            "The server does not let the user in.",
            "Check name and password; wait before the next attempt, for servers lock accounts.",
        ),
        "not_readable": Trouble(
            "The server does not let this user read a node.", "Give the user the right to read it, on the server."
        ),
        "read_only": Trouble(
            "A tag is declared writable, and the server does not let this user write it.",
            "Give the user the right to write it, on the server, or take access: write from the tag.",
        ),
        "illegal_function": Trouble(
            "The device does not know the function.",
            "Read the value from the table its manual names: input instead of holding, or the other way round.",
        ),
        "illegal_address": Trouble(
            "The device does not have the address.",
            "Manuals often count from one and put the table first: 40001 is holding:0, 30011 is input:10.",
        ),
        "hole": Trouble(
            "A block reaches over addresses the device refuses.",
            "It is split by itself at each connect; forbidden, or a smaller max_gap, spares the device the attempt.",
        ),
        "too_long": Trouble(
            "The device gives fewer addresses at once than it was asked for.",
            "It is asked for less by itself at each connect; max_read spares it the attempt.",
        ),
        "unit_id": Trouble(
            "The gateway does not reach a device with this unit identifier.",
            "Compare unit_id with the device's own setting, and look at its serial line and its power.",
        ),
        "busy": Trouble("The device is busy.", "Lengthen the period, and look for other clients that ask too often."),
        "device_failure": Trouble(
            "The device reports a failure of its own.",
            "Look at the device's own diagnosis; some gateways say this of an unknown unit_id.",
        ),
        "wrong_device": Trouble(
            "The device is perhaps not the one that is meant.",
            "Compare the text it shows with expect; if the device was exchanged, the policy changes with it.",
        ),
        "word_order": Trouble(
            "The bytes of a value come in another order.",
            "Write the byte_order that gives a value in range, on the connection if all its tags agree.",
        ),
        "scale": Trouble(
            "A value is too large or too small by a power of ten.",
            "Write the scale by which the device counts; integers often stand for tenths or hundredths.",
        ),
        "out_of_range": Trouble(
            "A value lies outside its range.", "Check address, type, scale and unit; then whether the range is right."
        ),
        "not_finite": Trouble(
            "A value is not a finite number.",
            "Check type and byte_order; many devices show a failed sensor by a value that is no number.",
        ),
        "stale": Trouble(
            "The time the source gives for a value is old.",
            "See that the analyser is running; raise stale_after if it measures more seldom.",
        ),
        "clock": Trouble(
            "The clock of the server and ours differ.",
            "Set both by the same time server (NTP); until then, let ages count with age_from: arrival.",
        ),
        "frozen": Trouble(
            "The scan counter of the PLC stands still.",
            "See that the program of the PLC is running, and that the counter is written in each scan.",
        ),
        "not_remote": Trouble(
            "The PLC does not take remote setpoints now.",
            "If it is starting, wait; else have the operator permit remote operation. It then waits for the arm word.",
        ),
        "unit": Trouble(
            "The server gives another unit than the policy.",
            "Write the server's unit and convert with scale and offset, or correct the unit on the server.",
        ),
        "range": Trouble(
            "The server gives another range than the policy.", "Take over the server's range, or correct it there."
        ),
        "transmitter": Trouble(
            "The current of a channel tells that its transmitter has failed, or has reached its limit.",
            "Look at transmitter and wiring; if both are well, compare raw_4ma and raw_20ma with the input card.",
        ),
        "health": Trouble(
            "The device says of itself that it needs attention.",
            "Look at the device's own diagnosis; if it is well, write the numbers it shows under ne107.",
        ),
        "reported": Trouble(
            "The device itself says that a value is not good.",
            "Look at the instrument: the device reports a failed sensor, a value held, or maintenance.",
        ),
        "other": Trouble(
            "The connection fails in another way.", "See what the device's own log says of this connection."
        ),
    }
)
"""Everything that has a name here."""

_NAMED: tuple[tuple[str, str], ...] = (
    (r"has no namespace", "namespace"),
    (r"no session left|BadTooManySessions|BadMaxConnectionsReached", "sessions"),
    (r"BadCertificateUri|for another application|but its certificate is for", "certificate_uri"),
    (r"out of date|certificate.* ended on|not valid yet|BadCertificateTime", "certificate_expired"),
    (r"not trusted|not trust our|not accept our|BadCertificateUntrusted|BadSecurityChecks", "certificate_untrusted"),
    (r"no such file|others may read it|our certificate", "own_certificate"),
    (r"offers no|not offer security|BadSecurityPolicyRejected|BadSecurityModeRejected", "security"),
    (r"refuses the user|no anonymous users|BadIdentityToken", "user"),
    (r"may be the wrong device", "wrong_device"),
    (r"BadNodeIdUnknown|BadNodeIdInvalid", "node_missing"),
    (r"BadNotReadable|BadUserAccessDenied|BadSecurityModeInsufficient", "not_readable"),
    (r"the server holds \w+, the policy says", "wrong_type"),
    (r"does not hold \d+ values|an answer of the wrong length", "length"),
    (r"gives its unit as", "unit"),
    (r"gives its range as", "range"),
    (r"exception 1,", "illegal_function"),
    (r"exception [237],", "illegal_address"),
    (r"exception [48],", "device_failure"),
    (r"exception [56],", "busy"),
    (r"exception 1[01],", "unit_id"),
    (r"refuses addresses nobody asked for", "hole"),
    (r"refuses more than \d+ addresses", "too_long"),
)


def recognised(said: str) -> str | None:
    """Return which trouble a driver speaks of, or None.

    Examples
    --------
    >>> recognised("A: the server holds Double, the policy says float32")
    'wrong_type'
    """
    return next((name for pattern, name in _NAMED if re.search(pattern, said)), None)
