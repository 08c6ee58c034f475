"""Builds the live objects from `Settings`; the only place that knows everything."""
