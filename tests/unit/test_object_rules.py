"""Who may do what with which key."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.engine.object_rules import ALL, DEFAULT_RULES, Access, Rule, Rules, parse_rule
from tidemill.model.errors import BadRequest
from tidemill.model.identity import FolderRight, Principal, Role

ALICE = Principal(
    email="alice@x.org",
    username="alice",
    workspace="main",
    role=Role.DEVELOPER,
    groups=frozenset({"ops", "dev"}),
    folders={"reports": FolderRight.READ, "shop": FolderRight.WRITE, "own": FolderRight.OWNER},
)
ADMIN = Principal(email="ada@x.org", username="ada", workspace="main", role=Role.ADMIN)
STRANGER = Principal(email="s@x.org", workspace="main")


def allowed(rules: Rules, key: str, who: Principal = ALICE) -> str:
    """The first letters of what is allowed."""
    return "".join(access.value[0] for access in Access if rules.allows(who, access, key))


def rules(*written: tuple[str, str]) -> Rules:
    return Rules([parse_rule(pattern, allow) for pattern, allow in written])


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("windmill_uploads/a.csv", "rwd"),
        ("windmill_uploads/a/b.csv", ""),
        ("u/alice/a", "rwdl"),
        ("u/alice/a/b/c", "rwdl"),
        ("u/alice/", "rwdl"),
        ("u/alice", ""),
        ("u/alice2/a", ""),
        ("u/bob/a", ""),
        ("U/alice/a", ""),
        ("/u/alice/a", ""),
        ("u//alice/a", ""),
        ("./u/alice/a", ""),
        ("u/bob/../alice/a", ""),
        ("u/alice/../bob/a", "rwdl"),
        ("g/ops/a", "rwdl"),
        ("g/all/a", "rwdl"),
        ("g/sales/a", ""),
        ("f/shop/a/b", "rwdl"),
        ("f/own/a", "rwdl"),
        ("f/reports/a", "rl"),
        ("f/other/a", ""),
        ("anything", ""),
    ],
)
def test_the_default_rules_follow_users_groups_and_folders(key: str, expected: str) -> None:
    """C08: on the exact text that the store gets; `u/alice/../bob/a` is a key below `u/alice/` and nothing else."""
    assert allowed(Rules(), key) == expected
    assert allowed(Rules(), key, ADMIN) == "rwdl"
    assert allowed(Rules(), key, STRANGER) == ("rwd" if expected == "rwd" else "")


def test_the_first_rule_that_matches_decides_alone() -> None:
    found = rules(("secret/**", ""), ("secret/open/*", "read"), ("**", "read,write"))
    assert allowed(found, "secret/open/x") == ""
    assert allowed(found, "other") == "rw"
    verdict = found.decide(ALICE, Access.READ, "secret/open/x")
    assert (verdict.allowed, verdict.index, verdict.rule) == (False, 0, Rule("secret/**", frozenset()))
    assert "Rule 1, 'secret/**'" in verdict.reason


def test_what_no_rule_matches_is_refused() -> None:
    verdict = rules(("a/*", "read")).decide(ALICE, Access.READ, "b")
    assert (verdict.allowed, verdict.index) == (False, None)
    assert allowed(Rules([]), "a") == ""
    assert allowed(Rules([]), "a", ADMIN) == "rwdl"


@pytest.mark.parametrize("allow", ["raed", "read,writ", "READ", "read;write", "*", "none"])
def test_a_word_that_is_no_right_is_refused_by_name(allow: str) -> None:
    with pytest.raises(BadRequest, match="is none of read, write, delete, list"):
        parse_rule("a/*", allow)


def test_rights_are_words_with_commas_in_any_order() -> None:
    rule = parse_rule("a/*", " list ,read,, read")
    assert (rule.allow, rule.allowed) == ({Access.LIST, Access.READ}, "read,list")
    assert parse_rule("a/*", "").allow == frozenset()


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("{username}.txt", ["alice.txt"], ["bob.txt", "alice2.txt"]),
        ("home-{username}/**", ["home-alice/x"], ["home-bob/x", "home-alice"]),
        ("*/{username}/*", ["x/alice/y"], ["x/bob/y", "x/alice/y/z"]),
        ("{group}/{group}/*", ["ops/ops/x", "all/all/x"], ["ops/dev/x"]),
        ("{shared,g/{group}}/*", ["shared/x", "g/dev/x"], ["g/sales/x"]),
        ("f/{folder_write}/[a-z]*", ["f/shop/x", "f/own/xy"], ["f/reports/x", "f/shop/X"]),
        ("{folder_read}/**/data", ["reports/data", "own/a/b/data"], ["other/data", "reports/xdata"]),
    ],
)
def test_tokens_stand_for_each_name_that_one_has(pattern: str, yes: list[str], no: list[str]) -> None:
    found = rules((pattern, "read"))
    assert [key for key in yes if not allowed(found, key)] == []
    assert [key for key in no if allowed(found, key)] == []
    assert [key for key in yes + no if allowed(found, key, STRANGER)] == [key for key in yes if key == "shared/x"]


def test_one_kind_of_token_a_rule() -> None:
    with pytest.raises(BadRequest, match="one kind of token"):
        rules(("{username}/{group}", "read"))


def test_who_has_no_name_owns_no_empty_segment() -> None:
    assert allowed(rules(("u/{username}/**", "read")), "u//x", STRANGER) == ""


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("", True),
        ("u", True),
        ("u/", True),
        ("u/al", True),
        ("u/alice/x/", True),
        ("u/b", False),
        ("u/alicex", False),
        ("g/", True),
        ("f/rep", True),
        ("f/reports/", True),
        ("f/other/", False),
        ("windmill_uploads/", False),
        ("x", False),
    ],
)
def test_a_listing_is_possible_where_some_key_below_could_be_listed(prefix: str, expected: bool) -> None:
    assert Rules().may_list_below(ALICE, prefix) is expected
    assert Rules().may_list_below(ADMIN, prefix)


def test_a_rule_that_hides_all_below_ends_the_search() -> None:
    found = rules(("secret/**", "read"), ("**", "list"))
    assert not found.may_list_below(ALICE, "secret/x/")
    assert found.may_list_below(ALICE, "secre")


PATTERNS = st.lists(
    st.sampled_from(["u/", "alice", "{username}", "/", "*", "**", "a", "{group}/"]), min_size=1, max_size=4
)
WRITTEN = st.lists(st.tuples(PATTERNS.map("".join), st.sampled_from(["", "list", "read", "read,list"])), max_size=4)


@given(WRITTEN, st.text("u/alice", max_size=6), st.text("u/ace", max_size=4))
def test_no_listable_key_lies_below_a_prefix_that_is_refused(
    written: list[tuple[str, str]], prefix: str, rest: str
) -> None:
    try:
        found = rules(*written)
    except BadRequest:
        return
    if found.allows(ALICE, Access.LIST, prefix + rest):
        assert found.may_list_below(ALICE, prefix)


def test_many_groups_cost_no_more_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = frozenset(f"group_{number}" for number in range(10_000))
    who = Principal(email="a@x.org", username="a", workspace="main", role=Role.DEVELOPER, groups=groups)
    monkeypatch.setattr("tidemill.engine.object_rules._names", lambda *_: pytest.fail("all names were gone through"))
    assert allowed(Rules(), "g/group_777/x", who) == "rwdl"
    assert allowed(Rules(), "g/group_x/x", who) == ""


def test_the_defaults_are_as_they_are_written() -> None:
    written = [(rule.pattern, rule.allowed) for rule in DEFAULT_RULES]
    assert [parse_rule(*each) for each in written] == list(DEFAULT_RULES)
    assert re.fullmatch("[a-z,]+", parse_rule("a", "write,read,delete,list").allowed)
    assert parse_rule("a", "write,read,delete,list").allow == ALL
