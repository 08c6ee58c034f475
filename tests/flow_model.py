"""Random flows, and what each must give: a second reading of the rules in docs/concepts/flows.md, as one recursion.

Scripts of these flows are no programs but JSON, which `play` carries out: so that their effects can be counted, and no
process is needed.
"""

import itertools
import json
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

Json = Any
Module = dict[str, Json]

MOST_STEPS: Final = 14
DEEPEST: Final = 3
ANSWER: Final = 7
"""What comes with each approval."""


@dataclass(frozen=True)
class Expression:
    """An expression as it stands in a flow, and what it gives."""

    text: str
    value: Callable[["Scope"], Json]


class Input:
    """Stands for the input of the flow where there is no previous result."""


@dataclass(frozen=True)
class Scope:
    """What an expression sees. `item` and `index` are those of the innermost loop."""

    args: Mapping[str, Json]
    before: Json
    item: Json = None
    index: int | None = None
    result: Json = None
    resume: Json = None

    @property
    def previous(self) -> Json:
        """In a loop the input of the flow has `iter`."""
        if not isinstance(self.before, Input):
            return self.before
        return self.args if self.index is None else {**self.args, "iter": {"index": self.index, "value": self.item}}


@dataclass(frozen=True)
class Outcome:
    """How a step or level ended. `stopped`: by an early stop."""

    value: Json
    failed: bool = False
    stopped: bool = False


def failure(message: str) -> Json:
    """What a script that fails leaves."""
    return {"error": {"name": "ExecutionErr", "message": message}}


def play(content: str, args: Mapping[str, Json], attempt: int) -> tuple[bool, Json]:
    """Whether the script succeeds in its `attempt` (from 0) at a step, and its result."""
    script = json.loads(content)
    if attempt < script.get("fails", 0):
        return False, failure(f"try {attempt} of {script['n']}")
    total = script["n"] + sum(_number(value) for value in args.values())
    many = total % 7 == 0 if "until" not in script else args["a"] >= script["until"]
    return True, {"v": total % 97, "odd": total % 2 == 1, "many": many}


def _number(value: Json) -> int:
    match value:
        case {"v": int(number)}:
            return number
        case bool() | None:
            return 3
        case int(number):
            return number
        case dict() | list():
            return len(value)
        case _:
            return 1


def _at(value: Json, key: str) -> Json:
    return value.get(key) if isinstance(value, dict) else None


ARGUMENTS: Final = (
    Expression("flow_input.n", lambda scope: scope.args["n"]),
    Expression("previous_result", lambda scope: scope.previous),
    Expression("[previous_result, 1]", lambda scope: [scope.previous, 1]),
)
CONDITIONS: Final = (
    Expression("true", lambda _: True),
    Expression("false", lambda _: False),
    Expression("flow_input.flag", lambda scope: scope.args["flag"]),
    Expression("previous_result?.odd", lambda scope: _at(scope.previous, "odd")),
)
STOPS: Final = (
    Expression("result.many", lambda scope: _at(scope.result, "many")),
    Expression("result.v > 60", lambda scope: (_at(scope.result, "v") or 0) > 60),
)
ITERATION: Final = Expression("flow_input.iter.value", lambda scope: scope.item)
ROUND: Final = Expression("flow_input.iter.index", lambda scope: scope.index)
RESUME: Final = Expression("resume", lambda scope: scope.resume)


@dataclass
class Maker:
    """Makes random flows; `count` steps so far."""

    random: random.Random
    folder: str = "u/ann"
    count: int = 0
    deployed: dict[str, dict[str, Json]] = field(default_factory=dict)
    """The flows that steps run, by their paths."""
    asking: set[str] = field(default_factory=set)
    """The steps that approvals are waited for behind."""
    disapproved: set[str] = field(default_factory=set)
    """Those of them that are disapproved."""

    def flow(self) -> tuple[dict[str, Json], dict[str, Json]]:
        """The value of a flow, and its arguments."""
        value = self.value(0, least=2, calm=False)
        return value, {"n": self.random.randrange(100), "flag": self.random.random() < 0.5}

    def value(self, depth: int, *, least: int, calm: bool) -> dict[str, Json]:
        """Steps and perhaps a failure step."""
        value: dict[str, Json] = {"modules": self.steps(depth, least=least, calm=calm)}
        if self.random.random() < 0.4:
            value["failure_module"] = {"id": "failure", "value": _script(self.random.randrange(50), {})}
        return value

    def steps(self, depth: int, *, least: int = 1, in_loop: bool = False, calm: bool = False) -> list[Module]:
        """Steps of a level. `calm`: none of them fails or stops, so that their order does not matter."""
        wanted = self.random.randint(least, 4)
        made: list[Module] = []
        for _ in range(wanted):
            if self.count < MOST_STEPS:
                made.append(self.step(depth, in_loop, calm, behind=made[-1] if made else {}))
        return made

    def step(self, depth: int, in_loop: bool, calm: bool, *, behind: Module) -> Module:
        """One step of any kind, `behind` another."""
        self.count += 1
        module: Module = {"id": f"s{self.count}"}
        kinds = ["script"] * 5 + ["identity"]
        kinds += ["loop", "loop", "while", "one", "all", "flow"] if depth < DEEPEST else []
        kind = self.random.choice(kinds)
        match kind:
            case "script":
                module["value"] = self.script(in_loop, calm, is_resumed="suspend" in behind)
            case "identity":
                module["value"] = {"type": "identity"}
            case "loop":
                module["value"] = self.loop(depth, calm)
            case "while":
                module |= self.while_loop(depth, calm)
            case "flow":
                module["value"] = self.sub_flow(depth, calm)
            case "one":
                module["value"] = self.branch_one(depth, in_loop, calm)
            case _:
                module["value"] = self.branch_all(depth, in_loop, calm)
        self.settings(module, kind, calm)
        return module

    def settings(self, module: Module, kind: str, calm: bool) -> None:
        """What goes for steps of every kind."""
        draw = self.random.random
        if draw() < 0.2:
            self.ask(module, calm)
        elif draw() < 0.1:
            module["skip_if"] = {"expr": self.random.choice(CONDITIONS).text}
        if draw() < 0.07:
            module["mock"] = {"enabled": True, "return_value": {"v": self.random.randrange(97), "odd": draw() < 0.5}}
        if calm:
            return
        if draw() < 0.35:
            module["retry"] = {"constant": {"attempts": self.random.randint(1, 2), "seconds": 0}}
        if draw() < 0.15 and "suspend" not in module:
            module["continue_on_error"] = True
        if draw() < 0.15 and kind != "while" and (kind != "loop" or not module["value"]["parallel"]):
            stop: dict[str, Json] = {"expr": self.random.choice(STOPS).text}
            if kind != "loop" and draw() < 0.3:
                stop["error_message"] = "stopped here"
            module["stop_after_if"] = stop

    def ask(self, module: Module, calm: bool) -> None:
        """Wait for approvals behind a step; where it is not calm, some disapprove."""
        module["suspend"] = {"required_events": self.random.choice([1, 1, 2])}
        self.asking.add(module["id"])
        if not calm and self.random.random() < 0.2:
            self.disapproved.add(module["id"])

    def script(self, in_loop: bool, calm: bool, *, is_resumed: bool) -> Module:
        """A script; some fail at first, some always."""
        choices = [*ARGUMENTS, *([ITERATION] if in_loop else []), *([RESUME, RESUME] if is_resumed else [])]
        inputs = {name: self.random.choice(choices).text for name in "ab"[: self.random.randint(1, 2)]}
        fails = 0 if calm else self.random.choice([0, 0, 0, 0, 1, 9])
        return _script(self.random.randrange(50), inputs, fails=fails)

    def loop(self, depth: int, calm: bool) -> Module:
        """A loop. Where iterations run side by side without all starting at once, none of them fails or stops."""
        parallel = self.random.random() < 0.5
        capped = parallel and self.random.random() < 0.5
        items = list(range(self.random.randrange(5)))
        value: Module = {
            "type": "forloopflow",
            "iterator": {"type": "javascript", "expr": json.dumps(items)},
            "parallel": parallel,
            "skip_failures": self.random.random() < 0.3,
            "modules": self.steps(depth + 1, in_loop=True, calm=calm or capped),
        }
        if capped:
            value["parallelism"] = 2
        return value

    def while_loop(self, depth: int, calm: bool) -> Module:
        """A loop that ends after some rounds. Failures are not excused where there are some: it would never end."""
        skips = self.random.random() < 0.3
        steps = self.steps(depth + 1, least=0, in_loop=True, calm=calm or skips)
        self.count += 1
        last = {
            "id": f"s{self.count}",
            "value": _script(self.random.randrange(50), {"a": ROUND.text}, until=self.random.randrange(3)),
        }
        value: Module = {"type": "whileloopflow", "skip_failures": skips, "modules": [*steps, last]}
        return {"value": value, "stop_after_if": {"expr": STOPS[0].text}}

    def sub_flow(self, depth: int, calm: bool) -> Module:
        """A flow that is deployed, with steps and perhaps a failure step of its own."""
        path = f"{self.folder}/flow{self.count}"
        self.deployed[path] = self.value(depth + 1, least=1, calm=calm)
        inputs = {"n": self.random.choice(ARGUMENTS).text, "flag": self.random.choice(CONDITIONS[:3]).text}
        return {"type": "flow", "path": path, "input_transforms": _expressions(inputs)}

    def branch_one(self, depth: int, in_loop: bool, calm: bool) -> Module:
        """One or two branches and a default, each of which may be empty."""
        branches = [
            {
                "expr": self.random.choice(CONDITIONS).text,
                "modules": self.steps(depth + 1, least=0, in_loop=in_loop, calm=calm),
            }
            for _ in range(self.random.randint(1, 2))
        ]
        default = self.steps(depth + 1, least=0, in_loop=in_loop, calm=calm)
        return {"type": "branchone", "branches": branches, "default": default}

    def branch_all(self, depth: int, in_loop: bool, calm: bool) -> Module:
        """Branches that all run, side by side or one after the other."""
        return {
            "type": "branchall",
            "parallel": self.random.random() < 0.5,
            "branches": [
                {
                    "skip_failure": self.random.random() < 0.4,
                    "modules": self.steps(depth + 1, in_loop=in_loop, calm=calm),
                }
                for _ in range(self.random.randint(1, 3))
            ],
        }


def _script(number: int, inputs: Mapping[str, str], **more: int) -> Module:
    return {
        "type": "rawscript",
        "language": "bash",
        "lock": "",
        "content": json.dumps({"n": number, **more}),
        "input_transforms": _expressions(inputs),
    }


def _expressions(inputs: Mapping[str, str]) -> Module:
    return {name: {"type": "javascript", "expr": text} for name, text in inputs.items()}


_MEANINGS: Final = {each.text: each.value for each in (*ARGUMENTS, *CONDITIONS, *STOPS, ITERATION, ROUND, RESUME)}
LOOPS: Final = ("forloopflow", "whileloopflow")


class Run:
    """What a flow gives, run from its beginning to its end by one who never fails."""

    def __init__(self, maker: Maker, value: Mapping[str, Json], args: Mapping[str, Json]) -> None:
        """`maker`: who made the flow, and knows what it runs and who disapproves."""
        self._maker = maker
        self._value = value
        self._args = args

    def outcome(self) -> Outcome:
        """How the whole flow ends."""
        ended = self.level(self._value["modules"], Scope(args=self._args, before=Input()))
        handler = self._value.get("failure_module")
        if ended.failed and handler is not None:
            _, result = play(handler["value"]["content"], {}, 0)
            return Outcome(result, failed=True)
        return ended

    def level(self, modules: list[Module], scope: Scope) -> Outcome:
        """Steps one after the other."""
        for module in modules:
            ended = self.step(module, scope)
            if ended.stopped:
                return Outcome(ended.value, failed=ended.failed, stopped=not ended.failed)
            if ended.failed and not module.get("continue_on_error"):
                return ended
            scope = replace(scope, before=ended.value, resume=ANSWER if "suspend" in module else None)
        return Outcome(scope.previous)

    def step(self, module: Module, scope: Scope) -> Outcome:
        """One step with all of its tries. `stopped` with `failed`: the level fails, whatever the step says."""
        if "skip_if" in module and _holds(module["skip_if"]["expr"], scope):
            return Outcome(scope.previous)
        if module.get("mock"):
            return self._stopped_behind(module, module["mock"]["return_value"], scope)
        tries = 1 + module.get("retry", {}).get("constant", {}).get("attempts", 0)
        for attempt in range(tries):
            ended = self.attempt(module, scope, attempt)
            if not ended.failed:
                break
        return ended if ended.failed or ended.stopped else self._stopped_behind(module, ended.value, scope)

    def _answered(self, module: Module, result: Json) -> Outcome:
        if "suspend" not in module or module["id"] not in self._maker.disapproved:
            return Outcome(result)
        message = f"What step '{module['id']}' asked for was disapproved by ann."
        return Outcome({"error": {"name": "Disapproved", "message": message}}, failed=True, stopped=True)

    def _stopped_behind(self, module: Module, result: Json, scope: Scope) -> Outcome:
        stop = module.get("stop_after_if")
        is_loop = module["value"]["type"] in LOOPS
        if stop is None or is_loop or not _holds(stop["expr"], replace(scope, result=result)):
            return self._answered(module, result)
        if "error_message" in stop:
            error = {"error": {"name": "EarlyStopError", "message": stop["error_message"]}}
            return Outcome(error, failed=True, stopped=True)
        return Outcome(result, stopped=True)

    def attempt(self, module: Module, scope: Scope, attempt: int) -> Outcome:
        """One try at a step."""
        value = module["value"]
        match value["type"]:
            case "identity":
                return Outcome(scope.previous)
            case "rawscript":
                succeeded, result = play(value["content"], _arguments(value, scope), attempt)
                return Outcome(result, failed=not succeeded)
            case "flow":
                below = Run(self._maker, self._maker.deployed[value["path"]], _arguments(value, scope)).outcome()
                return replace(below, stopped=False)
            case "branchone":
                return self.level(_chosen(value, scope), scope)
            case "branchall":
                return self.all_of(value, scope)
            case _:
                return self.loop(module, scope)

    def all_of(self, value: Module, scope: Scope) -> Outcome:
        """All branches; the first that fails and is not excused is the failure of all."""
        found, failed = [], None
        for branch in value["branches"]:
            ended = self.level(branch["modules"], scope)
            found.append(ended.value)
            if ended.failed and not branch["skip_failure"]:
                failed = failed or ended
                if not value["parallel"]:
                    break
        return Outcome(found) if failed is None else Outcome(failed.value, failed=True)

    def loop(self, module: Module, scope: Scope) -> Outcome:
        """The steps for each item; one after the other, until one fails or stops."""
        value, found, failed = module["value"], [], None
        for index, item in self._rounds(value):
            seen = replace(scope, item=item, index=index)
            ended = self.level(value["modules"], seen)
            found.append(ended.value)
            if ended.failed and not value["skip_failures"]:
                failed = failed or ended
            if not value.get("parallel") and (failed or ended.stopped or self._ends_loop(module, ended, scope)):
                break
        return Outcome(found) if failed is None else Outcome(failed.value, failed=True)

    @staticmethod
    def _rounds(value: Module) -> Iterable[tuple[int, Json]]:
        if value["type"] == "whileloopflow":
            return ((index, index) for index in itertools.count())
        return enumerate(json.loads(value["iterator"]["expr"]))

    @staticmethod
    def _ends_loop(module: Module, ended: Outcome, scope: Scope) -> bool:
        stop = module.get("stop_after_if")
        return stop is not None and not ended.failed and _holds(stop["expr"], replace(scope, result=ended.value))


def _arguments(value: Module, scope: Scope) -> dict[str, Json]:
    return {name: _MEANINGS[each["expr"]](scope) for name, each in value["input_transforms"].items()}


def _chosen(value: Module, scope: Scope) -> list[Module]:
    for branch in value["branches"]:
        if _holds(branch["expr"], scope):
            return list(branch["modules"])
    return list(value["default"])


def _holds(text: str, scope: Scope) -> bool:
    return bool(_MEANINGS[text](scope))
