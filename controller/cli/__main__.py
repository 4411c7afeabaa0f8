"""`python -m controller.cli` is `steadyline`."""

from controller.cli.app import main

main()
