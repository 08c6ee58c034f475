"""The secret strings in the value of a resource, by the places that its type marks as secret."""

import json
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

_REFERENCES: Final = ("$var:", "$res:")


def secret_values(raw: bytes, places: Iterable[str]) -> list[str]:
    """The strings at `places` (as `model.resource_type.secret_fields` writes them) of the JSON text `raw`.

    Empty strings and references are left out: what they lead to is known where they are resolved. What has another
    form than its type says is left out, too.
    """
    found = [text for place in places for text in _strings(raw, _steps(place))]
    return list(dict.fromkeys(text for text in found if text and not text.startswith(_REFERENCES)))


def _steps(place: str) -> list[str]:
    """`keys[].key` -> keys, [], key."""
    return [step for part in place.split(".") for step in part.replace("[]", "\0[]").split("\0") if step]


def _strings(raw: bytes, steps: list[str]) -> Iterator[str]:
    if not steps:
        yield from _all_strings(raw)
    elif steps[0] == "[]" and raw.lstrip().startswith(b"["):
        for element in msgspec.json.decode(raw, type=list[msgspec.Raw]):
            yield from _strings(bytes(element), steps[1:])
    elif raw.lstrip().startswith(b"{"):
        members = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        if steps[0] in members:
            yield from _strings(bytes(members[steps[0]]), steps[1:])


def _all_strings(raw: bytes) -> Iterator[str]:
    """Every string in a value that is secret as a whole; a form may let people type JSON into such a field."""
    match raw.lstrip()[:1]:
        case b'"':
            yield json.loads(raw)
        case b"{":
            for member in msgspec.json.decode(raw, type=dict[str, msgspec.Raw]).values():
                yield from _all_strings(bytes(member))
        case b"[":
            for element in msgspec.json.decode(raw, type=list[msgspec.Raw]):
                yield from _all_strings(bytes(element))
        case _:
            return
