"""Figures of speed and quality, each measured beside its yardstick in one run."""
