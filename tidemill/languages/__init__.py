"""Script languages: one port, one file a language."""
