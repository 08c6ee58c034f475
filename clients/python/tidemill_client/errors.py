"""Every error of this package, each with a stable code."""


class TidemillClientError(Exception):
    """The base of all.

    Attributes:
        code: what happened, stable across releases. Beside the codes of the server (`not_found`, `denied`, ...):
            `unavailable` (nothing was sent), `outcome_unknown` (a write was sent and not answered: read before you
            repeat it), `no_version` (the server gives no versions), `not_a_number`, `no_value`, `no_state_path`.
        status: HTTP status of the answer; None where there was none.
    """

    def __init__(self, message: str, *, code: str, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class VersionMismatch(TidemillClientError):
    """Somebody else wrote in between, each time that it was tried.

    Attributes:
        current: the version that is there now; 0 where there is none or it is not known.
    """

    def __init__(self, message: str, *, current: int) -> None:
        super().__init__(message, code="version_mismatch", status=409)
        self.current = current


class LeaseHeld(TidemillClientError):
    """Another holder has the lease, and it was not given back in time.

    Attributes:
        holder: who has it, as far as the server tells; else "".
        expires_at: when it ends unless it is renewed, as the server wrote it; else "".
    """

    def __init__(self, message: str, *, holder: str, expires_at: str) -> None:
        super().__init__(message, code="lease_held", status=409)
        self.holder = holder
        self.expires_at = expires_at


class LeaseLost(TidemillClientError):
    """The lease is no longer ours: it ran out, or was taken away. Stop writing what it protected."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="lease_lost", status=409)
