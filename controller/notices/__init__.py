"""Notices: what people are sent of alarms beyond the screen, decided in the pure cycle and carried by a thin shell."""
