"""Concurrency limits: the key that jobs share a limit by, and how many of a key may start now."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tidemill.model.digits import is_index_of

_PLACEHOLDER: Final = re.compile(r"\$workspace\b|\$args\[(?P<path>[^\[\]]*)\]")
_MAX_CHARS: Final = 200


def fill(template: str, *, workspace: str, arguments: Mapping[str, object]) -> str:
    """`template` with `$workspace` and `$args[a.b]` filled in; `a.b` is the member `b` of the argument `a`.

    Texts go in as they are, everything else as compact JSON, what is missing as nothing. What is filled in is never
    looked at again. Tags take the same form.
    """

    def one(found: re.Match[str]) -> str:
        if found["path"] is None:
            return workspace
        value = _at(arguments, found["path"].split("."))
        return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), sort_keys=True)

    return _PLACEHOLDER.sub(one, template)


def concurrency_key(template: str | None, *, workspace: str, path: str, arguments: Mapping[str, object]) -> str:
    """The key for a job of the script at `path`, by its template or, where it has none, by its path.

    Keys never reach across workspaces. A long one ends in a digest, so that it fits an index.
    """
    key = f"{workspace}:path:{path}"
    if template:
        key = f"{workspace}:key:{fill(template, workspace=workspace, arguments=arguments)}"
    if len(key) <= _MAX_CHARS and "\0" not in key:
        return key
    readable = key[:_MAX_CHARS].replace("\0", "")
    return f"{readable}#{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Room:
    """How many more jobs may start now; where that is none because of the window, when the next one may."""

    count: int
    frees_at: datetime | None


def room(*, limit: int, running: int, starts: Sequence[datetime], window_s: float | None, now: datetime) -> Room:
    """The room under `limit`: not more than `limit` run at once, and not more start within `window_s` seconds.

    `starts` are the earlier starts under the key. Without a window only what runs counts.
    """
    if window_s is None or window_s <= 0:
        return Room(count=max(0, limit - running), frees_at=None)
    window = timedelta(seconds=window_s)
    recent = sorted(start for start in starts if start > now - window)
    count = max(0, limit - max(running, len(recent)))
    full = limit > 0 and len(recent) >= limit
    return Room(count=count, frees_at=recent[len(recent) - limit] + window if full else None)


def _at(value: object, names: Sequence[str]) -> object:
    for name in names:
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, list) and is_index_of(name, value):
            value = value[int(name)]
        else:
            return ""
    return value
