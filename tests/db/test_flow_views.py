"""Two workers of one flow: what one remembers of it does not hide what the other has done."""

from dataclasses import replace
from pathlib import Path

from tests.flow_workers import WORKSPACE, Member, deploy, result_of, script, start_flow, worker_parts
from tidemill.db import approvals
from tidemill.db.pool import Database
from tidemill.db.queries import inline
from tidemill.evaluators.evaluators import Evaluators
from tidemill.evaluators.messages import Evaluation, Question

STATE_BYTES = inline("select octet_length(state::text) from flow_run where job_id = :id")


async def test_a_worker_ends_a_step_in_a_level_that_has_gone_on_since_it_last_saw_it(
    database: Database, tmp_path: Path
) -> None:
    branches = [{"modules": [script("left")]}, {"modules": [script("right")]}]
    both = {"id": "both", "value": {"type": "branchall", "parallel": True, "branches": branches}}
    iterator = {"type": "javascript", "expr": "[1]"}
    loop = {"id": "loop", "value": {"type": "forloopflow", "iterator": iterator, "modules": [script("each")]}}
    async with worker_parts(database, tmp_path) as parts:
        one, other = Member("one", parts), Member("other", parts)
        flow = await start_flow(database, {"modules": [both, loop]}, {})
        left = await one.claim()
        right = await other.claim()
        await other.end(right)
        await one.end(left)  # the loop begins, which the other worker does not know
        await other.end(await other.claim())
        assert await result_of(database, flow) == ("success", ["each"])


async def test_a_flow_that_asks_as_it_begins_within_another_waits(database: Database, tmp_path: Path) -> None:
    ask = {"id": "ask", "value": {"type": "identity"}, "suspend": {"required_events": 1}}
    below = {"id": "below", "value": {"type": "flow", "path": "u/ann/asks", "input_transforms": {}}}
    async with worker_parts(database, tmp_path) as parts:
        await deploy(database, {"u/ann/asks": {"modules": [ask]}})
        flow = await start_flow(database, {"modules": [script("first"), below]}, {})
        member = Member("one", parts)
        await member.end(await member.claim())
        [waiting] = await approvals.waiting(database.single, WORKSPACE, flow)
        assert waiting.step == "ask"


async def test_the_state_of_a_flow_does_not_grow_with_its_loops(database: Database, tmp_path: Path) -> None:
    inner = [{"id": "each", "value": {"type": "identity"}}]
    sizes = []
    async with worker_parts(database, tmp_path) as parts:
        member = Member("one", parts)
        for count in (10, 3000):
            iterator = {"type": "static", "value": ["x" * 100] * count}
            loop = {"type": "forloopflow", "parallel": True, "iterator": iterator, "modules": inner}
            flow = await start_flow(database, {"modules": [{"id": "loop", "value": loop}]}, {})
            await member.look_at_all()
            assert (await result_of(database, flow) or ("",))[0] == "success"
            sizes.append(await database.single.fetch_value(STATE_BYTES, id=flow))
    assert sizes[1] < sizes[0] + 100


class Slow(Evaluators):
    """The answer to the last question takes too long to wait for it."""

    asked = 0

    def at_once(self, owner: str, question: Question) -> Evaluation | None:
        """See `Evaluators`."""
        self.asked += 1
        return None if question.expression.startswith("[19]") else super().at_once(owner, question)


async def test_expressions_that_were_answered_are_not_asked_again_when_a_later_one_takes_long(
    database: Database, tmp_path: Path
) -> None:
    count = 20
    conditions = [f"[{number}].length > 1" for number in range(count)]
    steps = [
        {"id": f"s{n}", "value": {"type": "identity"}, "skip_if": {"expr": expr}} for n, expr in enumerate(conditions)
    ]
    async with worker_parts(database, tmp_path) as parts, Slow() as evaluators:
        member = Member("one", replace(parts, evaluators=evaluators))
        flow = await start_flow(database, {"modules": steps}, {})
        await member.look_at_all()
        assert await result_of(database, flow) == ("success", {})
        assert evaluators.asked == count
