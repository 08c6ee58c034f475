"""Evaluators: what they have left, what happens when they take long or end, that they are kept and shared by nobody."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tidemill.engine.expressions.javascript import Limits, Touched
from tidemill.engine.expressions.need import Need, NeedKind
from tidemill.evaluators.evaluators import Evaluators
from tidemill.evaluators.messages import Evaluation, Question, ask, question_of
from tidemill.evaluators.process import Evaluator
from tidemill.model.errors import ExpressionFailed

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the filter of system calls is there on Linux only")
LARGE = b'"' + b"x" * 2_000_000 + b'"'


@pytest.fixture
async def evaluators() -> AsyncIterator[Evaluators]:
    async with Evaluators(most=2) as found:
        yield found


def question(expression: str, time_s: float = 1.0, **roots: bytes) -> Question:
    given = {Need(NeedKind.ROOT, name): value for name, value in roots.items()}
    return question_of(expression, given, names=["flow_input"], limits=Limits(time_s=time_s))


@LINUX
def test_an_evaluator_has_nothing_but_its_socket() -> None:
    evaluator = Evaluator()
    try:
        evaluator.get_ready()
        for thread in Path(f"/proc/{evaluator.pid}/task").iterdir():  # the engine has one that ends what takes long
            status = dict(line.split(":\t", 1) for line in (thread / "status").read_text().splitlines())
            assert status["Seccomp"] == "2"
            assert status["NoNewPrivs"] == "1"
            if os.geteuid() == 0:
                assert "0" not in status["Uid"].split("\t")
        if os.geteuid() == 0:
            assert len(list(Path(f"/proc/{evaluator.pid}/fd").iterdir())) == 2  # the socket, and where errors go
    finally:
        evaluator.close()


async def test_an_evaluator_is_kept_and_belongs_to_one_owner(evaluators: Evaluators) -> None:
    asked = question("[...flow_input].length", flow_input=b'"abc"')
    assert evaluators.at_once("w/u/ann", asked) is None
    assert await evaluators.answer("w/u/ann", asked) == Evaluation(value=b"3")
    assert evaluators.at_once("w/u/bob", asked) is None
    answers = [evaluators.at_once("w/u/ann", asked) for _ in range(20)]
    assert Evaluation(value=b"3") in answers
    await asyncio.gather(*(evaluators.answer("w/u/ann", asked) for _ in range(3)))


async def test_large_values_go_to_and_fro(evaluators: Evaluators) -> None:
    answer = await evaluators.answer("w/u/ann", question("flow_input + '!'", flow_input=LARGE))
    assert answer.value == LARGE[:-1] + b'!"'


async def test_what_is_not_known_is_told(evaluators: Evaluators) -> None:
    answer = await evaluators.answer("w/u/ann", question("flow_input.a + 1"))
    assert answer.told() == Touched(Need(NeedKind.ROOT, "flow_input"), is_whole=False)


async def test_a_slow_answer_is_brought_later(evaluators: Evaluators) -> None:
    await evaluators.answer("w/u/ann", question("1"))
    slow = question("let n = 0; while (n < 4e6) n++; return n", 20)
    assert evaluators.at_once("w/u/ann", slow) is None
    assert (await evaluators.answer("w/u/ann", slow)).told() == b"4000000"


async def test_one_that_does_not_keep_to_the_limit_is_killed(evaluators: Evaluators) -> None:
    """As if the engine had a fault: it is asked for less time than it takes for itself."""
    endless = Question(mode="value", expression="while (true);", limits=Limits(time_s=30))
    evaluator = Evaluator()
    evaluator.get_ready()
    with pytest.raises(ExpressionFailed, match=r"took more than 0\.01 s"):
        await asyncio.to_thread(evaluator.ask, ask(endless), limits=Limits(time_s=0.01))
    assert not evaluator.is_alive


async def test_after_one_has_ended_another_takes_its_place(evaluators: Evaluators) -> None:
    assert (await evaluators.answer("w/u/ann", question("1 + 1"))).told() == b"2"
    (evaluator,) = evaluators.running
    os.kill(evaluator.pid, signal.SIGSTOP)
    waiting = asyncio.create_task(evaluators.answer("w/u/ann", question("2 + 2")))
    await asyncio.sleep(0)
    os.kill(evaluator.pid, signal.SIGKILL)
    with pytest.raises(ExpressionFailed, match="ended the process"):
        await waiting
    assert (await evaluators.answer("w/u/ann", question("3 + 3"))).told() == b"6"


async def test_no_more_than_so_many_are_kept(evaluators: Evaluators) -> None:
    for owner in "abcd":
        assert (await evaluators.answer(owner, question("1 + 1"))).told() == b"2"
    assert len(evaluators.running) == 2
