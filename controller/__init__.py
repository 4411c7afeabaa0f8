"""What is decided: one pure function per cycle, and the runtime around it.

Importing this package costs nothing. `controller.cycle` holds the vocabulary, `controller.decide` the cycle,
`controller.runtime` what runs it, `controller.records` what is kept of it.
"""
