"""Helpers on top of `wmill` for what it lacks: compare-and-set, counters, leases, exactly once."""

from tidemill_client.errors import LeaseHeld, LeaseLost, TidemillClientError, VersionMismatch
from tidemill_client.leases import Lease, job_attempt, lease
from tidemill_client.once import Once, once
from tidemill_client.updates import Versioned, get_state_versioned, increment, update_resource, update_state

__all__ = [
    "Lease",
    "LeaseHeld",
    "LeaseLost",
    "Once",
    "TidemillClientError",
    "VersionMismatch",
    "Versioned",
    "get_state_versioned",
    "increment",
    "job_attempt",
    "lease",
    "once",
    "update_resource",
    "update_state",
]
