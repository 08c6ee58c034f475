"""Where expressions and values stand in a flow, and what their text names: read without running anything."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tidemill.model.flow import (
    BranchOne,
    DeployedScript,
    Expression,
    Flow,
    ForLoop,
    Identity,
    InlineScript,
    Static,
    Step,
    SubFlow,
    Transform,
    WhileLoop,
    inner_steps,
)


@dataclass(frozen=True, slots=True)
class Written:
    """An expression at its place.

    Attributes:
        seen: the steps whose results are there when it is evaluated.
        is_first: nothing was before, so that the previous result is the input of the flow.
    """

    text: str
    place: str
    seen: frozenset[str]
    is_first: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """What the text of an expression names. `inputs` None: the input of the flow as a whole, or what cannot be told."""

    steps: frozenset[str]
    inputs: frozenset[str] | None
    previous: bool
    variables: frozenset[str]
    resources: frozenset[str]


_MEMBER: Final = (
    r"""\s*(?:(?:\?\.|\.)\s*(?P<{0}>[A-Za-z_$][\w$]*)"""
    r"""|(?:\?\.)?\[\s*(?P<{0}_quote>["'])(?P<{0}_key>[^"'\\\n]*)(?P={0}_quote)\s*\])"""
)
_TOKEN: Final = re.compile(
    rf"""
      (?P<skip> //[^\n]* | /\*.*?\*/ | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' )
    | (?<![\w$.]) (?: (?P<results>results) (?:{_MEMBER.format("step")})
                    | (?P<whole>flow_input) (?![\w$]) (?:{_MEMBER.format("input")})?
                    | (?P<previous>previous_result) (?![\w$])
                    | (?P<kind>variable|resource) \s* \( \s* (?P<quote>["'`]) (?P<path>[^"'`\\$\n]+) (?P=quote) \s* \) )
    """,
    re.VERBOSE | re.DOTALL,
)
_REFERENCE: Final = re.compile(rb'"\$(var|res):([^"\\]+)"')


def names_in(text: str) -> Named:
    """What `text` names."""
    steps, inputs, found = set(), set(), {"variable": set[str](), "resource": set[str]()}
    is_whole = previous = False
    for match in _TOKEN.finditer(text):
        if match["results"]:
            steps.add(match["step"] or match["step_key"] or "")
        elif match["whole"]:
            name = match["input"] or match["input_key"]
            is_whole = is_whole or name is None
            inputs.add(name or "")
        elif match["kind"]:
            found[match["kind"]].add(match["path"])
        previous = previous or match["previous"] is not None
    return Named(
        steps=frozenset(steps),
        inputs=None if is_whole else frozenset(inputs),
        previous=previous,
        variables=frozenset(found["variable"]),
        resources=frozenset(found["resource"]),
    )


def references_in(value: bytes) -> frozenset[tuple[str, str]]:
    """The references in the JSON text of a value: `var` or `res`, and the path."""
    return frozenset((kind.decode(), path.decode()) for kind, path in _REFERENCE.findall(value))


def expressions_of(flow: Flow) -> Iterator[Written]:
    """All expressions of a flow."""
    nothing: frozenset[str] = frozenset()
    if flow.skip_if is not None:
        yield Written(flow.skip_if, "/skip_expr", nothing, is_first=True)
    yield from _of_level(flow.steps, nothing, is_first=True)
    for step in (flow.failure, flow.preprocessor):
        if step is not None:
            seen = nothing if step is flow.preprocessor else frozenset(each.id for each in flow.steps)
            yield from _of_step(step, seen, is_first=not seen)


def statics_of(step: Step) -> Iterator[tuple[bytes, str]]:
    """The values that stand in a step, as JSON text, with their places."""
    for transform, place in _transforms_of(step):
        if isinstance(transform, Static):
            yield transform.value, place


def _of_level(steps: tuple[Step, ...], around: frozenset[str], *, is_first: bool) -> Iterator[Written]:
    seen = around
    for step in steps:
        yield from _of_step(step, seen, is_first=is_first)
        for inner in inner_steps(step):
            before = {each.id for each in inner} if isinstance(step.kind, WhileLoop) else set()
            yield from _of_level(inner, seen | before, is_first=is_first)
        seen, is_first = seen | {step.id}, False
        yield from _after_step(step, seen)


def _of_step(step: Step, seen: frozenset[str], *, is_first: bool) -> Iterator[Written]:
    if step.skip_if is not None:
        yield Written(step.skip_if, f"{step.place}/skip_if/expr", seen, is_first)
    for transform, place in _transforms_of(step):
        if isinstance(transform, Expression):
            yield Written(transform.text, place, seen, is_first)
    if isinstance(step.kind, BranchOne):
        for number, branch in enumerate(step.kind.branches):
            yield Written(branch.condition, f"{step.place}/value/branches/{number}/expr", seen, is_first)


def _after_step(step: Step, seen: frozenset[str]) -> Iterator[Written]:
    for stop, name in ((step.stop, "stop_after_if"), (step.stop_after_all, "stop_after_all_iters_if")):
        if stop is not None:
            yield Written(stop.condition, f"{step.place}/{name}/expr", seen)
    if step.retry is not None and step.retry.condition is not None:
        yield Written(step.retry.condition, f"{step.place}/retry/retry_if/expr", seen)
    if isinstance(step.sleep_s, Expression):
        yield Written(step.sleep_s.text, f"{step.place}/sleep", seen)
    if step.suspend is not None:
        named = ((step.suspend.timeout_s, "timeout"), (step.suspend.groups, "user_groups_required"))
        for transform, name in named:
            if isinstance(transform, Expression):
                yield Written(transform.text, f"{step.place}/suspend/{name}", seen)


def _transforms_of(step: Step) -> Iterator[tuple[Transform, str]]:
    kind = step.kind
    if isinstance(kind, InlineScript | DeployedScript | SubFlow):
        for name, transform in kind.inputs.items():
            yield transform, f"{step.place}/value/input_transforms/{name}"
    if isinstance(kind, ForLoop):
        yield kind.iterator, f"{step.place}/value/iterator"
        if kind.parallelism is not None:
            yield kind.parallelism, f"{step.place}/value/parallelism"
    if step.timeout_s is not None:
        yield step.timeout_s, f"{step.place}/timeout"


def passes_input_on(steps: tuple[Step, ...]) -> bool:
    """Whether the input of the flow may become the result of `steps`, its first ones or those inside of such a one."""
    if not steps:
        return True
    first = steps[0]
    is_passed = isinstance(first.kind, Identity) or first.skip_if is not None
    return is_passed or any(passes_input_on(inner) for inner in inner_steps(first))
