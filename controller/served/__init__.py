"""The runtime seen by other systems: what they are shown, and the ways in which they are shown it."""
