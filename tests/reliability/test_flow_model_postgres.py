"""A27 for flows: random flows on real workers and a real Postgres, under crashes, late messages, races and cancels.

Whatever happens, a flow gives what `tests/flow_model.py` says, and no step runs again whose result was recorded.
"""

import asyncio
import json
import os
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

from tests.flow_model import ANSWER, Maker, Outcome, Run, play
from tests.flow_workers import EMAIL, WORKSPACE, deploy, result_of, start_flow, worker_parts
from tests.reliability.harness import SOAK
from tidemill.db import approvals, queue
from tidemill.db.pool import Database, Json
from tidemill.db.queries import inline
from tidemill.db.queue import ClaimedJob, Ended
from tidemill.db.values import Kept
from tidemill.model.job import FLOW_KINDS, LEASE_S, EndReason
from tidemill.worker.context import WorkerParts
from tidemill.worker.flows.flows import Flows, Refused

SEEDS = list(range(*map(int, os.environ.get("SEEDS", f"0:{3000 if SOAK else 30}").split(":"))))
"""`SEEDS=7:8` runs the seventh alone."""
SLOTS = 3
MOST_ACTS = 3000
MOST_LOSSES = 1
"""Of one job: the third would put it into quarantine."""
TAGS = ["flow", "bash"]
OLDER = inline("update job_queue set heartbeat_at = heartbeat_at - interval '60 s' where state = 'running'")
LEFT = inline("select count(*) from job_queue")
ASKED = inline("select level_id, step, step_job from flow_approval order by asked_at, level_id")


@dataclass(eq=False)
class Member:
    """A worker: what it holds, and which of that it knows to be canceled."""

    name: str
    parts: WorkerParts
    held: dict[UUID, ClaimedJob] = field(default_factory=dict)
    canceled: set[UUID] = field(default_factory=set)

    def __post_init__(self) -> None:
        parts = replace(self.parts, options=replace(self.parts.options, name=self.name, tags=tuple(TAGS)))
        self.flows = Flows(parts, lambda: SLOTS - len(self.held))


@dataclass
class Crew:
    """Three workers, and whoever else does something: the rescue, somebody who cancels, somebody who answers."""

    database: Database
    parts: WorkerParts
    random: random.Random
    maker: Maker
    members: list[Member] = field(default_factory=list)
    late: list[tuple[Member, ClaimedJob]] = field(default_factory=list)
    tries: dict[tuple[UUID, str], list[UUID]] = field(default_factory=lambda: defaultdict(list))
    recorded: set[UUID] = field(default_factory=set)
    losses: Counter[UUID] = field(default_factory=Counter)
    made: int = 0
    answers: int = 0

    def __post_init__(self) -> None:
        self.members = [self._member() for _ in range(3)]

    def _member(self) -> Member:
        self.made += 1
        return Member(f"member-{self.made}", self.parts)

    async def work_off(self, flow: UUID, *, cancel_after: int | None) -> None:
        """Do this and that until nothing is left in the queue."""
        for act in range(MOST_ACTS):
            if act == cancel_after:
                async with self.database.system() as tx:
                    await queue.ask_to_cancel(tx, flow, canceled_by="ann", reason="enough")
            await self._act()
            if act % 5 == 0 and not await self.database.single.fetch_value(LEFT):
                return
        raise AssertionError(f"The flow is not over after {MOST_ACTS} acts")

    async def _act(self) -> None:
        acts = {"work": 50, "claim": 30, "answer": 20, "beat": 8, "crash": 3, "delay": 3, "deliver": 4}
        match self.random.choices(list(acts), list(acts.values()))[0]:
            case "work":
                await self._work()
            case "claim":
                await self._claim(self.random.choice(self.members))
            case "answer":
                await self._answer()
            case "beat":
                await self._pass_time()
            case "crash":
                await self._crash(self.random.choice(self.members))
            case "delay":
                self._delay(self.random.choice(self.members))
            case _ if self.late:
                await self._end(*self.late.pop(self.random.randrange(len(self.late))))

    async def _claim(self, member: Member) -> None:
        room = SLOTS - len(member.held)
        if room > 0:
            turn = await queue.turn(self.database.single, worker=member.name, ended=[], tags=TAGS, limit=room)
            self._take(member, turn.claimed)

    def _take(self, member: Member, claimed: list[ClaimedJob]) -> None:
        for job in claimed:
            assert job.may_run
            assert job.id not in self.recorded, f"{job.flow_step_id} runs again though its result was recorded"
            member.held[job.id] = job

    async def _answer(self) -> None:
        """Somebody answers what waits, or what will once a step has ended that still runs."""
        asked = [(row["level_id"], row["step"], row["step_job"]) for row in await self.database.single.fetch_all(ASKED)]
        held = (job for member in self.members for job in member.held.values() if job.kind not in FLOW_KINDS)
        asked += [(job.parent_job, job.flow_step_id, job.id) for job in held if job.flow_step_id in self.maker.asking]
        if not asked:
            return
        level, step, job_id = self.random.choice(asked)
        self.answers += 1
        answer = approvals.NewAnswer(
            job_id=job_id,
            resume_id=self.answers,
            level=level,
            step=step,
            approved=step not in self.maker.disapproved,
            payload=Json(str(ANSWER).encode()),
            approver="ann",
            email=EMAIL,
            groups=[],
        )
        async with self.database.transaction(WORKSPACE) as tx:
            if await approvals.hold(tx, WORKSPACE, level):
                await approvals.add(tx, WORKSPACE, answer)
                await approvals.wake(tx, level)

    async def _work(self) -> None:
        """Up to three jobs end at the same moment, at whichever workers."""
        held = [(member, job) for member in self.members for job in member.held.values()]
        self.random.shuffle(held)
        await asyncio.gather(*(self._end(member, job) for member, job in held[: self.random.randint(1, 3)]))

    async def _end(self, member: Member, job: ClaimedJob) -> None:
        member.held.pop(job.id, None)
        if job.kind in FLOW_KINDS:
            answer = await member.flows.look(job)
        else:
            ended = self._played(member, job)
            answer = await member.flows.end(job, ended)
            if answer is Refused.NO_FLOW:
                await queue.turn(self.database.single, worker=member.name, ended=[ended], tags=[], limit=0)
        assert answer is not Refused.UNSEEN
        if isinstance(answer, list):
            if job.kind not in FLOW_KINDS:
                self.recorded.add(job.id)
            self._take(member, answer)

    def _played(self, member: Member, job: ClaimedJob) -> Ended:
        assert job.parent_job is not None
        assert job.flow_step_id is not None
        tries = self.tries[job.parent_job, job.flow_step_id]
        if job.id not in tries:
            tries.append(job.id)
        if job.id in member.canceled:
            error = queue.error_result("Canceled", "enough")
            return _ended(job, "canceled", json.loads(error.raw), EndReason.CANCELED)
        succeeded, result = play(job.content or "", json.loads(job.args or b"{}"), tries.index(job.id))
        return _ended(job, "success" if succeeded else "failure", result, None if succeeded else EndReason.ERROR)

    def _may_lose(self, jobs: list[ClaimedJob]) -> bool:
        if any(self.losses[job.id] >= MOST_LOSSES for job in jobs):
            return False
        self.losses.update(job.id for job in jobs)
        return True

    async def _crash(self, member: Member) -> None:
        """A worker dies: with nothing sent, or just after something was kept whose answer it never got."""
        if not self._may_lose(list(member.held.values())):
            return
        if member.held and self.random.random() < 0.5:
            before = set(member.held)
            await self._end(member, self.random.choice(list(member.held.values())))
            self.losses.update(member.held.keys() - before)
        self.members[self.members.index(member)] = self._member()

    def _delay(self, member: Member) -> None:
        """A worker is frozen while it ends a job: what it sends comes when others may have taken the job over."""
        if member.held and self._may_lose([job := self.random.choice(list(member.held.values()))]):
            del member.held[job.id]
            self.late.append((member, job))

    async def _pass_time(self) -> None:
        """A minute passes, in which those who live confirm what they hold; the rest is taken away."""
        await self.database.single.execute(OLDER)
        for member in self.members:
            held = [(job.id, job.attempt) for job in member.held.values()]
            beats = await queue.heartbeat(self.database.single, worker=member.name, held=held)
            member.canceled |= {job for job, beat in beats.items() if beat.canceled_by is not None}
            member.held = {job: each for job, each in member.held.items() if job in beats}
        await queue.expire(self.database, lease_s=LEASE_S)


def _ended(job: ClaimedJob, status: str, result: object, reason: EndReason | None) -> Ended:
    kept = Kept(inline=Json(json.dumps(result).encode()))
    return Ended(id=job.id, attempt=job.attempt, status=status, result=kept, end_reason=reason)


async def run_seed(
    seed: int, database: Database, parts: WorkerParts
) -> tuple[Outcome, tuple[str, object] | None, bool]:
    """What the flow of a seed must give, what it gave, and whether it was canceled on the way."""
    chance = random.Random(seed)  # it must come again
    maker = Maker(chance, folder=f"u/ann/seed{seed}")
    value, args = maker.flow()
    await deploy(database, maker.deployed)
    crew = Crew(database, parts, chance, maker)
    cancel_after = chance.randrange(60) if chance.random() < 0.15 else None
    flow = await start_flow(database, value, args)
    await crew.work_off(flow, cancel_after=cancel_after)
    return Run(maker, value, args).outcome(), await result_of(database, flow), cancel_after is not None


async def test_flows_give_what_the_model_says_whatever_happens(database: Database, tmp_path: Path) -> None:
    async with worker_parts(database, tmp_path) as parts:
        for seed in SEEDS:
            expected, ended, may_be_canceled = await run_seed(seed, database, parts)
            assert ended is not None, f"SEEDS={seed}:{seed + 1}"
            status, result = ended
            if may_be_canceled and status == "canceled":
                continue
            assert (status, result) == ("failure" if expected.failed else "success", expected.value), (
                f"SEEDS={seed}:{seed + 1}"
            )
