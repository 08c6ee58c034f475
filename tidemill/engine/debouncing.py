"""Debouncing: a call waits for a while, and a newer one of the same key takes its place."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from tidemill.engine.concurrency import fill
from tidemill.engine.inputs import contains_reference
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest
from tidemill.model.job import JobKind

SETTINGS: Final = (
    "debounce_delay_s",
    "debounce_key",
    "debounce_args_to_accumulate",
    "max_total_debouncing_time",
    "max_total_debounces_amount",
)
"""The settings of scripts and flows that say so, as the wire names them."""


REASON: Final = "debounced by "
"""How the reason begins for which a job whose place was taken is canceled; the id of the other one follows."""

DEBOUNCED: Final = frozenset({JobKind.SCRIPT, JobKind.FLOW, JobKind.SINGLE_STEP_FLOW})
"""The kinds of jobs that wait so as what they run says. Steps of flows do so as the flow says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How a call waits.

    Attributes:
        key: calls of the same key take each other's place.
        gathered: the arguments, lists, that are put together of all calls; the others are those of the newest.
        most_s: so long after the first call no newer one takes the place any more; most: after so many.
    """

    key: str
    delay_s: float
    gathered: tuple[str, ...] = ()
    most_s: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a call comes from. Only calls that run as the same `actor` take each other's place.

    `giver`: the account of who sent the arguments. References in them are put in under the rights of one person, so
    that lists with references, and those that only who sent them may see, are put together of what the same one sent.
    `is_apart`: the giver may not see what others run at the path. `is_hidden`: nobody but the giver is to see the call.
    """

    workspace: str
    kind: str
    path: str
    actor: str
    giver: str
    is_apart: bool = False
    is_hidden: bool = False


def rule_of(settings: Mapping[str, Any], origin: Origin, args: bytes) -> Rule | None:
    """What the settings of a script or flow say about a call with `args`; None: that it does not wait.

    Raises:
        BadRequest: an argument that is to be put together is no list.
    """
    delay_s = settings.get("debounce_delay_s")
    if not delay_s:
        return None
    gathered = tuple(settings.get("debounce_args_to_accumulate") or ())
    fields = jsontext.object_fields(args)
    for name in gathered:
        _elements(name, fields.get(name, b"[]"))
    template = settings.get("debounce_key")
    if template:
        what = f"key {fill(template, workspace=origin.workspace, arguments=_read(template, args))}"
    else:
        rest = {name: value.strip() for name, value in sorted(fields.items()) if name not in gathered}
        what = f"{origin.kind} {origin.path} {jsontext.build_object(rest).hex()}"
    group = _group(origin, args, is_hidden=bool(settings.get("visible_to_runner_only"))) if gathered else ""
    return Rule(
        key=_digest(origin.workspace, origin.actor, group, what),
        delay_s=float(delay_s),
        gathered=gathered,
        most_s=settings.get("max_total_debouncing_time") or None,
        most=settings.get("max_total_debounces_amount") or None,
    )


def takes_place(rule: Rule, *, since: datetime, replaced: int, now: datetime) -> bool:
    """Whether a call takes the place of the one that waits, which is there `since` and took that of `replaced`."""
    is_late = rule.most_s is not None and now >= since + timedelta(seconds=rule.most_s)
    return not is_late and (rule.most is None or replaced < rule.most)


def lists_of(args: bytes, gathered: Iterable[str]) -> bytes:
    """Of the arguments of a call whose place was taken those that are put together."""
    fields = jsontext.object_fields(args)
    return jsontext.build_object({name: fields[name] for name in gathered if name in fields})


def together(calls: Sequence[bytes], gathered: Iterable[str]) -> bytes:
    """The arguments of all calls, the oldest first: those of the last one, with the lists of all in `gathered`."""
    fields = [jsontext.object_fields(args) for args in calls]
    last = dict(fields[-1])
    for name in gathered:
        found = [elements for each in fields if name in each and (elements := _elements(name, each[name]))]
        if found or name in last:
            last[name] = b"[" + b",".join(found) + b"]"
    return jsontext.build_object(last)


def _elements(name: str, value: bytes) -> bytes:
    """The text between the brackets of a list."""
    value = value.strip()
    if value == b"null":
        return b""
    if not value.startswith(b"["):
        raise BadRequest(f"'{name}' must be a list: what is sent within a while is put together.")
    return value[1:-1].strip()


def _group(origin: Origin, args: bytes, *, is_hidden: bool) -> str:
    """Calls of which lists are put together: whoever gets them could see what the others sent anyway."""
    is_hidden = is_hidden or origin.is_hidden
    is_alone = is_hidden or origin.is_apart or contains_reference(args)
    return f"{'hidden' if is_hidden else 'shown'} {origin.giver if is_alone else _folder(origin.path)}"


def _folder(path: str) -> str:
    """The folder or person that a path belongs to: who may see what runs there is decided by that."""
    return "/".join(path.split("/")[:2])


def _read(template: str, args: bytes) -> Mapping[str, object]:
    found = jsontext.loads(args) if "$args[" in template else {}
    return found if isinstance(found, dict) else {}


def _digest(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        text = part.encode("utf-8", "surrogatepass")
        digest.update(len(text).to_bytes(8, "big") + text)
    return digest.hexdigest()
