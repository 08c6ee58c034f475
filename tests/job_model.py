"""The rules of the queue under crashes, freezes and a network that delays, repeats, reorders and loses (test A27).

`QueueMachine` plays several workers against a `Queue` and checks after every step the invariants I1 to I6 and I9, and
that a canceled job never starts again, that a lost job ends in quarantine, and that every job ends once the trouble is
over. What is on the workers' side (processes, their supervisors, messages under way) is simulated here; what is on the
queue's side is whatever implements `Queue`:

- `PureQueue` is `tidemill/engine/jobs.py`, run by tests/unit/test_job_model.py.
- The functions of `tidemill/db/queue.py` on a real Postgres can be run by the same rules. Write a subclass of `Queue`
  that owns an event loop (`asyncio.Runner`) and calls them with `runner.run(...)`; `advance` makes everything older
  instead of turning the server's clock: `update job_queue set run_at = run_at - :s, started_at = started_at - :s,
  heartbeat_at = heartbeat_at - :s`, and the same for `job_attempt` and `concurrency_start`; `close` empties the tables,
  since a machine is made for each example. Then `class M(QueueMachine)` with `new_queue` returning it, and
  `run_state_machine_as_test(M, settings=...)`.

Time is in whole seconds since the start of the example. The queue looks for lost leases every `REAP_S` seconds.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tidemill.engine import jobs
from tidemill.engine.concurrency import room
from tidemill.engine.retry import Constant, RetryPolicy
from tidemill.model.errors import Conflict, LeaseLost
from tidemill.model.job import LEASE_S, POISON_LOSSES, REAP_S, EndReason, JobState, OnWorkerLoss

T = TypeVar("T")

WORKERS = 3
MAX_JOBS = 6
LIMITS: dict[str, tuple[int, int | None]] = {"few": (1, None), "slow": (2, 20)}
"""Concurrency key -> (how many, window in seconds)."""
RETRY = RetryPolicy(Constant(attempts=1, seconds=3))


@dataclass(frozen=True)
class NewJob:
    id: UUID
    on_worker_loss: OnWorkerLoss = OnWorkerLoss.RESTART
    retries: bool = False
    key: str | None = None
    priority: int = 0
    delay_s: int = 0


@dataclass(frozen=True)
class Row:
    """What the queue says of a job. `heartbeat_age_s` is None where there is none."""

    id: UUID
    state: JobState
    attempt: int
    worker: str | None
    heartbeat_age_s: float | None
    reason: str | None


class Queue(ABC):
    """What workers, callers and the reaper ask of a queue. False: refused, since the lease or the job is gone."""

    @abstractmethod
    def enqueue(self, job: NewJob) -> None: ...

    @abstractmethod
    def claim(self, worker: str) -> tuple[UUID, int] | None:
        """One due job that fits its concurrency limit, and the number of the attempt."""

    @abstractmethod
    def heartbeat(self, worker: str, held: Iterable[tuple[UUID, int]]) -> dict[UUID, bool]:
        """Those that are still held -> whether to cancel."""

    @abstractmethod
    def complete(self, worker: str, job_id: UUID, attempt: int, *, state: JobState) -> bool: ...

    @abstractmethod
    def release(self, worker: str, job_id: UUID, attempt: int) -> bool: ...

    @abstractmethod
    def cancel(self, job_id: UUID, *, forced: bool) -> bool: ...

    @abstractmethod
    def reap(self) -> list[UUID]:
        """Take lost jobs away from their workers; gives which."""

    @abstractmethod
    def advance(self, seconds: int) -> None: ...

    @abstractmethod
    def rows(self) -> list[Row]:
        """Every row of the queue and every completed row."""

    @abstractmethod
    def close(self) -> None:
        """The example is over."""


class PureQueue(Queue):
    """`engine/jobs.py` with a dictionary for a table."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.jobs: dict[UUID, jobs.JobRecord] = {}
        self.keys: dict[UUID, str] = {}
        self.starts: dict[str, list[datetime]] = {key: [] for key in LIMITS}

    def enqueue(self, job: NewJob) -> None:
        record = jobs.JobRecord(
            id=job.id,
            run_at=self.now + timedelta(seconds=job.delay_s),
            priority=job.priority,
            on_worker_loss=job.on_worker_loss,
            retry=RETRY if job.retries else None,
        )
        jobs.check_new(record)
        self.jobs[job.id] = record
        if job.key is not None:
            self.keys[job.id] = job.key

    def claim(self, worker: str) -> tuple[UUID, int] | None:
        due = sorted((job for job in self.jobs.values() if jobs.is_due(job, self.now)), key=jobs.claim_order)
        job = next((job for job in due if self.has_room(self.keys.get(job.id))), None)
        if job is None:
            return None
        claimed = jobs.claim(job, worker, now=self.now).job
        self.jobs[job.id] = claimed
        if job.id in self.keys:
            self.starts[self.keys[job.id]].append(self.now)
        return claimed.id, claimed.attempt

    def has_room(self, key: str | None) -> bool:
        if key is None:
            return True
        limit, window_s = LIMITS[key]
        running = sum(job.lease is not None and self.keys.get(job.id) == key for job in self.jobs.values())
        found = room(limit=limit, running=running, starts=self.starts[key], window_s=window_s, now=self.now)
        return found.count > 0

    def heartbeat(self, worker: str, held: Iterable[tuple[UUID, int]]) -> dict[UUID, bool]:
        answer = {}
        for job_id, attempt in held:
            try:
                change = jobs.heartbeat(self.jobs[job_id], jobs.Lease(job_id, attempt, worker), now=self.now)
            except LeaseLost:
                continue
            self.jobs[job_id] = change.job
            answer[job_id] = bool(change.commands)
        return answer

    def complete(self, worker: str, job_id: UUID, attempt: int, *, state: JobState) -> bool:
        lease = self.lease(worker, job_id, attempt)
        reason = EndReason.ERROR if state is JobState.FAILURE else EndReason.FINISHED
        try:
            change = jobs.complete(self.jobs[job_id], lease, state=state, reason=reason, now=self.now, random=0.5)
        except LeaseLost:
            return False
        self.jobs[job_id] = change.job
        return True

    def release(self, worker: str, job_id: UUID, attempt: int) -> bool:
        try:
            self.jobs[job_id] = jobs.release(self.jobs[job_id], self.lease(worker, job_id, attempt), now=self.now).job
        except LeaseLost:
            return False
        return True

    def lease(self, worker: str, job_id: UUID, attempt: int) -> jobs.Lease:
        return jobs.Lease(job_id, attempt, worker)

    def cancel(self, job_id: UUID, *, forced: bool) -> bool:
        wish = jobs.Cancel("u/ann", "no longer wanted", forced)
        try:
            self.jobs[job_id] = jobs.cancel(self.jobs[job_id], wish, now=self.now).job
        except Conflict:
            return False
        return True

    def reap(self) -> list[UUID]:
        lost = [job for job in self.jobs.values() if jobs.is_expired(job, self.now)]
        for job in lost:
            self.jobs[job.id] = jobs.expire(job, now=self.now).job
        return [job.id for job in lost]

    def advance(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    def rows(self) -> list[Row]:
        return [self.row(job) for job in self.jobs.values()]

    def close(self) -> None:
        self.jobs.clear()

    def row(self, job: jobs.JobRecord) -> Row:
        age = None if job.heartbeat_at is None else (self.now - job.heartbeat_at).total_seconds()
        return Row(job.id, job.state, job.attempt, job.worker, age, job.end_reason)


@dataclass
class Process:
    """One attempt as it runs on a worker, with the supervisor that kills it when nobody confirms it any more."""

    job_id: UUID
    attempt: int
    confirmed_s: float
    alive: bool = True


@dataclass
class Worker:
    """A worker process. A new one takes the place and another name after a crash."""

    name: str
    frozen: bool = False
    held: list[Process] = field(default_factory=list)


@dataclass(frozen=True)
class Message:
    """Something under way from a worker to the queue."""

    kind: str
    worker: str
    sent_s: int
    held: tuple[tuple[UUID, int], ...] = ()
    state: JobState = JobState.SUCCESS


@dataclass(frozen=True)
class Answer:
    """Something under way from the queue to a worker."""

    to: Message
    claimed: tuple[UUID, int] | None = None
    confirmed: dict[UUID, bool] = field(default_factory=dict)


WHICH = st.integers(0, 11)
"""Chooses one of what is there, by its number modulo how many there are."""


class QueueMachine(RuleBasedStateMachine):
    """See the module's docstring."""

    def new_queue(self) -> Queue:
        """The queue that this example runs against."""
        return PureQueue()

    def dies_at(self, confirmed_s: float) -> float:
        return jobs.dies_at(confirmed_s)

    def confirmed_at(self, message: Message) -> float:
        """From when on a confirmation counts: when it was asked for, whenever the answer comes."""
        return message.sent_s

    @initialize()
    def start(self) -> None:
        self.queue = self.new_queue()
        self.clock = 0
        self.names = 0
        self.workers = [self.new_worker() for _ in range(WORKERS)]
        self.asked: list[Message] = []
        self.answers: list[Answer] = []
        self.new: dict[UUID, NewJob] = {}
        self.claims: dict[UUID, list[int]] = {}
        self.spawned: dict[UUID, int] = {}
        self.lost: dict[UUID, int] = {}
        self.ended: dict[UUID, Row] = {}
        self.canceled: dict[UUID, int] = {}
        self.forced: set[UUID] = set()

    def new_worker(self) -> Worker:
        self.names += 1
        return Worker(f"w{self.names}")

    # ------------------------------------------------------------ callers

    @precondition(lambda self: len(self.new) < MAX_JOBS)
    @rule(
        fails=st.booleans(),
        retries=st.booleans(),
        key=st.sampled_from([None, None, *LIMITS]),
        priority=st.integers(0, 2),
        delay_s=st.sampled_from([0, 0, 0, 7]),
    )
    def enqueue(self, *, fails: bool, retries: bool, key: str | None, priority: int, delay_s: int) -> None:
        loss = OnWorkerLoss.FAIL if fails else OnWorkerLoss.RESTART
        job = NewJob(UUID(int=len(self.new) + 1), loss, retries and not fails, key, priority, delay_s)
        self.queue.enqueue(job)
        self.new[job.id] = job
        self.claims[job.id] = []
        self.spawned[job.id] = self.lost[job.id] = 0

    def cancel(self, which: int, *, forced: bool) -> None:
        job_id = self.one([job_id for job_id in self.new if job_id not in self.ended], which)
        if self.queue.cancel(job_id, forced=forced):
            self.canceled[job_id] = len(self.claims[job_id])
            if forced:
                self.forced.add(job_id)

    # ------------------------------------------------------------ workers

    @precondition(lambda self: self.awake() and len(self.ended) < len(self.new))
    @rule(which=WHICH, at_once=st.booleans())
    def work(self, which: int, *, at_once: bool) -> None:
        """A worker claims a job; `at_once`: on a network that works."""
        message = Message("claim", self.one(self.awake(), which).name, self.clock)
        if at_once:
            self.hear(self.serve(message))
        else:
            self.asked.append(message)

    @precondition(lambda self: any(worker.held for worker in self.awake()))
    @rule(which=WHICH)
    def send_heartbeat(self, which: int) -> None:
        self.asked.append(self.beat_of(self.one([worker for worker in self.awake() if worker.held], which)))

    @precondition(lambda self: self.held())
    @rule(which=WHICH, state=st.sampled_from([JobState.SUCCESS, JobState.FAILURE]), at_once=st.booleans())
    def finish(self, which: int, *, state: JobState, at_once: bool) -> None:
        """A process ends (or was killed by its supervisor a while ago), and its worker reports it."""
        worker, process = self.one(self.held(), which)
        if worker.frozen:
            process.alive = False
            return
        self.leave(worker, process)
        self.tell("complete", worker, process, state if at_once or process.alive else JobState.FAILURE, at_once=at_once)

    @rule(
        what=st.sampled_from(["crash", "freeze or thaw", "stop", "stop slowly", "cancel", "cancel by force"]),
        which=WHICH,
    )
    def trouble(self, what: str, which: int) -> None:
        """One rule for all that ends or halts something, so that it does not drown what goes on for a while."""
        match what:
            case "crash":
                self.crash(which)
            case "freeze or thaw":
                self.freeze_or_thaw(which)
            case "stop" | "stop slowly":
                self.stop(which, at_once=what == "stop")
            case _ if len(self.ended) < len(self.new):
                self.cancel(which, forced=what == "cancel by force")

    def stop(self, which: int, *, at_once: bool) -> None:
        """A worker is told to stop: it kills its jobs, gives them back and is gone."""
        worker = self.one(self.awake() or self.workers, which)
        if worker.frozen:
            return
        for process in list(worker.held):
            self.leave(worker, process)
            self.tell("release", worker, process, JobState.FAILURE, at_once=at_once)
        self.workers[self.workers.index(worker)] = self.new_worker()

    def crash(self, which: int) -> None:
        """A worker is gone at once, and its processes with it."""
        worker = self.one(self.workers, which)
        for process in worker.held:
            process.alive = False
        self.workers[self.workers.index(worker)] = self.new_worker()

    def freeze_or_thaw(self, which: int) -> None:
        """A frozen worker does nothing, but its jobs go on until their supervisors end them."""
        worker = self.one(self.workers, which)
        worker.frozen = not worker.frozen

    # ------------------------------------------------------------ the network

    @precondition(lambda self: self.asked)
    @rule(which=WHICH, again=st.booleans(), answered=st.booleans())
    def deliver(self, which: int, *, again: bool, answered: bool) -> None:
        """A message comes in, in any order; `again`: a copy of it is still under way; the answer may take its time."""
        message = self.one(self.asked, which)
        if not again:
            self.asked.remove(message)
        answer = self.serve(message)
        if answered:
            self.hear(answer)
        else:
            self.answers.append(answer)

    @precondition(lambda self: self.answers)
    @rule(which=WHICH)
    def answer(self, which: int) -> None:
        answer = self.one(self.answers, which)
        if not self.is_frozen(answer.to.worker):
            self.answers.remove(answer)
            self.hear(answer)

    @precondition(lambda self: self.asked or self.answers)
    @rule()
    def lose(self) -> None:
        """The network loses what has been under way for longest."""
        (self.asked or self.answers).pop(0)

    # ------------------------------------------------------------ time

    @rule(seconds=st.sampled_from([1, 4, 5, 11, 19, 21, 31, 36]), healthy=st.booleans())
    def wait(self, seconds: int, *, healthy: bool) -> None:
        """Time goes on; `healthy`: workers that are not frozen confirm what they hold every five seconds."""
        for _ in range(seconds):
            self.clock += 1
            self.queue.advance(1)
            if healthy and self.clock % 5 == 0:
                for worker in self.workers:
                    if worker.held and not worker.frozen:
                        self.hear(self.serve(self.beat_of(worker)))
            for _, process in self.held():
                process.alive = process.alive and self.clock < self.dies_at(process.confirmed_s)
            if self.clock % REAP_S == 0:
                for job_id in self.queue.reap():
                    self.lost[job_id] += 1

    def teardown(self) -> None:
        """The trouble is over: within a bounded time every job that was taken in has come to its end."""
        if not hasattr(self, "queue"):
            return
        self.asked.clear()
        self.answers.clear()
        for each in range(WORKERS):
            self.crash(each)
        for _ in range(4 * MAX_JOBS):
            if all(row.state.is_completed for row in self.queue.rows()):
                break
            QueueMachine.wait(self, 11, healthy=True)  # by name: a subclass may have taken the rule away
            for each in range(WORKERS):
                QueueMachine.work(self, each, at_once=True)
            while self.held():
                QueueMachine.finish(self, 0, state=JobState.SUCCESS, at_once=True)
            self.check()
        else:
            raise AssertionError(f"some jobs never end: {self.queue.rows()}")
        assert {row.id for row in self.queue.rows()} == set(self.new), "I1: what has ended is there, too"
        self.queue.close()

    # ------------------------------------------------------------ invariants

    @invariant()
    def check(self) -> None:
        if not hasattr(self, "queue"):
            return
        rows = self.queue.rows()
        assert sorted(row.id for row in rows) == sorted(self.new), "I1: each job that was taken in is there once"
        for row in rows:
            self.check_row(row)
        alive = [process.job_id for process in self.processes()]
        assert len(alive) == len(set(alive)), "I5: two attempts of a job are alive at once"
        for key, (limit, window_s) in LIMITS.items():
            self.check_limit(key, limit, window_s, rows=rows)

    def check_row(self, row: Row) -> None:
        claims = len(self.claims[row.id])
        if row.state.is_completed:
            assert row == self.ended.setdefault(row.id, row), "I2: a completed job has changed"
            assert row.attempt == claims, "I4: the recorded result is not that of the last attempt"
        else:
            assert row.id not in self.ended, "I2: a completed job is back in the queue"
        if row.state is JobState.RUNNING:
            assert row.heartbeat_age_s is not None, "I6: a job runs that nobody ever confirmed"
            assert row.heartbeat_age_s <= LEASE_S + REAP_S, "I6: a lease is over and nobody has noticed"
        if self.new[row.id].on_worker_loss is OnWorkerLoss.FAIL:
            assert max(claims, self.spawned[row.id]) <= 1, "I3: a job that must not start twice did"
        assert claims == self.canceled.get(row.id, claims), "a canceled job was started again"
        if self.lost[row.id] >= POISON_LOSSES:
            assert row.state.is_completed, "a job that was lost too often is not in quarantine"
        if row.reason == EndReason.QUARANTINED:
            assert self.lost[row.id] == POISON_LOSSES, "a job is in quarantine that was not lost so often"

    def check_limit(self, key: str, limit: int, window_s: int | None, *, rows: list[Row]) -> None:
        mine = {job.id for job in self.new.values() if job.key == key}
        running = sum(row.state is JobState.RUNNING and row.id in mine for row in rows)
        assert running <= limit, "I9: more jobs run than the limit allows"
        # Who cancels by force does not wait for the worker: its process may outlive its place by some seconds.
        alive = [process.job_id for process in self.processes() if process.job_id not in self.forced]
        assert sum(job_id in mine for job_id in alive) <= limit, "I9: more processes than allowed"
        if window_s is not None:
            recent = [at for job_id in mine for at in self.claims[job_id] if at > self.clock - window_s]
            assert len(recent) <= limit, "I9: more starts within the window than the limit allows"

    # ------------------------------------------------------------ how messages are served and heard

    def serve(self, message: Message) -> Answer:
        """What the queue makes of a message."""
        if message.kind == "claim":
            claimed = self.queue.claim(message.worker)
            if claimed is not None:
                self.claims[claimed[0]].append(self.clock)
                assert claimed[1] == len(self.claims[claimed[0]]), "an attempt's number was given twice or left out"
            return Answer(message, claimed=claimed)
        if message.kind == "heartbeat":
            return Answer(message, confirmed=self.queue.heartbeat(message.worker, message.held))
        ((job_id, attempt),) = message.held
        if message.kind == "complete":
            taken = self.queue.complete(message.worker, job_id, attempt, state=message.state)
        else:
            taken = self.queue.release(message.worker, job_id, attempt)
        assert not taken or attempt == len(self.claims[job_id]), "I4: the report of an old attempt was taken"
        return Answer(message)

    def hear(self, answer: Answer) -> None:
        """What a worker makes of an answer; nobody hears it when the worker is gone."""
        worker = next((worker for worker in self.workers if worker.name == answer.to.worker), None)
        if worker is None:
            return
        confirmed_s = self.confirmed_at(answer.to)
        if answer.claimed is not None and self.clock < self.dies_at(confirmed_s):
            job_id, attempt = answer.claimed
            worker.held.append(Process(job_id, attempt, confirmed_s))
            self.spawned[job_id] += 1
        for job_id, attempt in answer.to.held if answer.to.kind == "heartbeat" else ():
            for process in [each for each in worker.held if (each.job_id, each.attempt) == (job_id, attempt)]:
                if job_id not in answer.confirmed:
                    self.leave(worker, process)
                elif answer.confirmed[job_id]:
                    self.leave(worker, process)
                    self.tell("complete", worker, process, JobState.CANCELED, at_once=False)
                else:
                    process.confirmed_s = max(process.confirmed_s, confirmed_s)

    def tell(self, kind: str, worker: Worker, process: Process, state: JobState, *, at_once: bool) -> None:
        message = Message(kind, worker.name, self.clock, ((process.job_id, process.attempt),), state)
        if at_once:
            self.serve(message)
        else:
            self.asked.append(message)

    def leave(self, worker: Worker, process: Process) -> None:
        process.alive = False
        worker.held.remove(process)

    def beat_of(self, worker: Worker) -> Message:
        held = tuple((process.job_id, process.attempt) for process in worker.held)
        return Message("heartbeat", worker.name, self.clock, held)

    def held(self) -> list[tuple[Worker, Process]]:
        return [(worker, process) for worker in self.workers for process in worker.held]

    def processes(self) -> list[Process]:
        return [process for _, process in self.held() if process.alive]

    def awake(self) -> list[Worker]:
        return [worker for worker in self.workers if not worker.frozen]

    def is_frozen(self, name: str) -> bool:
        return any(worker.name == name and worker.frozen for worker in self.workers)

    def one(self, items: list[T], which: int) -> T:
        return items[which % len(items)]
