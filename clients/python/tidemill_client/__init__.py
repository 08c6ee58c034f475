"""Helpers on top of `wmill` for what it lacks: compare-and-set, counters, leases."""
