"""The evaluators of one process: kept warm, each for one person of one workspace, so that they share nothing."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Self

from tidemill.evaluators.messages import Evaluation, Question, ask
from tidemill.evaluators.process import AT_ONCE_BYTES, Evaluator

_AT_ONCE_S: Final = 0.02
_MOST: Final = 6
_IDLE_S: Final = 120.0
_FORGOTTEN_S: Final = 60.0
_QUESTIONS: Final = 20_000
"""So many an evaluator answers before another takes its place."""


class Evaluators:
    """Use it as `async with`; on leaving, all of them are ended. At most `most` are kept, each for `idle_s`."""

    def __init__(self, *, most: int = _MOST, idle_s: float = _IDLE_S) -> None:
        self._most = most
        self._idle_s = idle_s
        self._idle: OrderedDict[Evaluator, tuple[str, float]] = OrderedDict()
        self._all: set[Evaluator] = set()
        self._slots = asyncio.Semaphore(most)
        self._under_way: dict[tuple[str, Question], asyncio.Task[Evaluation]] = {}
        self._expiry: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        for evaluator in list(self._all):
            self._drop(evaluator)
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    @property
    def running(self) -> frozenset[Evaluator]:
        """Those that there are."""
        return frozenset(self._all)

    def at_once(self, owner: str, question: Question) -> Evaluation | None:
        """The answer, if it comes so soon that one can wait for it; None: `answer` brings it.

        Raises:
            ExpressionFailed: there is none.
        """
        message = ask(question)
        evaluator = self._take(owner) if len(message) <= AT_ONCE_BYTES else None
        if evaluator is None:
            return None
        try:
            answer = evaluator.ask_at_once(message, wait_s=_AT_ONCE_S)
        except BaseException:
            self._drop(evaluator)
            raise
        if answer is None:
            self._go_on(evaluator, owner, question)
        else:
            self._keep(evaluator, owner)
        return answer

    async def answer(self, owner: str, question: Question) -> Evaluation:
        """The answer, however long it takes within the limits of the question.

        Raises:
            ExpressionFailed: there is none.
            Unavailable: no evaluator can be started.
        """
        begun = self._under_way.pop((owner, question), None)
        if begun is not None:
            return await begun
        message = ask(question)
        async with self._slots:
            evaluator = self._take(owner) or await self._started()
            return await self._in_thread(evaluator, owner, lambda: evaluator.ask(message, limits=question.limits))

    async def _started(self) -> Evaluator:
        if len(self._all) >= self._most and self._idle:
            self._drop(next(iter(self._idle)))
        evaluator = Evaluator()
        self._all.add(evaluator)
        try:
            await asyncio.to_thread(evaluator.get_ready)
        except BaseException:
            self._drop(evaluator)
            raise
        return evaluator

    async def _in_thread(self, evaluator: Evaluator, owner: str, work: Callable[[], Evaluation]) -> Evaluation:
        waiting = asyncio.get_running_loop().run_in_executor(None, work)
        waiting.add_done_callback(_look)
        try:
            answer = await asyncio.shield(waiting)
        except BaseException:
            self._drop(evaluator)
            raise
        self._keep(evaluator, owner)
        return answer

    def _go_on(self, evaluator: Evaluator, owner: str, question: Question) -> None:
        """Bring the answer that was not there at once; whoever wants it comes back for it soon."""
        loop = asyncio.get_running_loop()
        rest = loop.create_task(self._in_thread(evaluator, owner, lambda: evaluator.finish(limits=question.limits)))
        rest.add_done_callback(_look)
        self._under_way[owner, question] = rest
        loop.call_later(_FORGOTTEN_S, self._under_way.pop, (owner, question), None)

    def _take(self, owner: str) -> Evaluator | None:
        """The one that was used last by `owner` and is free."""
        for evaluator in reversed(self._idle):
            if self._idle[evaluator][0] == owner:
                del self._idle[evaluator]
                if evaluator.is_alive:
                    return evaluator
                self._drop(evaluator)
                break
        return None

    def _keep(self, evaluator: Evaluator, owner: str) -> None:
        if evaluator not in self._all or evaluator.asked >= _QUESTIONS:
            self._drop(evaluator)
            return
        loop = asyncio.get_running_loop()
        self._idle[evaluator] = (owner, loop.time())
        if self._expiry is None:
            self._expiry = loop.call_later(self._idle_s, self._expire)

    def _expire(self) -> None:
        loop = asyncio.get_running_loop()
        for evaluator, (_, since_s) in list(self._idle.items()):
            if loop.time() >= since_s + self._idle_s:
                self._drop(evaluator)
        oldest = next(iter(self._idle.values()), None)
        self._expiry = None if oldest is None else loop.call_at(oldest[1] + self._idle_s, self._expire)

    def _drop(self, evaluator: Evaluator) -> None:
        self._all.discard(evaluator)
        self._idle.pop(evaluator, None)
        evaluator.close()


def _look(ended: "asyncio.Future[Evaluation]") -> None:
    """Nobody needs to ask how it ended."""
    if not ended.cancelled():
        ended.exception()
