"""Who may do what with which key of a storage: an ordered list of patterns, of which the first that matches decides.

Admins of the workspace may do everything. What no rule matches is refused, and so is what the deciding rule does not
allow. The key is the exact text that the store gets; patterns are those of `engine/globs.py`.

A token stands for one rule for each name that it may be: `{username}` for the member itself, `{group}` for each of its
groups, `{folder_read}` and `{folder_write}` for each folder that it may read or write. Names are not expanded ahead: a
token that fills a segment behind plain text, as in `g/{group}/**`, is looked up by what the key has there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from tidemill.engine.glob_syntax import Literal, Row, Token, parse_glob, put_in
from tidemill.engine.globs import Glob
from tidemill.model.errors import BadRequest
from tidemill.model.identity import FolderRight, Principal

MAX_RULES: Final = 200


class Access(StrEnum):
    """What can be done with a key."""

    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    LIST = "list"


TOKENS: Final = ("username", "group", "folder_read", "folder_write")
ALL: Final = frozenset(Access)


@dataclass(frozen=True, slots=True)
class Rule:
    """What keys that match `pattern` are open to. An empty `allow` refuses."""

    pattern: str
    allow: frozenset[Access]

    @property
    def allowed(self) -> str:
        """`allow` as it is written: words in a fixed order, with commas."""
        return ",".join(access for access in Access if access in self.allow)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it is allowed, and the rule that said so: its index from 0; None where none matched or none was asked."""

    allowed: bool
    index: int | None
    rule: Rule | None
    reason: str


DEFAULT_RULES: Final = (
    Rule("windmill_uploads/*", frozenset({Access.READ, Access.WRITE, Access.DELETE})),
    Rule("u/{username}/**", ALL),
    Rule("g/{group}/**", ALL),
    Rule("f/{folder_write}/**", ALL),
    Rule("f/{folder_read}/**", frozenset({Access.READ, Access.LIST})),
    Rule("wmill_datalake/u/{username}/**", ALL),
    Rule("wmill_datalake/f/{folder_write}/**", ALL),
    Rule("wmill_datalake/f/{folder_read}/**", frozenset({Access.READ, Access.WRITE, Access.LIST})),
    Rule("**", frozenset()),
)
"""What holds in a storage whose rules were not written. Below `wmill_datalake/` lie results of queries, by the path of
the script: whoever may run it may write there."""


def parse_rule(pattern: str, allow: str) -> Rule:
    """The rule of a `pattern` and words with commas between them.

    Raises:
        BadRequest: the pattern is none, or a word is unknown: it is named, for a right that is spelt wrong must not be
            one that nobody has.
    """
    words = [word for part in allow.split(",") if (word := part.strip())]
    if unknown := sorted(set(words) - set(Access)):
        known = ", ".join(Access)
        raise BadRequest(f"{', '.join(map(repr, unknown))[:120]} in the rule for {pattern[:80]!r} is none of {known}.")
    parse_glob(pattern, TOKENS)
    return Rule(pattern, frozenset(Access(word) for word in words))


class Rules:
    """An ordered list of rules, compiled once for all who ask."""

    def __init__(self, rules: Sequence[Rule] = DEFAULT_RULES) -> None:
        """Raises BadRequest where a pattern is none, or there are more than 200 rules."""
        if len(rules) > MAX_RULES:
            raise BadRequest(f"A storage has at most {MAX_RULES} rules, not {len(rules)}: use alternatives and groups.")
        self.rules = tuple(rules)
        self._patterns = [[_compiled(row) for row in parse_glob(rule.pattern, TOKENS)] for rule in rules]

    def allows(self, principal: Principal, access: Access, key: str) -> bool:
        """Whether `principal` may do `access` with `key`."""
        if principal.is_admin:
            return True
        index = self._deciding(principal, key)
        return index is not None and access in self.rules[index].allow

    def decide(self, principal: Principal, access: Access, key: str) -> Verdict:
        """As `allows`, with which rule decided and why."""
        if principal.is_admin:
            return Verdict(True, None, None, "Admins of the workspace may do everything.")
        index = self._deciding(principal, key)
        if index is None:
            return Verdict(False, None, None, "No rule matches the key, and what no rule matches is refused.")
        rule = self.rules[index]
        allowed = access in rule.allow
        told = f"allows {rule.allowed}" if rule.allow else "allows nothing"
        return Verdict(
            allowed, index, rule, f"Rule {index + 1}, {rule.pattern!r}, is the first that matches: it {told}."
        )

    def may_list_below(self, principal: Principal, prefix: str) -> bool:
        """Whether there could be a key that starts with `prefix` and that `principal` may list."""
        if principal.is_admin:
            return True
        for rule, patterns in zip(self.rules, self._patterns, strict=True):
            if Access.LIST in rule.allow:
                if any(pattern.may_match_below(principal, prefix) for pattern in patterns):
                    return True
            elif any(pattern.matches_all_below(principal, prefix) for pattern in patterns):
                return False
        return False

    def _deciding(self, principal: Principal, key: str) -> int | None:
        for index, patterns in enumerate(self._patterns):
            if any(pattern.matches(principal, key) for pattern in patterns):
                return index
        return None


class _Plain:
    """An alternative without tokens: the same for everybody."""

    def __init__(self, row: Row) -> None:
        self._glob = Glob(row)

    def matches(self, _principal: Principal, key: str) -> bool:
        return self._glob.matches(key)

    def may_match_below(self, _principal: Principal, prefix: str) -> bool:
        return self._glob.may_match_below(prefix)

    def matches_all_below(self, _principal: Principal, prefix: str) -> bool:
        return self._glob.matches_all_below(prefix)


class _Owned:
    """An alternative of the form `plain/{token}/rest`: one look-up, however many names there are."""

    def __init__(self, head: str, token: str, rest: Row) -> None:
        self._head = head
        self._token = token
        self._rest = Glob(rest)

    def matches(self, principal: Principal, key: str) -> bool:
        name, rest = self._split(key)
        return rest is not None and _has(principal, self._token, name) and self._rest.matches(rest)

    def may_match_below(self, principal: Principal, prefix: str) -> bool:
        if not prefix.startswith(self._head):
            return self._head.startswith(prefix) and any(True for _ in _names(principal, self._token))
        name, rest = self._split(prefix)
        if rest is None:
            return any(each.startswith(name) for each in _names(principal, self._token))
        return _has(principal, self._token, name) and self._rest.may_match_below(rest)

    def matches_all_below(self, principal: Principal, prefix: str) -> bool:
        name, rest = self._split(prefix)
        return rest is not None and _has(principal, self._token, name) and self._rest.matches_all_below(rest)

    def _split(self, key: str) -> tuple[str, str | None]:
        """The segment where the name must be, and what comes behind its slash; None where there is none."""
        if not key.startswith(self._head):
            return "", None
        name, slash, rest = key[len(self._head) :].partition("/")
        return name, rest if slash else None


class _Named:
    """Any other alternative with tokens: tried with each name that the key holds at all."""

    def __init__(self, row: Row) -> None:
        self._row = row
        self._token = next(each.name for each in row if isinstance(each, Token))
        if len({each.name for each in row if isinstance(each, Token)}) > 1:
            raise BadRequest("A pattern names one kind of token only; write two rules instead.")

    def matches(self, principal: Principal, key: str) -> bool:
        return any(name in key and _glob_for(self._row, name).matches(key) for name in self._names(principal))

    def may_match_below(self, principal: Principal, prefix: str) -> bool:
        return any(_glob_for(self._row, name).may_match_below(prefix) for name in self._names(principal))

    def matches_all_below(self, principal: Principal, prefix: str) -> bool:
        return any(_glob_for(self._row, name).matches_all_below(prefix) for name in self._names(principal))

    def _names(self, principal: Principal) -> Iterator[str]:
        return _names(principal, self._token)


_Pattern = _Plain | _Owned | _Named


def _compiled(row: Row) -> _Pattern:
    place = next((index for index, each in enumerate(row) if isinstance(each, Token)), None)
    if place is None:
        return _Plain(row)
    head, token, rest = row[:place], row[place], row[place + 1 :]
    is_segment = (not head or head[-1] == Literal("/")) and rest[:1] == (Literal("/"),)
    if is_segment and _is_plain(head) and not any(isinstance(each, Token) for each in rest):
        assert isinstance(token, Token)
        return _Owned(_text(head), token.name, rest[1:])
    return _Named(row)


def _is_plain(row: Row) -> bool:
    return all(isinstance(each, Literal) for each in row)


def _text(row: Row) -> str:
    return "".join(each.character for each in row if isinstance(each, Literal))


@lru_cache(maxsize=1024)
def _glob_for(row: Row, name: str) -> Glob:
    return Glob(put_in(row, name))


def _has(principal: Principal, token: str, name: str) -> bool:
    """Whether `name` is one of those that `token` stands for."""
    match token:
        case "username":
            return name != "" and name == principal.username
        case "group":
            return name in principal.groups
        case "folder_read":
            return name in principal.folders
        case _:
            return principal.folders.get(name) in _WRITERS


def _names(principal: Principal, token: str) -> Iterator[str]:
    """All names that `token` stands for."""
    match token:
        case "username":
            return iter([principal.username] if principal.username else [])
        case "group":
            return iter(principal.groups)
        case "folder_read":
            return iter(principal.folders)
        case _:
            return (name for name, right in principal.folders.items() if right in _WRITERS)


_WRITERS: Final = frozenset({FolderRight.WRITE, FolderRight.OWNER})
