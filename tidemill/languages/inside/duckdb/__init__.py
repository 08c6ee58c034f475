"""Runs a DuckDB script: in the sandbox this is the package `tidemill_duckdb`, with DuckDB and extensions beside it."""
