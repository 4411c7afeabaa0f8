"""Who may do what, in one table, and what a policy demands of the people who run it.

Whoever is not named by a row of the table may not: deny is the default.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from policies.words import Declared


class Role(StrEnum):
    """What somebody is here to do; each user has one."""

    VIEWER = "viewer"
    """Looks."""
    OPERATOR = "operator"
    """Runs the line."""
    ENGINEER = "engineer"
    """Writes policies and models, and runs the line."""
    QA = "qa"
    """Reviews and approves, and acknowledges alarms; moves nothing."""
    ADMIN = "admin"
    """Keeps the users; neither moves nor approves anything."""
    SERVICE = "service"
    """A program that starts runs."""


class Meaning(StrEnum):
    """What a signature says (21 CFR 11.50)."""

    AUTHORSHIP = "authorship"
    """I made it."""
    REVIEW = "review"
    """I looked at it and found it right."""
    APPROVAL = "approval"
    """It may be used."""


class Right(StrEnum):
    """Something that not everybody may do."""

    RELEASE = "give loops back"
    """Order SHADOW or OFF."""
    LEAD = "put loops in service"
    """Order AUTO or ADVISORY, or accept a move."""
    DIRECT = "direct the line"
    """Tell the controller that the line is shut down, goes on, or begins another batch."""
    ADJUST = "set limits and targets"
    """Order narrower limits, or another target, within the policy."""
    ATTEND = "acknowledge alarms"
    """Acknowledge an alarm, or reset one that latched."""
    SHELVE = "shelve alarms"
    """Shelve an alarm for a time, or end that."""
    DISABLE = "take alarms out of service"
    """Take an alarm out of service, or put it back."""
    ADOPT = "adopt a policy"
    """Order another policy, or the one before, while a run goes on."""
    FOLLOW = "follow up cases"
    """Report steps of a case as done, and enter results."""
    JUDGE = "judge cases"
    """Say what a case turned out to be, sign that, send it back, or open it again."""
    START = "start a run"
    """Begin a run that may move the plant."""
    AUTHORSHIP = "sign as author"
    """Sign with the meaning authorship."""
    REVIEW = "sign as reviewer"
    """Sign with the meaning review."""
    APPROVAL = "sign as approver"
    """Sign with the meaning approval, and promote models."""
    ADMINISTER = "administer users"
    """Add users, change their roles, disable them, reset their passwords."""


RIGHTS: Mapping[Right, frozenset[Role]] = {
    Right.RELEASE: frozenset({Role.OPERATOR, Role.ENGINEER}),
    Right.LEAD: frozenset({Role.OPERATOR, Role.ENGINEER}),
    Right.DIRECT: frozenset({Role.OPERATOR, Role.ENGINEER}),
    Right.ADJUST: frozenset({Role.OPERATOR, Role.ENGINEER}),
    Right.ATTEND: frozenset({Role.OPERATOR, Role.ENGINEER, Role.QA}),
    Right.SHELVE: frozenset({Role.OPERATOR, Role.ENGINEER}),
    Right.DISABLE: frozenset({Role.ENGINEER}),
    Right.ADOPT: frozenset({Role.ENGINEER}),
    Right.FOLLOW: frozenset({Role.OPERATOR, Role.ENGINEER, Role.QA}),
    Right.JUDGE: frozenset({Role.QA}),
    Right.START: frozenset({Role.OPERATOR, Role.ENGINEER, Role.SERVICE}),
    Right.AUTHORSHIP: frozenset({Role.ENGINEER}),
    Right.REVIEW: frozenset({Role.ENGINEER, Role.QA}),
    Right.APPROVAL: frozenset({Role.QA}),
    Right.ADMINISTER: frozenset({Role.ADMIN}),
}
"""Which roles have each right."""
SIGNING: Mapping[Meaning, Right] = {
    Meaning.AUTHORSHIP: Right.AUTHORSHIP,
    Meaning.REVIEW: Right.REVIEW,
    Meaning.APPROVAL: Right.APPROVAL,
}
"""What it takes to sign with each meaning."""


def may(role: Role, right: Right) -> bool:
    """Return whether somebody with a role may do something.

    Examples
    --------
    >>> may(Role.QA, Right.APPROVAL), may(Role.ADMIN, Right.APPROVAL), may(Role.VIEWER, Right.RELEASE)
    (True, False, False)
    """
    return role in RIGHTS.get(right, frozenset())


class People(Declared):
    """What a policy demands of the people who run it."""

    orders: Literal["anybody", "users"] = "anybody"
    """Whether orders are taken from users with a password and a role alone."""
    signatures: Annotated[tuple[Meaning, ...], Field(max_length=4)] = ()
    """Meanings of the signatures without which the policy moves nothing, each by another person; none if empty."""
    unsigned: Literal["refuse", "shadow"] = "refuse"
    """Whether, without them, it does not run at all, or in SHADOW."""
    models: Literal["any", "signed"] = "any"
    """Whether every model, library and file of parameters it names must carry an approval of its own."""
