"""Databases that users bring: one port, one file an engine."""
