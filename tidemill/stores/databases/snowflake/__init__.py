"""Snowflake, over its SQL API."""
