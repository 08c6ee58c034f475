"""Objects in a folder of this machine: an index in SQLite, and files with opaque names for all that is not small.

`store.py` is the backend. Nothing that a key holds ever becomes a file name. docs/decisions/0014 tells the format.
"""
