"""Retry policies: how often a failed job is run again, and after how long."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tidemill.model.errors import BadRequest

MAX_ATTEMPTS: Final = 1000
MAX_DELAY_S: Final = 6 * 3600
"""No delay is longer; an exponential one stops growing here."""

_MAX_SECONDS: Final = 366 * 86400


@dataclass(frozen=True, slots=True)
class Constant:
    """`attempts` repeats, each `seconds` after the failure."""

    attempts: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Exponential:
    """`attempts` repeats, the n-th (from 1) `multiplier * seconds ** n` after the failure.

    `random_factor` (0 to 100) is by how many per cent the delay may be longer or shorter.
    """

    attempts: int
    multiplier: int
    seconds: int
    random_factor: int = 0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The constant repeats come first, then the exponential ones."""

    constant: Constant | None = None
    exponential: Exponential | None = None

    @property
    def attempts(self) -> int:
        """How many repeats there are in all."""
        return sum(part.attempts for part in (self.constant, self.exponential) if part is not None)


def delay_s(policy: RetryPolicy, retries: int, *, random: float) -> float | None:
    """How long to wait before the next repeat, after `retries` earlier ones; None when there are no more.

    `random` is a number from 0 to below 1 that spreads the delay over the policy's range.
    """
    constant = policy.constant.attempts if policy.constant is not None else 0
    if policy.constant is not None and retries < constant:
        return float(min(policy.constant.seconds, MAX_DELAY_S))
    grown, nth = policy.exponential, retries - constant + 1
    if grown is None or nth > grown.attempts:
        return None
    spread = 1 + grown.random_factor / 100 * (2 * random - 1)
    raised = min(grown.multiplier * int(grown.seconds**nth), MAX_DELAY_S)
    return min(raised * spread, float(MAX_DELAY_S))


def parse(value: object) -> RetryPolicy | None:
    """The policy in its wire form `{"constant": {...}, "exponential": {...}}`; None for null and for no repeats.

    Raises:
        BadRequest: a member is missing, unknown or out of range; the message names it.
    """
    if value is None:
        return None
    fields = _object("retry", value, {"constant", "exponential"})
    constant, exponential = _constant(fields.get("constant")), _exponential(fields.get("exponential"))
    policy = RetryPolicy(constant=constant, exponential=exponential)
    if policy.attempts > MAX_ATTEMPTS:
        raise BadRequest(f"retry asks for {policy.attempts} repeats; at most {MAX_ATTEMPTS} are allowed.")
    return policy if policy.attempts > 0 else None


def _constant(value: object) -> Constant | None:
    if value is None:
        return None
    fields = _object("retry.constant", value, {"attempts", "seconds"})
    return Constant(
        attempts=_number("retry.constant.attempts", fields.get("attempts", 0), (0, MAX_ATTEMPTS)),
        seconds=_number("retry.constant.seconds", fields.get("seconds", 0), (0, _MAX_SECONDS)),
    )


def _exponential(value: object) -> Exponential | None:
    if value is None:
        return None
    fields = _object("retry.exponential", value, {"attempts", "multiplier", "seconds", "random_factor"})
    return Exponential(
        attempts=_number("retry.exponential.attempts", fields.get("attempts", 0), (0, MAX_ATTEMPTS)),
        multiplier=_number("retry.exponential.multiplier", fields.get("multiplier", 1), (0, _MAX_SECONDS)),
        seconds=_number("retry.exponential.seconds", fields.get("seconds", 0), (0, _MAX_SECONDS)),
        random_factor=_number("retry.exponential.random_factor", fields.get("random_factor") or 0, (0, 100)),
    )


def _object(name: str, value: object, known: set[str]) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise BadRequest(f"{name} must be an object with {' and '.join(sorted(known))}.")
    if unknown := sorted(set(value) - known):
        raise BadRequest(f"{name} has the unknown member {unknown[0]!r}; known are {', '.join(sorted(known))}.")
    return value


def _number(name: str, value: object, allowed: tuple[int, int]) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not allowed[0] <= value <= allowed[1]:
        raise BadRequest(f"{name} must be a whole number from {allowed[0]} to {allowed[1]}.")
    return value
