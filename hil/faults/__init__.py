"""Faults that no unit operation suffers: of instruments, PLCs, links, protocols and of the controller itself."""
