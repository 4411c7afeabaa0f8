"""Alarms: their life cycle as a table (ISA-18.2, IEC 62682), what raises them, and what people do to them."""
