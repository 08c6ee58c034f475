"""Reads the value of an OpenFlow. What is wrong is told with its place, as a JSON pointer."""

import re
from collections.abc import Mapping
from typing import Final, cast

from tidemill.model import writtenjson
from tidemill.model.errors import InvalidFlow
from tidemill.model.flow import (
    FAILURE_ID,
    PREPROCESSOR_ID,
    Branch,
    BranchAll,
    BranchOne,
    Debounce,
    DeployedScript,
    Expression,
    Flow,
    ForLoop,
    Identity,
    InlineScript,
    Inputs,
    Kind,
    Limit,
    Retry,
    Static,
    Step,
    Stop,
    SubFlow,
    Suspend,
    Transform,
    WhileLoop,
    all_steps,
)
from tidemill.model.writtenjson import JsonValue, Written

MAX_STEPS: Final = 5000
_ID: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_MAX_SECONDS: Final = 10 * 366 * 86400
_NESTING: Final = 40


def read_flow(raw: bytes) -> Flow:
    """The flow that the JSON text `raw` (checked before) is the value of.

    Raises:
        InvalidFlow: it is none; the message names the place.
    """
    fields = _object(writtenjson.loads(raw), "")
    steps = _steps(fields.get("modules"), "/modules", 0)
    failure = fields.get("failure_module")
    preprocessor = fields.get("preprocessor_module")
    flow = Flow(
        steps=steps,
        failure=None if failure is None else _step(failure, "/failure_module", 0, fixed_id=FAILURE_ID),
        preprocessor=None
        if preprocessor is None
        else _step(preprocessor, "/preprocessor_module", 0, fixed_id=PREPROCESSOR_ID),
        same_worker=_flag(fields, "same_worker", ""),
        keeps_step_tags=_flag(fields, "preserve_step_tags", ""),
        limit=_limit(fields, ""),
        debounce=_debounce(fields, ""),
        skip_if=_condition(fields.get("skip_expr"), "/skip_expr"),
        cache_ttl_s=_seconds(fields, "cache_ttl", ""),
        delete_after_s=None
        if fields.get("delete_after_secs") is None
        else _seconds(fields, "delete_after_secs", "") or 1,
        environment=_environment(fields.get("flow_env")),
        priority=_number(fields, "priority", "", most=100),
        early_return=_optional_text(fields, "early_return", ""),
    )
    _check_ids(flow)
    return flow


def _check_ids(flow: Flow) -> None:
    seen: dict[str, str] = {}
    for number, step in enumerate(all_steps(flow)):
        if number == MAX_STEPS:
            raise InvalidFlow(f"A flow has at most {MAX_STEPS} steps.")
        if step.id in seen:
            raise InvalidFlow(f"The id {step.id!r} is taken twice: at {seen[step.id]} and at {step.place}.")
        seen[step.id] = step.place
    if flow.early_return is not None and flow.early_return not in {step.id for step in flow.steps}:
        raise InvalidFlow(f"/early_return names the step {flow.early_return!r}, which there is not at the top.")


def _steps(value: JsonValue, place: str, depth: int) -> tuple[Step, ...]:
    if value is None:
        return ()
    if depth > _NESTING:
        raise InvalidFlow(f"{place} lies deeper than {_NESTING} loops and branches.")
    return tuple(_step(each, f"{place}/{number}", depth) for number, each in enumerate(_list(value, place)))


def _step(value: JsonValue, place: str, depth: int, *, fixed_id: str = "") -> Step:
    fields = _object(value, place)
    step_id = fixed_id or _text(fields, "id", place)
    if not _ID.fullmatch(step_id):
        raise InvalidFlow(f"{place}/id {step_id[:80]!r} must be a letter with letters, digits, '_' and '-' behind it.")
    return Step(
        id=step_id,
        kind=_kind(_object(fields.get("value"), f"{place}/value"), f"{place}/value", depth),
        place=place,
        summary=_optional_text(fields, "summary", place) or "",
        stop=_stop(fields.get("stop_after_if"), f"{place}/stop_after_if"),
        stop_after_all=_stop(fields.get("stop_after_all_iters_if"), f"{place}/stop_after_all_iters_if"),
        skip_if=_condition_of(fields.get("skip_if"), f"{place}/skip_if"),
        sleep_s=_optional_transform(fields, "sleep", place),
        timeout_s=_optional_transform(fields, "timeout", place),
        cache_ttl_s=_seconds(fields, "cache_ttl", place),
        mock=_mock(fields.get("mock"), f"{place}/mock"),
        suspend=_suspend(fields.get("suspend"), f"{place}/suspend"),
        retry=_retry(fields.get("retry"), f"{place}/retry"),
        priority=_number(fields, "priority", place, most=100),
        delete_after_use=_flag(fields, "delete_after_use", place) or fields.get("delete_after_secs") is not None,
        continue_on_error=_flag(fields, "continue_on_error", place),
        debounce=None
        if fields.get("debouncing") is None
        else _debounce(_object(fields["debouncing"], f"{place}/debouncing"), f"{place}/debouncing"),
        has_token_scopes=fields.get("job_token_scopes") is not None,
    )


def _kind(fields: Mapping[str, JsonValue], place: str, depth: int) -> Kind:
    match fields.get("type"):
        case "rawscript":
            return InlineScript(
                language=_text(fields, "language", place),
                content=_text(fields, "content", place),
                inputs=_inputs(fields, place),
                lock=_optional_text(fields, "lock", place),
                path=_optional_text(fields, "path", place),
                tag=_optional_text(fields, "tag", place) or None,
                limit=_limit(fields, place),
            )
        case "script":
            return DeployedScript(
                path=_text(fields, "path", place),
                inputs=_inputs(fields, place),
                hash=_optional_text(fields, "hash", place) or None,
                tag=_optional_text(fields, "tag_override", place) or None,
            )
        case "flow":
            return SubFlow(path=_text(fields, "path", place), inputs=_inputs(fields, place))
        case "identity":
            return Identity()
        case "forloopflow":
            return ForLoop(
                iterator=_transform(fields.get("iterator"), f"{place}/iterator"),
                steps=_steps(fields.get("modules"), f"{place}/modules", depth + 1),
                skip_failures=_flag(fields, "skip_failures", place),
                parallel=_flag(fields, "parallel", place),
                parallelism=_number_or_transform(fields, "parallelism", place),
            )
        case "whileloopflow":
            return WhileLoop(
                steps=_steps(fields.get("modules"), f"{place}/modules", depth + 1),
                skip_failures=_flag(fields, "skip_failures", place),
            )
        case "branchone":
            return BranchOne(
                branches=_branches(fields, place, depth, chosen=True),
                default=_steps(fields.get("default"), f"{place}/default", depth + 1),
            )
        case "branchall":
            return BranchAll(
                branches=_branches(fields, place, depth, chosen=False), parallel=_flag(fields, "parallel", place)
            )
        case other:
            raise InvalidFlow(f"{place}/type {_shown(other)} is no kind of step; known are: {', '.join(_KINDS)}.")


_KINDS: Final = (
    *("rawscript", "script", "flow", "identity", "forloopflow", "whileloopflow", "branchone", "branchall"),
)


def _branches(fields: Mapping[str, JsonValue], place: str, depth: int, *, chosen: bool) -> tuple[Branch, ...]:
    found = []
    for number, value in enumerate(_list(fields.get("branches"), f"{place}/branches")):
        at = f"{place}/branches/{number}"
        branch = _object(value, at)
        found.append(
            Branch(
                steps=_steps(branch.get("modules"), f"{at}/modules", depth + 1),
                summary=_optional_text(branch, "summary", at) or "",
                condition=_text(branch, "expr", at) if chosen else "",
                skip_failure=_flag(branch, "skip_failure", at),
            )
        )
    return tuple(found)


def _inputs(fields: Mapping[str, JsonValue], place: str) -> Inputs:
    given = fields.get("input_transforms")
    if given is None:
        return {}
    at = f"{place}/input_transforms"
    return {name: _transform(value, f"{at}/{name}") for name, value in _object(given, at).items()}


def _transform(value: JsonValue, place: str) -> Transform:
    fields = _object(value, place)
    match fields.get("type"):
        case "static":
            return Static(writtenjson.dumps(fields.get("value")))
        case "javascript":
            return Expression(_text(fields, "expr", place))
        case other:
            raise InvalidFlow(f"{place}/type {_shown(other)} must be 'static' or 'javascript'.")


def _optional_transform(fields: Mapping[str, JsonValue], name: str, place: str) -> Transform | None:
    value = fields.get(name)
    return None if value is None else _number_or_transform(fields, name, place)


def _number_or_transform(fields: Mapping[str, JsonValue], name: str, place: str) -> Transform | None:
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, Written) or (isinstance(value, int) and not isinstance(value, bool)):
        return Static(writtenjson.dumps(value))
    return _transform(value, f"{place}/{name}")


def _stop(value: JsonValue, place: str) -> Stop | None:
    if value is None:
        return None
    fields = _object(value, place)
    return Stop(
        condition=_text(fields, "expr", place),
        skipped=_flag(fields, "skip_if_stopped", place),
        error=_optional_text(fields, "error_message", place),
        with_result=_flag(fields, "error_include_result", place),
    )


def _condition_of(value: JsonValue, place: str) -> str | None:
    return None if value is None else _condition(_object(value, place).get("expr"), f"{place}/expr")


def _condition(value: JsonValue, place: str) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or isinstance(value, Written):
        raise InvalidFlow(f"{place} must be the text of an expression.")
    return value


def _mock(value: JsonValue, place: str) -> bytes | None:
    if value is None:
        return None
    fields = _object(value, place)
    return writtenjson.dumps(fields.get("return_value")) if _flag(fields, "enabled", place) else None


def _suspend(value: JsonValue, place: str) -> Suspend | None:
    if value is None:
        return None
    fields = _object(value, place)
    form = fields.get("resume_form")
    schema = None if form is None else _object(form, f"{place}/resume_form").get("schema")
    required = _number(fields, "required_events", place, most=1000)
    return Suspend(
        required=1 if required is None else required,
        timeout_s=_optional_transform(fields, "timeout", place),
        form=writtenjson.dumps(schema),
        needs_account=_flag(fields, "user_auth_required", place),
        groups=_optional_transform(fields, "user_groups_required", place),
        no_self_approval=_flag(fields, "self_approval_disabled", place),
        hides_cancel=_flag(fields, "hide_cancel", place),
        goes_on_anyway=_flag(fields, "continue_on_disapprove_timeout", place),
        is_minimal=fields.get("skin") == "minimal",
    )


def _retry(value: JsonValue, place: str) -> Retry | None:
    if value is None:
        return None
    fields = dict(_object(value, place))
    condition = _condition_of(fields.pop("retry_if", None), f"{place}/retry_if")
    return Retry(policy=cast("Mapping[str, object]", fields), condition=condition)


def _limit(fields: Mapping[str, JsonValue], place: str) -> Limit | None:
    count = _number(fields, "concurrent_limit", place, most=1_000_000)
    if not count:
        return None
    key = fields.get("concurrency_key") or fields.get("custom_concurrency_key")
    if key is not None and not isinstance(key, str):
        raise InvalidFlow(f"{place}/concurrency_key must be a text.")
    return Limit(count=count, window_s=_seconds(fields, "concurrency_time_window_s", place), key=key)


def _debounce(fields: Mapping[str, JsonValue], place: str) -> Debounce | None:
    delay_s = _seconds(fields, "debounce_delay_s", place)
    if not delay_s:
        return None
    gathered = fields.get("debounce_args_to_accumulate")
    names = [] if gathered is None else _list(gathered, f"{place}/debounce_args_to_accumulate")
    if not all(isinstance(name, str) and not isinstance(name, Written) and "\0" not in name for name in names):
        raise InvalidFlow(f"{place}/debounce_args_to_accumulate must be a list of names of arguments, without NUL.")
    return Debounce(
        delay_s=delay_s,
        key=_optional_text(fields, "debounce_key", place) or None,
        gathered=tuple(map(str, names)),
        most_s=_seconds(fields, "max_total_debouncing_time", place),
        most=_number(fields, "max_total_debounces_amount", place, most=1_000_000) or None,
    )


def _environment(value: JsonValue) -> Mapping[str, bytes]:
    if value is None:
        return {}
    return {name: writtenjson.dumps(each) for name, each in _object(value, "/flow_env").items()}


def _seconds(fields: Mapping[str, JsonValue], name: str, place: str) -> int | None:
    value = fields.get(name)
    if isinstance(value, Written):
        return _whole(value, f"{place}/{name}")
    return _number(fields, name, place, most=_MAX_SECONDS) or None


def _whole(value: Written, place: str) -> int | None:
    """Seconds that were written with a point, as clients do that know only floats."""
    number = float(value)
    if not 0 <= number <= _MAX_SECONDS:
        raise InvalidFlow(f"{place} must be a number of seconds from 0 to {_MAX_SECONDS}.")
    return int(number) or None


def _number(fields: Mapping[str, JsonValue], name: str, place: str, *, most: int) -> int | None:
    value = fields.get(name)
    if isinstance(value, Written) and float(value).is_integer():
        value = int(float(value))
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise InvalidFlow(f"{place}/{name} must be a whole number from 0 to {most}.")
    return value


def _flag(fields: Mapping[str, JsonValue], name: str, place: str) -> bool:
    value = fields.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise InvalidFlow(f"{place}/{name} must be true or false.")
    return value


def _text(fields: Mapping[str, JsonValue], name: str, place: str) -> str:
    value = _optional_text(fields, name, place)
    if value is None:
        raise InvalidFlow(f"{place}/{name} is missing.")
    return value


def _optional_text(fields: Mapping[str, JsonValue], name: str, place: str) -> str | None:
    value = fields.get(name)
    if value is not None and (not isinstance(value, str) or isinstance(value, Written)):
        raise InvalidFlow(f"{place}/{name} must be a text.")
    if value is not None and "\0" in value:
        raise InvalidFlow(f"{place}/{name} holds the character NUL, which no step can be run with.")
    return value


def _object(value: JsonValue, place: str) -> Mapping[str, JsonValue]:
    if not isinstance(value, dict):
        raise InvalidFlow(f"{place or 'The value of a flow'} must be an object.")
    return value


def _list(value: JsonValue, place: str) -> list[JsonValue]:
    if not isinstance(value, list):
        raise InvalidFlow(f"{place} must be a list.")
    return value


def _shown(value: JsonValue) -> str:
    return repr(value)[:80]
