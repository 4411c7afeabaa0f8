"""Virtual time: an event loop that jumps, connections in memory, and links that fail when told."""
