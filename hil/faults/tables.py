"""Faults of instruments, PLCs, links, protocols and controller, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from types import MappingProxyType

from hil.plants.kinds import Kind

TAG, STAMPED, SETPOINT, PLC, LINK, OPCUA, REPORTING, MODBUS, REGISTER, LOOP, SELF = (
    "tag", "stamped tag", "setpoint", "plc", "link", "opcua", "connection with reported tags", "modbus", "register",
    "loop", "controller",
)  # fmt: skip
"""Kinds of targets: any tag, one with source times, a setpoint, a PLC and a link by connection, and so on.

A connection has reported tags where the policy says ``scan: subscribe`` of one.
"""

CONTROLLER = "controller"
"""The target that means the controller as a whole."""

_ANY = (-inf, inf)
_RANGE = "unit of the tag"
_SHARE = (0.0, 1.0)
_LONG = (0.0, 86400.0)

SENSORS: Mapping[str, Kind] = MappingProxyType(
    {
        "stuck": Kind(TAG, "the reading stands still", 1.0, 0.0, _SHARE, "how stuck, 1 fully [1]", family="F52"),
        "drift": Kind(TAG, "the reading drifts away", 0.1, 0.0, (-10.0, 10.0), f"{_RANGE} per hour", of_range=True),
        "bias": Kind(TAG, "the reading is off by a constant", 0.05, 0.0, (-2.0, 2.0), _RANGE, of_range=True),
        "gain": Kind(TAG, "the reading is off by a factor", 1.05, 1.0, (0.0, 10.0), "times the true value [1]"),
        "spike": Kind(TAG, "one reading in twenty is far off", 0.5, 0.0, (-2.0, 2.0), _RANGE, of_range=True),
        "noise": Kind(TAG, "the reading is restless", 5.0, 1.0, (0.0, 100.0), "times the deviation from its mean [1]"),
        "sampling": Kind(TAG, "the probe does not see the bulk", 0.02, 0.0, (0.0, 1.0), f"{_RANGE}, sd", of_range=True),
        "dropout": Kind(TAG, "readings are lost", 1.0, 0.0, _SHARE, "share of readings lost [1]", family="F52"),
        "saturated": Kind(TAG, "the reading goes no higher", 0.5, inf, (-2.0, 3.0), _RANGE, of_range=True),
        "nan": Kind(TAG, "the reading is no number", 1.0, 0.0, _SHARE, "whether [1]"),
        "inf": Kind(TAG, "the reading is infinite", 1.0, 0.0, (-1.0, 1.0), "sign [1]"),
        "swapped": Kind(TAG, "another instrument is wired here", 1.0, 0.0, _SHARE, "share of the other one [1]"),
        "lag": Kind(TAG, "the reading follows slowly", 30.0, 0.0, _LONG, "time constant [s]"),
        "quantised": Kind(TAG, "the reading moves in steps", 0.05, 0.0, (0.0, 1.0), _RANGE, of_range=True),
        "fouled": Kind(TAG, "the probe sees a deposit", 0.3, 0.0, _SHARE, "share of the reading at onset [1]"),
        "late": Kind(TAG, "results come late", 600.0, 0.0, _LONG, "delay beyond the usual [s]"),
        "ne107_failure": Kind(STAMPED, "NE 107 failure: no use can be made of it", 1.0, 0.0, _SHARE, "whether [1]"),
        "ne107_check": Kind(STAMPED, "NE 107 function check: somebody works on it", 1.0, 0.0, _SHARE, "whether [1]"),
        "ne107_out_of_spec": Kind(STAMPED, "NE 107 out of specification", 1.0, 0.0, _SHARE, "whether [1]"),
        "ne107_maintenance": Kind(STAMPED, "NE 107 maintenance required: still right", 1.0, 0.0, _SHARE, "whether [1]"),
        "flicker": Kind(STAMPED, "good, uncertain, bad take turns", 5.0, 0.0, _LONG, "time of each [s]", family="F70"),
    }
)
"""Faults of instruments: what a PLC shows of any tag; loops within the PLC are not deceived."""

STAMPS: Mapping[str, Kind] = MappingProxyType(
    {
        "time_frozen": Kind(STAMPED, "the source time stands", 1.0, 0.0, _SHARE, "whether [1]", family="F70"),
        "time_ahead": Kind(STAMPED, "the source time is ahead", 60.0, 0.0, _LONG, "by how much [s]", family="F70"),
        "time_behind": Kind(STAMPED, "the source time is behind", 60.0, 0.0, _LONG, "by how much [s]", family="F70"),
    }
)
"""Faults of the times at which values were taken; only OPC UA tells them."""

PLCS: Mapping[str, Kind] = MappingProxyType(
    {
        "sp_ignored": Kind(SETPOINT, "writes are taken and ignored", 1.0, 0.0, _SHARE, "whether [1]", family="F71"),
        "sp_clamped": Kind(
            SETPOINT, "the setpoint goes no further", 0.01, inf, (0.0, 1.0), _RANGE, of_range=True, family="F71"
        ),
        "sp_slow": Kind(
            SETPOINT, "the setpoint follows slowly", 0.1, 1.0, (0.0, 1.0), "times the PLC's own rate [1]", family="F71"
        ),
        "sp_sticky": Kind(SETPOINT, "the actuator sticks", 0.02, 0.0, (0.0, 1.0), _RANGE, of_range=True),
        "plc_local": Kind(PLC, "people take the PLC local", 1.0, 0.0, _SHARE, "whether [1]", family="F71"),
        "plc_watchdog": Kind(PLC, "the watchdog trips", 1.0, 0.0, _SHARE, "whether [1]", family="F71"),
        "plc_overrun": Kind(PLC, "a scan takes too long, again and again", 3.0, 0.0, (0.0, 3600.0), "length [s]"),
        "plc_frozen": Kind(PLC, "the input image is frozen, the heartbeat alive", 1.0, 0.0, _SHARE, "whether [1]"),
        "plc_echo": Kind(PLC, "the echo of the heartbeat is stuck", 1.0, 0.0, _SHARE, "whether [1]"),
        "plc_clock": Kind(
            OPCUA, "the clock of the PLC is off", 30.0, 0.0, (-86400.0, 86400.0), "ahead by [s]", family="F70"
        ),
        "plc_cold": Kind(PLC, "the PLC restarts cold", 1.0, 0.0, _SHARE, "whether [1]"),
        "rival": Kind(PLC, "a second controller writes to the PLC", 1.0, 0.0, _SHARE, "whether [1]"),
        "plc_warm": Kind(PLC, "the PLC restarts warm", 1.0, 0.0, _SHARE, "whether [1]"),
    }
)
"""Faults of PLCs and of the actuators behind them."""

LINKS: Mapping[str, Kind] = MappingProxyType(
    {
        "link_reset": Kind(LINK, "connections are reset", 1.0, 0.0, _SHARE, "whether [1]", family="F70"),
        "link_refuse": Kind(LINK, "reset, and nobody can connect", 1.0, 0.0, _SHARE, "whether [1]", family="F70"),
        "link_silent": Kind(LINK, "reset, and whoever connects is never answered", 1.0, 0.0, _SHARE, "whether [1]"),
        "link_stall": Kind(LINK, "everything is held back", 1.0, 0.0, _SHARE, "whether [1]"),
        "link_stall_up": Kind(LINK, "what goes to the PLC is held back", 1.0, 0.0, _SHARE, "whether [1]"),
        "link_stall_down": Kind(LINK, "what comes from the PLC is held back", 1.0, 0.0, _SHARE, "whether [1]"),
        "link_drop": Kind(LINK, "packets are lost both ways, half-open", 1.0, 0.0, _SHARE, "whether [1]", family="F70"),
        "link_slow": Kind(LINK, "everything comes late", 0.4, 0.0, (0.0, 60.0), "mean delay [s]", family="F70"),
        "link_narrow": Kind(
            LINK, "little goes through at a time", 0.2, 0.0, (0.0, 60.0), "time of each half frame [s]"
        ),
        "link_cut": Kind(LINK, "frames come in part", 1.0, 0.0, _SHARE, "whether [1]"),
        "link_flap": Kind(LINK, "the port comes and goes", 10.0, 0.0, (1.0, 600.0), "time of each [s]"),
    }
)
"""Faults of links, by connection."""

OPCUA_FAULTS: Mapping[str, Kind] = MappingProxyType(
    {
        "ua_busy": Kind(OPCUA, "BadTooManyOperations", 1.0, 0.0, _SHARE, "share of requests refused [1]"),
        "ua_shutdown": Kind(OPCUA, "ServerState is Shutdown", 1.0, 0.0, _SHARE, "whether [1]"),
        "ua_forgets": Kind(OPCUA, "subscriptions are deleted", 1.0, 0.0, _SHARE, "whether [1]"),
        "ua_full": Kind(
            OPCUA, "no session is left for whoever connects: BadTooManySessions", 1.0, 0.0, _SHARE, "whether [1]"
        ),
        "ua_expired": Kind(
            OPCUA,
            "certificate expired: whoever connects meets BadCertificateTimeInvalid",
            1.0,
            0.0,
            _SHARE,
            "whether [1]",
        ),
        "ua_untrusted": Kind(
            OPCUA,
            "certificate not trusted: whoever connects meets BadCertificateUntrusted",
            1.0,
            0.0,
            _SHARE,
            "whether [1]",
        ),
        "ua_uri": Kind(
            OPCUA,
            "certificate of another: whoever connects meets BadCertificateUriInvalid",
            1.0,
            0.0,
            _SHARE,
            "whether [1]",
        ),
        "ua_password": Kind(
            OPCUA, "password changed: whoever connects meets BadIdentityTokenRejected", 1.0, 0.0, _SHARE, "whether [1]"
        ),
        "ua_swap": Kind(
            OPCUA,
            "another server stands in its place, the index of the namespace is another",
            1.0,
            0.0,
            _SHARE,
            "whether [1]",
        ),
        "ua_gap": Kind(
            REPORTING, "reports get lost, sequence numbers have gaps", 0.2, 0.0, _SHARE, "share of reports [1]"
        ),
        "ua_overflow": Kind(
            REPORTING, "queues overflow: older values are lost, the newest says so", 1.0, 0.0, _SHARE, "whether [1]"
        ),
        "ua_novalue": Kind(STAMPED, "a status without a value", 1.0, 0.0, _SHARE, "whether [1]"),
        "ua_deleted": Kind(STAMPED, "the node is gone", 1.0, 0.0, _SHARE, "whether [1]"),
        "ua_retyped": Kind(STAMPED, "the node has another type", 1.0, 0.0, _SHARE, "whether [1]", family="F70"),
    }
)
"""Faults of OPC UA servers."""

MODBUS_FAULTS: Mapping[str, Kind] = MappingProxyType(
    {
        "mb_exception": Kind(MODBUS, "every request meets an exception", 6.0, 0.0, (1.0, 11.0), "its code [1]"),
        "mb_twice": Kind(MODBUS, "answers come twice", 1.0, 0.0, _SHARE, "share of answers [1]"),
        "mb_foreign": Kind(MODBUS, "answers carry another transaction", 1.0, 0.0, _SHARE, "share of answers [1]"),
        "mb_unit": Kind(MODBUS, "answers come from another unit", 1.0, 0.0, _SHARE, "share of answers [1]"),
        "mb_short": Kind(MODBUS, "answers are cut short", 1.0, 0.0, _SHARE, "share of answers [1]"),
        "mb_order": Kind(REGISTER, "registers come in another order", 1.0, 0.0, _SHARE, "whether [1]", family="F70"),
        "mb_hole": Kind(REGISTER, "the address is not there", 1.0, 0.0, _SHARE, "whether [1]"),
        "mb_torn": Kind(REGISTER, "half of a value is of the scan before", 1.0, 0.0, _SHARE, "share of reads [1]"),
    }
)
"""Faults of Modbus devices."""

CONTROL: Mapping[str, Kind] = MappingProxyType(
    {
        "solver_hang": Kind(LOOP, "the solver never answers", 1.0, 0.0, _SHARE, "whether [1]"),
        "solver_slow": Kind(LOOP, "the solver answers late", 1.5, 0.0, (0.0, 3600.0), "time to a solution [s]"),
        "record_lost": Kind(SELF, "the disk is full: nothing can be recorded", 1.0, 0.0, _SHARE, "whether [1]"),
        "record_error": Kind(SELF, "the disk fails: nothing can be recorded", 1.0, 0.0, _SHARE, "whether [1]"),
        "record_read_only": Kind(
            SELF, "the disk takes nothing more, as it does when it is worn", 1.0, 0.0, _SHARE, "whether [1]"
        ),
        "crash": Kind(SELF, "the controller dies, and is started again at the end", 1.0, 0.0, _SHARE, "whether [1]"),
        "reload": Kind(
            SELF, "loops are handed back, the policy is loaded anew at the end", 1.0, 0.0, _SHARE, "whether [1]"
        ),
    }
)
"""Faults of the controller itself."""

SOLVERS = ("solver_hang", "solver_slow")
"""Faults of the solvers."""

BREAKS = ("link_reset", "link_refuse", "link_flap")
"""Faults of links that break connections; the others are noticed by waiting alone."""

ENDINGS = ("crash", "reload")
"""Faults with which a life of the controller ends."""

BESIDE: Mapping[str, Kind] = MappingProxyType(
    {**SENSORS, **STAMPS, **PLCS, **LINKS, **OPCUA_FAULTS, **MODBUS_FAULTS, **CONTROL}
)
"""All faults beside those of the plant, by name."""
