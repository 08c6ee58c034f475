"""Commands that are run on a key-value store if all that was seen is still so, in a script that nothing comes between.

A script is the one road that Redis, Valkey and the REST API of Upstash share: the latter knows no WATCH.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

Words = tuple[bytes, ...]


class How(StrEnum):
    """How what a command answers is compared with what is expected."""

    IS = "is"
    """The very same text; of an array, the number of its members."""
    DIGEST = "digest"
    """A text whose digest it is."""
    SCORE = "score"
    """The same number."""
    ABSENT = "absent"
    """Nothing, or 0."""


@dataclass(frozen=True, slots=True)
class Check:
    """What must be so."""

    how: How
    words: Words
    expected: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One change: `checks` before any command of any change is run."""

    checks: tuple[Check, ...]
    commands: tuple[Words, ...]


def digest(value: bytes) -> str:
    """By which a value is known again. SHA-1, since that is what scripts of Redis have."""
    return hashlib.sha1(value, usedforsecurity=False).hexdigest()


def script(planned: Sequence[Planned], keys: Sequence[bytes], *, is_trial: bool) -> Words:
    """The command that does it. It answers 0, or else the number of the first change that found something else."""
    arguments: list[bytes] = []

    def places(words: Sequence[bytes]) -> list[int]:
        begin = len(arguments)
        arguments.extend(words)
        return list(range(begin + 2, begin + 2 + len(words)))

    plan = [
        {
            "checks": [
                {"how": each.how.value, "words": places(each.words), "expected": places([each.expected])[0]}
                for each in change.checks
            ],
            "commands": [] if is_trial else [places(words) for words in change.commands],
        }
        for change in planned
    ]
    return (b"EVAL", _LUA.encode(), b"%d" % len(keys), *keys, json.dumps(plan).encode(), *arguments)


_LUA: Final = """
local function words(places)
  local found = {}
  for index, place in ipairs(places) do found[index] = ARGV[place] end
  return found
end
local function holds(check)
  local told, expected = redis.pcall(unpack(words(check.words))), ARGV[check.expected]
  if type(told) == 'table' and told.err then return false end
  if type(told) == 'table' then told = told.ok or #told end
  if check.how == 'absent' then return told == false or told == nil or told == 0 end
  if told == false or told == nil then return false end
  if check.how == 'digest' then return redis.sha1hex(told) == expected end
  if check.how == 'score' then return tonumber(told) == tonumber(expected) end
  return tostring(told) == expected
end
local plan = cjson.decode(ARGV[1])
for number, change in ipairs(plan) do
  for _, check in ipairs(change.checks) do
    if not holds(check) then return number end
  end
end
for _, change in ipairs(plan) do
  for _, command in ipairs(change.commands) do redis.call(unpack(words(command))) end
end
return 0
"""
