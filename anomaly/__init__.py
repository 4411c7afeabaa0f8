"""What is suspected: scores, alerts, and the watches that raise them."""

from anomaly.alerts import Advice, Alert, Locked, Sign

__all__ = ["Advice", "Alert", "Locked", "Sign"]
