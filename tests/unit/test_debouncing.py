"""Which calls take each other's place, for how long, and what they bring along."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tidemill.db.intake import NewJob
from tidemill.db.pool import Json
from tidemill.db.values import Kept
from tidemill.engine.debouncing import Origin, Rule, rule_of, takes_place, together
from tidemill.engine.flow.commands import Start
from tidemill.engine.flow.state import Place, new_state
from tidemill.model.errors import BadRequest
from tidemill.model.flow import Debounce, Identity, Step
from tidemill.worker.flows.steps import debounced
from tidemill.worker.flows.views import NO_STEPS, View

NOW = datetime(2026, 11, 1, tzinfo=UTC)
ORIGIN = Origin(workspace="w", kind="script", path="f/a/b", actor="u/alice", giver="alice@x")


def key(args: bytes, origin: Origin = ORIGIN, **settings: object) -> str:
    found = rule_of({"debounce_delay_s": 5, **settings}, origin, args)
    assert found is not None
    return found.key


def test_without_a_delay_nothing_waits() -> None:
    assert rule_of({"debounce_key": "x", "debounce_delay_s": 0}, ORIGIN, b"{}") is None


def test_calls_are_the_same_by_what_they_run_and_their_arguments() -> None:
    one = key(b'{"a": 1, "b": [2]}')
    assert key(b'{ "b":[2], "a":1 }') == one
    assert key(b'{"a": 2, "b": [2]}') != one
    for other in (
        Origin(workspace="v", kind="script", path="f/a/b", actor="u/alice", giver="alice@x"),
        Origin(workspace="w", kind="flow", path="f/a/b", actor="u/alice", giver="alice@x"),
        Origin(workspace="w", kind="script", path="f/a/c", actor="u/alice", giver="alice@x"),
        Origin(workspace="w", kind="script", path="f/a/b", actor="u/bob", giver="bob@x"),
    ):
        assert key(b'{"a": 1, "b": [2]}', other) != one


def test_what_is_put_together_does_not_tell_calls_apart() -> None:
    settings: dict[str, Any] = {"debounce_args_to_accumulate": ["items"]}
    assert key(b'{"a": 1, "items": [1]}', **settings) == key(b'{"items": [2, 3], "a": 1}', **settings)
    assert key(b'{"a": 1}', **settings) == key(b'{"a": 1, "items": [1]}', **settings)
    assert key(b'{"a": 1}', **settings) != key(b'{"a": 2}', **settings)


def test_a_key_of_its_own_reaches_beyond_path_and_arguments_but_not_beyond_workspace_and_identity() -> None:
    elsewhere = Origin(workspace="w", kind="flow", path="f/c/d", actor="u/alice", giver="alice@x")
    assert key(b'{"id": 1}', debounce_key="k $args[id]") == key(
        b'{"id": 1, "x": 2}', elsewhere, debounce_key="k $args[id]"
    )
    assert key(b'{"id": 1}', debounce_key="k $args[id]") != key(b'{"id": 2}', debounce_key="k $args[id]")
    stranger = Origin(workspace="w", kind="script", path="f/a/b", actor="u/bob", giver="bob@x")
    assert key(b"{}", debounce_key="k") != key(b"{}", stranger, debounce_key="k")


def test_lists_are_put_together_only_of_what_whoever_gets_them_may_see() -> None:
    def gathered(args: bytes = b'{"items": [1]}', **origin: object) -> str:
        settings = {"debounce_args_to_accumulate": ["items"], "debounce_key": "k"}
        return key(args, replace(ORIGIN, **origin), **settings)  # type: ignore[arg-type]

    assert gathered(giver="bob@x") == gathered(path="f/a/c", kind="flow") == gathered()
    apart = gathered(is_apart=True)
    others = [gathered(path="f/b/b"), apart, gathered(is_hidden=True), gathered(giver="bob@x", is_apart=True)]
    assert len({gathered(), *others}) == 1 + len(others)
    assert gathered(b'{"items": ["$var:u/alice/x"]}') == apart


def test_lists_of_steps_are_put_together_of_what_one_person_started() -> None:
    """Where the flow runs on behalf of somebody else; what others may see of its runs is not asked there."""
    step = Step(id="a", kind=Identity(), debounce=Debounce(delay_s=5, gathered=("items",)))
    who = {"created_by": "x", "permissioned_as": "u/alice", "email": "alice@x", "tag": "t"}
    job = NewJob(id=UUID(int=1), workspace_id="w", kind="script", args=Kept(inline=Json(b"{}")), **who)

    def of(options: bytes) -> str:
        view = View(
            id=UUID(int=2), workspace_id="w", kind="flow", script_hash=1, script_path="f/a/b", priority=0, parent=None,
            root=None, step=None, index=None, schedule_path=None, visible_to_owner=True, args=Kept(), options=options,
            definition=NO_STEPS, state=new_state(Place(source=UUID(int=2))), version=None, is_in_queue=True, **who,
        )  # fmt: skip
        rule = debounced(view, Start(job=job.id, step=step, args={"items": b"[1]"}), job).debounce
        assert rule is not None
        return rule.key

    keys = [of(options) for options in (b"{}", b'{"started_by":"bob@x"}', b'{"started_by":"carol@x"}')]
    assert len(set(keys)) == 3
    assert of(b'{"started_by":"bob@x"}') == keys[1]


@pytest.mark.parametrize("value", [b'"text"', b"1", b"{}", b"true"])
def test_what_is_to_be_put_together_must_be_a_list(value: bytes) -> None:
    with pytest.raises(BadRequest, match="items"):
        key(b'{"items": %s}' % value, debounce_args_to_accumulate=["items"])


@pytest.mark.parametrize(
    ("rule", "replaced", "later_s", "expected"),
    [
        ({}, 10_000, 10**6, True),
        ({"most": 2}, 1, 0, True),
        ({"most": 2}, 2, 0, False),
        ({"most_s": 60}, 0, 59, True),
        ({"most_s": 60}, 0, 60, False),
    ],
)
def test_a_call_waits_only_for_so_long_and_so_many(
    rule: dict[str, int], replaced: int, later_s: int, expected: bool
) -> None:
    wanted = Rule(key="k", delay_s=5, most=rule.get("most"), most_s=rule.get("most_s"))
    now = NOW + timedelta(seconds=later_s)
    assert takes_place(wanted, since=NOW, replaced=replaced, now=now) is expected


def test_lists_of_all_calls_are_put_together_to_the_letter() -> None:
    calls = [b'{"n": 1, "items": [1.10, 1e400]}', b'{"n": 2, "items": [ ]}', b'{"n": 3}', b'{"n": 4, "items": null}']
    assert together([*calls, b'{"n": 5, "items": ["a]"] }'], ["items"]) == b'{"n":5,"items":[1.10, 1e400,"a]"]}'
    assert together(calls, ["items"]) == b'{"n":4,"items":[1.10, 1e400]}'
    assert together([b'{"n": 1}', b'{"n": 2}'], ["items"]) == b'{"n":2}'


def test_lists_with_references_are_put_together_only_of_what_one_person_sent() -> None:
    other = replace(ORIGIN, giver="bob@x")
    settings: dict[str, Any] = {"debounce_args_to_accumulate": ["items"]}
    assert key(b'{"items": ["a"]}', **settings) == key(b'{"items": ["b"]}', other, **settings)
    hidden = {**settings, "visible_to_runner_only": True}
    assert key(b'{"items": ["a"]}', **hidden) != key(b'{"items": ["b"]}', other, **hidden)
    asks = b'{"items": ["$var:u/bob/secret"]}'
    assert key(asks, **settings) != key(b'{"items": ["b"]}', other, **settings)
    assert key(asks, **settings) != key(asks, other, **settings)
    assert key(asks, **settings) == key(b'{"items": ["$res:u/alice/db"]}', **settings)
