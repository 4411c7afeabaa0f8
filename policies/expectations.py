"""What a policy says of a watch that holds results against what a library expects of them."""

from __future__ import annotations

from typing import Literal

from policies.told import Lane, Told
from policies.words import Word


class Expectations(Told):
    """Every result of an impurity held against the expectation of its entry."""

    kind: Literal["expectation"]
    """Form of the watch."""
    lane: Literal[Lane.LOCKED] = Lane.LOCKED
    """Always locked: the library is approved as a file."""
    library: str
    """Library file, beside the policy."""
    approved_by: tuple[str, ...] = ()
    """Fingerprints of the public keys of which one must have signed the library; none is asked for where empty."""
    entries: tuple[Word, ...] = ()
    """Entries whose expectation is held; all in force that have one where empty."""
    side: Literal["both", "high"] = "high"
    """Where a result is out of its expectation."""
    yields: tuple[str, ...] = ()
    """Loops that move what it watches: it rests while one is in service, and begins anew afterwards."""
    action: Literal["alert"] = "alert"
    """Tells people."""
