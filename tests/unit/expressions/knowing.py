"""Evaluates expressions where everything is known, and notes what was asked for on the way."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidemill.engine.expressions import javascript
from tidemill.engine.expressions.evaluation import Run, evaluate
from tidemill.engine.expressions.javascript import Limits
from tidemill.engine.expressions.need import Need, NeedKind, Needs

QUICK = Limits(time_s=0.1, memory_bytes=16 << 20)


@dataclass
class Knowing:
    """What is known, by kind and name."""

    roots: Mapping[str, bytes] = field(default_factory=dict)
    results: Mapping[str, bytes] = field(default_factory=dict)
    variables: Mapping[str, bytes] = field(default_factory=dict)
    resources: Mapping[str, bytes] = field(default_factory=dict)
    asked: list[Need] = field(default_factory=list)
    run: Run = javascript.run

    def evaluate(self, expression: str, *, place: str = "", limits: Limits = QUICK) -> bytes:
        have: dict[Need, bytes | None] = {}
        while isinstance(answer := evaluate(expression, have, run=self.run, place=place, limits=limits), Needs):
            for need in answer.wanted:
                assert need.whole not in have, f"{need} is asked for again"
                have[need.whole] = self._of(need)
                self.asked.append(need)
        return answer

    def _of(self, need: Need) -> bytes | None:
        match need.kind:
            case NeedKind.ROOT:
                return self.roots.get(need.name)
            case NeedKind.RESULT:
                return self.results.get(need.name)
            case NeedKind.VARIABLE:
                return self.variables.get(need.name)
            case NeedKind.RESOURCE:
                return self.resources.get(need.name)
