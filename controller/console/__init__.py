"""The operator console: pages of the running line for a browser, and orders from there; it never delays the loop."""
