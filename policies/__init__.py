"""What is declared: tags, soft sensors, loops, watches and limits, read from approved files."""

from policies.errors import PolicyError, Problem
from policies.files import examined, load, parse, rebind, schema, shipped
from policies.hybrid import Hybrid
from policies.loops import (
    Controlled,
    Disturbed,
    IpoptSettings,
    Late,
    Loop,
    Measured,
    Moved,
    Mpc,
    Ranked,
    Rested,
    SqpSettings,
    TransferFunction,
)
from policies.model import Lockstep, PlantTime, Policy
from policies.monitors import Monitor, When
from policies.normal import Reference
from policies.peaks import Peaks
from policies.reconciled import Reconciled, Testimony
from policies.soft import FusedNir, RefillBalance, SoftSensor
from policies.tablets import LabelClaim, MovingBlock
from policies.tags import Access, CertificateUser, Connection, Handshake, Modbus, OpcUa, PasswordUser, PlugIn, Tag
from policies.told import Lane, Priority, Route
from policies.transfer import Response
from policies.watches import Action, Channel, Ewma, Learner, Trend, Watch

__all__ = [
    "Access",
    "Action",
    "CertificateUser",
    "Channel",
    "Connection",
    "Controlled",
    "Disturbed",
    "Ewma",
    "FusedNir",
    "Handshake",
    "Hybrid",
    "IpoptSettings",
    "LabelClaim",
    "Lane",
    "Late",
    "Learner",
    "Lockstep",
    "Loop",
    "Measured",
    "Modbus",
    "Monitor",
    "Moved",
    "MovingBlock",
    "Mpc",
    "OpcUa",
    "PasswordUser",
    "Peaks",
    "PlantTime",
    "PlugIn",
    "Policy",
    "PolicyError",
    "Priority",
    "Problem",
    "Ranked",
    "Reconciled",
    "Reference",
    "RefillBalance",
    "Response",
    "Rested",
    "Route",
    "SoftSensor",
    "SqpSettings",
    "Tag",
    "Testimony",
    "TransferFunction",
    "Trend",
    "Watch",
    "When",
    "examined",
    "load",
    "parse",
    "rebind",
    "schema",
    "shipped",
]
