"""Servers of our own: whom they let in, and how values stand in them."""
