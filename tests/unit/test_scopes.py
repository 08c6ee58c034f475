"""Scopes of tokens: what they permit, and above all what they do not."""

import pytest

from tidemill.engine import scopes
from tidemill.model.errors import BadRequest
from tidemill.model.identity import Scope


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("variables:read", Scope("variables", "read")),
        ("variables:read:f/a/b", Scope("variables", "read", paths=("f/a/b",))),
        ("resources:write:f/a/b,u/x/*", Scope("resources", "write", paths=("f/a/b", "u/x/*"))),
        ("jobs:run", Scope("jobs", "run")),
        ("jobs:run:scripts", Scope("jobs", "run", "scripts")),
        ("jobs:run:scripts:f/x/*", Scope("jobs", "run", "scripts", ("f/x/*",))),
        ("jobs:run:f/x/y", Scope("jobs", "run", paths=("f/x/y",))),
    ],
)
def test_a_scope_is_read_and_written_back_as_it_was(text: str, scope: Scope) -> None:
    assert scopes.parse(text) == scope
    assert str(scope) == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the domain must be one of"),
        ("*", "the domain must be one of"),
        ("variable:read", "variables"),
        ("Variables:read", "variables"),
        ("variables", "has the actions read, write"),
        ("variables:run", "has the actions read, write"),
        ("variables:read:", "domain:action"),
        ("variables:read:f/a/b,", "is not a path"),
        ("variables:read:f/a//b", "segment"),
        ("variables:read:f/a/../b", "segment"),
        ("variables:read:/f/a", "is not a path"),
        ("variables:read:f/a/b*", "whole segments"),
        ("variables:read:scripts:f/a", "is not a path"),
        ("jobs:run:apps:f/a/b", "is not a path"),
        ("jobs:run:scripts:", "domain:action"),
        ("variables:read:f/a/b:f/c", "is not a path"),
    ],
)
def test_a_malformed_scope_is_refused_with_what_is_allowed(text: str, says: str) -> None:
    with pytest.raises(BadRequest, match=r".*") as caught:
        scopes.parse(text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "path", ["f/a/b2", "f/a/bc/d", "f/a", "f/a/", "f/a/b/", "f/a/b/c", "f/ab", "f/A/b", "/f/a/b", "u/a/b"]
)
def test_near_miss_names_do_not_match_an_exact_scope(path: str) -> None:
    granted = [scopes.parse("variables:read:f/a/b")]
    assert scopes.permits(granted, "variables", "read", path="f/a/b")
    assert not scopes.permits(granted, "variables", "read", path=path)


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("f/a/*", "f/a/b", True),
        ("f/a/*", "f/a/b/c", True),
        ("f/a/*", "f/a", False),
        ("f/a/*", "f/a/", False),
        ("f/a/*", "f/ab/c", False),
        ("f/a/*", "u/a/c", False),
        ("f/*", "f/a/b", True),
        ("f/*/x", "f/a/x", True),
        ("f/*/x", "f/a/b/x", False),
        ("*", "f/a/b", True),
        ("*", "u/a/b/c", True),
    ],
)
def test_a_wildcard_stands_for_whole_segments(pattern: str, path: str, fits: bool) -> None:
    assert scopes.matches(pattern, path) is fits


@pytest.mark.parametrize("text", ["jobs:run:scripts:f/x/y", "jobs:run:scripts:*", "jobs:run:f/x/y", "jobs:run:scripts"])
def test_a_narrowed_run_scope_never_permits_a_call_without_a_path(text: str) -> None:
    assert not scopes.permits([scopes.parse(text)], "jobs", "run")


def test_a_run_scope_for_scripts_does_not_run_flows() -> None:
    granted = [scopes.parse("jobs:run:scripts:f/x/*")]
    assert scopes.permits(granted, "jobs", "run", path="f/x/y", kind="scripts")
    assert not scopes.permits(granted, "jobs", "run", path="f/x/y", kind="flows")
    assert scopes.permits([scopes.parse("jobs:run")], "jobs", "run", path="f/x/y", kind="flows")


def test_writing_does_not_hold_reading_and_no_scope_permits_nothing() -> None:
    assert not scopes.permits([scopes.parse("variables:write")], "variables", "read", path="f/a/b")
    assert not scopes.permits((), "variables", "read", path="f/a/b")
    assert scopes.permits(None, "anything", "at all")


def test_a_list_may_be_asked_for_with_a_scope_for_some_path() -> None:
    granted = [scopes.parse("variables:read:f/a/b")]
    assert scopes.permits_some(granted, "variables", "read")
    assert not scopes.permits_some(granted, "variables", "write")
    assert not scopes.permits_some((), "variables", "read")


def test_paths_cover_nothing_where_nothing_lies_at_paths() -> None:
    granted = [scopes.parse("job_helpers:read:f/a/b")]
    assert not scopes.permits_some(granted, "job_helpers", "read")
    with pytest.raises(BadRequest, match="covers nothing"):
        scopes.parse_wanted(["variables:read:f/a/b", "job_helpers:read:f/a/b"])


def test_more_scopes_than_the_limit_are_refused() -> None:
    with pytest.raises(BadRequest, match="at most 200"):
        scopes.parse_all(["jobs:read"] * 201)
