"""What is declared: tags, soft sensors, loops, watches and limits, read from approved files."""

from policies.errors import PolicyError, Problem
from policies.files import load, parse, rebind, schema, shipped
from policies.loops import Controlled, IpoptSettings, Late, Loop, Measured, Moved, Mpc, SqpSettings
from policies.model import Lockstep, Policy
from policies.soft import FusedNir, SoftSensor
from policies.tags import Access, CertificateUser, Connection, Handshake, Modbus, OpcUa, PasswordUser, PlugIn, Tag
from policies.watches import Action, Channel, Ewma, Lane, Learner, Priority, Reference, Route, Trend, Watch

__all__ = [
    "Access",
    "Action",
    "CertificateUser",
    "Channel",
    "Connection",
    "Controlled",
    "Ewma",
    "FusedNir",
    "Handshake",
    "IpoptSettings",
    "Lane",
    "Late",
    "Learner",
    "Lockstep",
    "Loop",
    "Measured",
    "Modbus",
    "Moved",
    "Mpc",
    "OpcUa",
    "PasswordUser",
    "PlugIn",
    "Policy",
    "PolicyError",
    "Priority",
    "Problem",
    "Reference",
    "Route",
    "SoftSensor",
    "SqpSettings",
    "Tag",
    "Trend",
    "Watch",
    "load",
    "parse",
    "rebind",
    "schema",
    "shipped",
]
