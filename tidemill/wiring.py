"""Builds pool, stores, app and worker from `Settings`; the only place that knows everything."""
