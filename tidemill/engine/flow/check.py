"""What is probably wrong with a flow that can be deployed: told with its place, and in the way of nothing."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from tidemill.engine.flow.written import Written, expressions_of, names_in, passes_input_on, references_in, statics_of
from tidemill.model.flow import (
    BranchAll,
    BranchOne,
    DeployedScript,
    Flow,
    ForLoop,
    InlineScript,
    Static,
    Step,
    Stop,
    SubFlow,
    Transform,
    WhileLoop,
    all_steps,
    inner_steps,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing. `place`: a JSON pointer into the flow's value; "" for the whole."""

    code: str
    place: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Paths of each kind: those that a flow names, or those of them that there are. `versions`: hashes of scripts."""

    scripts: frozenset[str] = frozenset()
    versions: frozenset[str] = frozenset()
    flows: frozenset[str] = frozenset()
    resources: frozenset[str] = frozenset()
    variables: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Takes:
    """The arguments of a script or flow. `takes_any`: others may be passed on to it, too."""

    names: frozenset[str]
    required: frozenset[str] = frozenset()
    takes_any: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a check knows beside the flow.

    Attributes:
        there: what there is of the paths that it names, as far as its author may read it.
        unparsable: the expressions that cannot be parsed, and why.
        arguments: the names in the flow's schema; None where it has none.
        tag: of the flow, which may be made of arguments.
        unparsed: how many of its expressions nobody tried to parse.
        takes: what those scripts and flows take that say so, by kind (script, version, flow) and path or hash.
    """

    there: Paths = field(default_factory=Paths)
    unparsable: Mapping[str, str] = field(default_factory=dict)
    arguments: Collection[str] | None = None
    tag: str | None = None
    unparsed: int = 0
    takes: Mapping[tuple[str, str], Takes] = field(default_factory=dict)


_IN_TEMPLATE: Final = re.compile(r"\$args\[([^\[\].]+)")
_ALWAYS: Final = frozenset({"true", "1"})
_ONLY_IN_ORDER: Final = {
    "retry": "retry",
    "skip_if": "skip_if",
    "stop": "stop_after_if",
    "sleep_s": "sleep",
    "suspend": "suspend",
    "continue_on_error": "continue_on_error",
}
_ONLY_OF_JOBS: Final = {"timeout_s": "timeout", "cache_ttl_s": "cache_ttl"}
"""Attributes of a step with their names on the wire."""
_NEVER: Final = frozenset({"false", "0", "null", "undefined", '""', "''"})


def check(flow: Flow, facts: Facts) -> list[Finding]:
    """All that was found, in the order of the flow."""
    found = [*_of_expressions(flow, facts), *_of_paths(flow, facts.there), *_of_inputs(flow, facts.takes)]
    for steps in _levels(flow):
        found += _of_order(steps)
    found += _of_settings(flow)
    if facts.arguments is not None:
        found += _of_arguments(flow, facts.arguments, tag=facts.tag)
    if facts.unparsed:
        found.append(Finding("not_checked", "", f"{facts.unparsed} more expressions were not parsed: there are many."))
    return found


def paths_named(flow: Flow) -> Paths:
    """The paths of scripts, flows, resources and variables that a flow names."""
    named = list(_named_paths(flow))

    def of(kind: str) -> frozenset[str]:
        return frozenset(path for each, path, _ in named if each == kind)

    return Paths(
        scripts=of("script"),
        versions=of("version"),
        flows=of("flow"),
        resources=of("resource"),
        variables=of("variable"),
    )


def _of_expressions(flow: Flow, facts: Facts) -> Iterator[Finding]:
    ids = {step.id for step in all_steps(flow)}
    for written in expressions_of(flow):
        if (why := facts.unparsable.get(written.text)) is not None:
            yield Finding("unparsable_expression", written.place, why)
            continue
        for step in sorted(names_in(written.text).steps - written.seen):
            yield _not_seen(written, step, is_there=step in ids)


def _not_seen(written: Written, step: str, *, is_there: bool) -> Finding:
    if is_there:
        why = f"The result of step '{step}' is not there yet, or lies inside of a loop or branch: it is undefined here."
        return Finding("step_not_seen", written.place, why)
    return Finding("unknown_step", written.place, f"There is no step '{step}': its result is undefined.")


def _named_paths(flow: Flow) -> Iterator[tuple[str, str, str]]:
    """Kind, path and place of all that is named."""
    for step in all_steps(flow):
        if (run := _runs(step)) is not None:
            yield *run, f"{step.place}/value/{'hash' if run[0] == 'version' else 'path'}"
        for value, place in statics_of(step):
            yield from _references(value, place)
    for name, value in flow.environment.items():
        yield from _references(value, f"/flow_env/{name}")
    for written in expressions_of(flow):
        named = names_in(written.text)
        for path in sorted(named.variables):
            yield "variable", path, written.place
        for path in sorted(named.resources):
            yield "resource", path, written.place


def _runs(step: Step) -> tuple[str, str] | None:
    """Kind and path or hash of what is deployed and run by a step."""
    match step.kind:
        case DeployedScript():
            return ("script", step.kind.path) if step.kind.hash is None else ("version", step.kind.hash)
        case SubFlow():
            return "flow", step.kind.path
        case _:
            return None


def _of_inputs(flow: Flow, takes: Mapping[tuple[str, str], Takes]) -> Iterator[Finding]:
    """What steps pass on to what does not take it, and what they do not pass on."""
    for step in all_steps(flow):
        taken = None if (runs := _runs(step)) is None else takes.get(runs)
        if taken is None or not isinstance(step.kind, DeployedScript | SubFlow):
            continue
        is_flow, place = isinstance(step.kind, SubFlow), step.place
        what = f"{'flow' if is_flow else 'script'} '{step.kind.path}'"
        for name in step.kind.inputs:
            if name not in taken.names and not taken.takes_any:
                then = "its steps see it all the same" if is_flow else "it is left out"
                message = f"The {what} has no argument '{name}': {then}."
                yield Finding("unknown_input", f"{place}/value/input_transforms/{name}", message)
        for name in sorted(taken.required - set(step.kind.inputs)):
            yield Finding(
                "missing_input", f"{place}/value/input_transforms", f"The {what} needs the argument '{name}'."
            )


def _references(value: bytes, place: str) -> Iterator[tuple[str, str, str]]:
    for kind, path in sorted(references_in(value)):
        yield "variable" if kind == "var" else "resource", path, place


def _of_paths(flow: Flow, there: Paths) -> Iterator[Finding]:
    known = {
        "script": there.scripts,
        "version": there.versions,
        "flow": there.flows,
        "resource": there.resources,
        "variable": there.variables,
    }
    for kind, path, place in _named_paths(flow):
        if path not in known[kind]:
            what = f"version '{path}' of a script" if kind == "version" else f"{kind} '{path}'"
            yield Finding(f"missing_{kind}", place, f"There is no {what}, or none that you may read.")


def _levels(flow: Flow) -> Iterator[tuple[Step, ...]]:
    yield flow.steps
    for step in all_steps(flow):
        yield from inner_steps(step)


def _of_order(steps: tuple[Step, ...]) -> Iterator[Finding]:
    """What is never come to in one level."""
    for number, step in enumerate(steps):
        yield from _of_branches(step)
        rest = steps[number + 1 :]
        if rest and any(_text(stop.condition) in _ALWAYS for stop in _stops_after(step)):
            message = f"Step '{step.id}' always stops here, so that '{rest[0].id}' and what follows never runs."
            yield Finding("unreachable_step", rest[0].place, message)


def _stops_after(step: Step) -> list[Stop]:
    """The conditions that may end the level behind a step: that of a loop is looked at after each iteration."""
    is_loop = isinstance(step.kind, ForLoop | WhileLoop)
    stops = (
        None if is_loop else step.stop,
        step.stop_after_all if is_loop or isinstance(step.kind, BranchAll) else None,
    )
    return [stop for stop in stops if stop is not None]


def _of_branches(step: Step) -> Iterator[Finding]:
    kind = step.kind
    if isinstance(kind, ForLoop) and _goes_through_nothing(kind.iterator):
        yield Finding("unreachable_step", f"{step.place}/value/iterator", f"The loop '{step.id}' goes through nothing.")
    if not isinstance(kind, BranchOne):
        return
    always: int | None = None
    for number, branch in enumerate(kind.branches):
        place = f"{step.place}/value/branches/{number}"
        if always is not None:
            yield _unreachable(place, number, f"branch {always} is always chosen before")
        elif _text(branch.condition) in _NEVER:
            yield _unreachable(place, number, "its condition never holds")
        elif _text(branch.condition) in _ALWAYS:
            always = number
    if always is not None and kind.default:
        place = f"{step.place}/value/default"
        yield Finding("unreachable_branch", place, f"The default is never taken: branch {always} always is.")


def _of_settings(flow: Flow) -> Iterator[Finding]:
    """Settings that do nothing where they stand."""
    for step in all_steps(flow):
        if step in (flow.failure, flow.preprocessor):
            yield from _useless(step, _ONLY_IN_ORDER, "is for steps in the order of the flow, and not for this one")
        elif not isinstance(step.kind, InlineScript | DeployedScript | SubFlow):
            yield from _useless(step, _ONLY_OF_JOBS, "is for steps that run a script or a flow, and does nothing here")


def _useless(step: Step, settings: Mapping[str, str], why: str) -> Iterator[Finding]:
    for attribute, name in settings.items():
        if getattr(step, attribute):
            yield Finding("unused_setting", f"{step.place}/{name}", f"'{name}' of step '{step.id}' {why}.")


def _goes_through_nothing(iterator: Transform) -> bool:
    text = iterator.value.decode() if isinstance(iterator, Static) else iterator.text
    return "".join(text.split()).strip(";") == "[]"


def _unreachable(place: str, number: int, why: str) -> Finding:
    return Finding("unreachable_branch", place, f"Branch {number} is never chosen: {why}.")


def _of_arguments(flow: Flow, arguments: Collection[str], *, tag: str | None) -> Iterator[Finding]:
    used = _in_settings(flow, tag)
    compares_all = flow.debounce is not None and flow.debounce.key is None
    is_whole = compares_all or passes_input_on(flow.steps)
    for written in expressions_of(flow):
        if written.place.startswith("/preprocessor_module"):
            continue  # it sees what was sent
        named = names_in(written.text)
        is_whole = is_whole or named.inputs is None or (written.is_first and named.previous)
        inputs = named.inputs or frozenset()
        used |= inputs
        for name in sorted(inputs - {*arguments, "iter"}):
            yield Finding("unknown_argument", written.place, f"The schema of the flow has no argument '{name}'.")
    if flow.preprocessor is None and not is_whole:
        for name in sorted(set(arguments) - used):
            yield Finding("unused_argument", "", f"No step uses the argument '{name}'.")


def _in_settings(flow: Flow, tag: str | None) -> set[str]:
    """The arguments that the tag of the flow, or a key of its calls, is made of, or that are put together."""
    templates = [tag, flow.limit and flow.limit.key, flow.debounce and flow.debounce.key]
    named = {name for template in templates if template for name in _IN_TEMPLATE.findall(template)}
    return named | set(flow.debounce.gathered if flow.debounce else ())


def _text(condition: str) -> str:
    return condition.strip().rstrip(";").strip()
