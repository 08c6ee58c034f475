"""Flows of other systems beside ours: `python -m bench.peers`, each in an environment of its own."""
