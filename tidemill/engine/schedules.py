"""What follows from the state of a schedule: when it comes next, and which handlers the end of a run calls."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tidemill.engine.cron import Cron, next_after
from tidemill.model.schedule import Handler


@dataclass(frozen=True, slots=True)
class Streak:
    """How many runs in a row failed, and how many have succeeded since."""

    failures: int = 0
    successes: int = 0


@dataclass(frozen=True, slots=True)
class HandlerRules:
    """After how many failures or successes in a row handlers are called.

    Attributes:
        failure_is_exact: only at that number of failures, not at each one after it.
    """

    failure_times: int = 1
    failure_is_exact: bool = False
    recovery_times: int = 1


def next_due(
    cron: Cron,
    zone: ZoneInfo,
    *,
    now: datetime,
    last: datetime | None = None,
    paused_until: datetime | None = None,
    catch_up_s: int = 0,
) -> datetime | None:
    """The occurrence behind `last` that is to come next; None where there is none.

    What should have come up to `catch_up_s` seconds ago still comes, one after the other; what is older is left out.
    """
    after = now if last is None else max(last, now - timedelta(seconds=catch_up_s))
    if paused_until is not None and paused_until > after:
        after = paused_until - timedelta(microseconds=1)
    return next_after(cron, zone, after)


def settle(streak: Streak, rules: HandlerRules, *, succeeded: bool) -> tuple[Streak, frozenset[Handler]]:
    """What the end of a run makes of the streak, and the handlers that it calls."""
    if not succeeded:
        failures = streak.failures + 1 if streak.successes == 0 else 1
        reached = failures == rules.failure_times if rules.failure_is_exact else failures >= rules.failure_times
        return Streak(failures), frozenset({Handler.FAILURE} if reached else ())
    after = replace(streak, successes=streak.successes + 1)
    recovered = after.failures >= rules.failure_times and after.successes == rules.recovery_times
    if recovered:
        return Streak(0, after.successes), frozenset({Handler.SUCCESS, Handler.RECOVERY})
    return after, frozenset({Handler.SUCCESS})
