"""The rig: runs simulated lines in memory or behind sockets, and scores them from their truth."""
