"""What a policy says is normal for a signal."""

from __future__ import annotations

from policies.words import Declared, Number, Positive


class Reference(Declared):
    """What is normal for a signal, frozen at approval."""

    mean: Number
    """Normal value, in the unit of the tag."""
    sd: Positive
    """Normal standard deviation, in the unit of the tag."""
