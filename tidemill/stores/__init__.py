"""The outside world that users reach: object stores, databases, key holders."""
