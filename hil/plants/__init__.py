"""True models of the simulated lines: plain floats, seeded noise, injectable faults."""
