"""Leases: one holder at a time, for as long as it lives, and a number that tells a late one apart."""

import contextlib
import logging
import os
import random
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Final

from tidemill_client.errors import LeaseHeld, LeaseLost, TidemillClientError
from tidemill_client.server import JsonValue, Server, fields_of

LONGEST_WAIT_S: Final = 1.0

logger = logging.getLogger("tidemill_client")


def job_attempt() -> int:
    """Which attempt of its job this process is: 1 for the first, more after a lost worker. Outside of jobs 1."""
    return int(os.environ.get("WM_JOB_ATTEMPT") or 1)


class Lease:
    """A lease that is held, and renewed by a thread until it is released or lost."""

    def __init__(self, server: Server, path: str, *, holder: str, fence: int, ttl_s: float, asked_at: float) -> None:
        self.path = path
        self.holder = holder
        self._server = server
        self._fence = fence
        self._ttl_s = ttl_s
        # On our own clock, and from before we asked: never later than the server thinks.
        self._ends_at = asked_at + ttl_s
        self._lost = threading.Event()
        self._done = threading.Event()
        self._renewing = threading.Lock()
        self._thread = threading.Thread(target=self._keep, name=f"lease {path}", daemon=True)

    @property
    def fence(self) -> int:
        """The fencing number: greater than that of every earlier holder. Send it along with each write elsewhere.

        Raises:
            LeaseLost: the lease is no longer ours.
        """
        self.check()
        return self._fence

    @property
    def is_lost(self) -> bool:
        return self._lost.is_set() or time.monotonic() >= self._ends_at

    def check(self) -> None:
        """Call it before what must not happen twice.

        Raises:
            LeaseLost: the lease is no longer ours.
        """
        if self.is_lost:
            self._lost.set()
            raise LeaseLost(f"The lease on {self.path} is lost: it ran out, or another holder has it.")

    def wait_lost(self, timeout_s: float | None = None) -> bool:
        """Waits until the lease is lost; whether it is."""
        return self._lost.wait(timeout_s)

    def renew(self) -> None:
        """Renews now; the thread does so every third of the time by itself.

        Raises:
            LeaseLost: the lease is no longer ours.
            TidemillClientError: the server did not answer; the lease goes on until its time is over.
        """
        with self._renewing:
            self.check()
            asked_at = time.monotonic()
            body: dict[str, JsonValue] = {"fence": self._fence, "ttl_s": self._ttl_s}
            answer = self._server.write("leases/renew", self.path, body=body, timeout_s=self._ttl_s / 3)
            if not answer.is_success:
                self._lost.set()
                self.check()
            self._ends_at = asked_at + self._ttl_s

    def _start(self) -> None:
        self._thread.start()

    def _keep(self) -> None:
        while not self._done.wait(self._ttl_s / 3):
            try:
                self.renew()
            except LeaseLost:
                return
            except TidemillClientError as e:
                logger.warning("The lease on %s could not be renewed, trying again: %s", self.path, e)

    def _stop(self) -> None:
        self._done.set()
        self._thread.join()

    def _release(self) -> bool:
        """Gives the lease back; whether it was still ours."""
        body: dict[str, JsonValue] = {"fence": self._fence}
        return self._server.write("leases/release", self.path, body=body, timeout_s=self._ttl_s).is_success


@contextlib.contextmanager
def lease(path: str, ttl_s: float = 30, wait_s: float | None = None) -> Iterator[Lease]:
    """Holds the lease on `path` (of the form of a resource path; nothing need be there) for the `with` block.

    It is renewed every `ttl_s / 3` seconds; when the process dies, others get it after at most `ttl_s`. `wait_s` is how
    long to wait for it: None for as long as it takes, 0 for not at all.

    Raises:
        LeaseHeld: another holder kept it for all of `wait_s`.
        LeaseLost: it was lost during the block; raised by `fence` and `check()`, and at the latest when the block ends.
        TidemillClientError: the server refused, or cannot be reached.
    """
    held = _acquire(Server(), path, ttl_s=ttl_s, wait_s=wait_s)
    held._start()  # noqa: SLF001 - both live in this module
    try:
        yield held
    except BaseException:
        _give_back(held)
        raise
    if not _give_back(held):
        raise LeaseLost(f"The lease on {path} was lost before the work was done; another holder may have run as well.")


def _give_back(held: Lease) -> bool:
    """Whether it was ours until now."""
    held._stop()  # noqa: SLF001
    if held.is_lost:
        return False
    try:
        return held._release()  # noqa: SLF001
    except TidemillClientError as e:
        logger.warning("The lease on %s could not be released and ends by itself: %s", held.path, e)
        return not held.is_lost


def _acquire(server: Server, path: str, *, ttl_s: float, wait_s: float | None) -> Lease:
    if ttl_s <= 0:
        raise ValueError("ttl_s must be more than 0")
    holder, started_at, pause_s = _holder(), time.monotonic(), 0.02
    while True:
        asked_at = time.monotonic()
        answer = server.write("leases/acquire", path, body={"ttl_s": ttl_s, "holder": holder})
        told = fields_of(answer)
        if answer.is_success:
            fence = int(str(told["fence"]))
            return Lease(server, path, holder=holder, fence=fence, ttl_s=ttl_s, asked_at=asked_at)
        waited_s = time.monotonic() - started_at
        if wait_s is not None and waited_s >= wait_s:
            other, until = str(told.get("holder") or ""), str(told.get("expires_at") or "")
            raise LeaseHeld(
                f"The lease on {path} is held by {other or 'another'} until {until or 'it is given back'}.",
                holder=other,
                expires_at=until,
            )
        pause_s = min(pause_s * 2, LONGEST_WAIT_S)
        jittered_s = random.uniform(pause_s / 2, pause_s)  # noqa: S311 - spreads load, keeps no secret
        time.sleep(jittered_s if wait_s is None else min(jittered_s, wait_s - waited_s))


def _holder() -> str:
    """Who asks, for people who look; the random part keeps two threads of one job apart."""
    job = os.environ.get("WM_JOB_ID")
    who = f"job {job} attempt {job_attempt()}" if job else f"{socket.gethostname()} process {os.getpid()}"
    return f"{who} {uuid.uuid4().hex[:8]}"
