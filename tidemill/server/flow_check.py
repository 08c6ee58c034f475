"""The static check of a flow, with what the workspace holds and what cannot be parsed, and how an answer tells it."""

import json
from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from tidemill.db import flows
from tidemill.db.flows import NamedItem
from tidemill.engine import permit
from tidemill.engine.expressions.evaluation import needs_parsing
from tidemill.engine.flow.check import Facts, Finding, Paths, Takes, check, paths_named
from tidemill.engine.flow.written import expressions_of
from tidemill.engine.permit import Action, Item, ItemKind
from tidemill.evaluators.messages import Question
from tidemill.model.errors import ExpressionFailed, Unavailable
from tidemill.model.flow import Flow
from tidemill.model.identity import Principal
from tidemill.model.path import parse_path
from tidemill.server.parts import Parts

WARNINGS: Final = "Tidemill-Warnings"
"""The header of a deployment's answer: what was found, as a JSON list in ASCII."""
_MOST_TOLD: Final = 8
_MOST_CHARS: Final = 300
_MOST_PARSED: Final = 1000
_KINDS: Final = {
    "script": ItemKind.SCRIPT,
    "version": ItemKind.SCRIPT,
    "flow": ItemKind.FLOW,
    "resource": ItemKind.RESOURCE,
    "variable": ItemKind.VARIABLE,
}


class _Schema(msgspec.Struct):
    properties: dict[str, msgspec.Raw] | None = None
    required: list[str] | None = None


async def findings(parts: Parts, caller: Principal, flow: Flow, *, schema: bytes, tag: str | None) -> list[Finding]:
    """What is probably wrong with a flow. `schema`: its JSON schema, `null` for none."""
    there, takes = await _readable(parts, caller, paths_named(flow))
    texts = list(dict.fromkeys(written.text for written in expressions_of(flow) if needs_parsing(written.text)))
    facts = Facts(
        there=there,
        takes=takes,
        unparsable=await _unparsable(parts, caller, texts[:_MOST_PARSED]),
        unparsed=max(0, len(texts) - _MOST_PARSED),
        arguments=_arguments(schema),
        tag=tag,
    )
    return check(flow, facts)


async def warnings(parts: Parts, caller: Principal, flow: Flow, *, schema: bytes, tag: str | None) -> dict[str, str]:
    """The findings as a header, for the answer of a deployment, which has happened whatever becomes of the check."""
    try:
        found = await findings(parts, caller, flow, schema=schema, tag=tag)
    except Unavailable as error:
        found = [Finding("not_checked", "", f"The flow is deployed, and could not be checked: {error}")]
    if not found:
        return {}
    told = [{"code": each.code, "place": each.place, "message": each.message[:_MOST_CHARS]} for each in found]
    if len(told) > _MOST_TOLD:
        rest = f"{len(told) - _MOST_TOLD + 1} more: POST …/flows/check tells all."
        told = [*told[: _MOST_TOLD - 1], {"code": "more", "place": "", "message": rest}]
    return {WARNINGS: json.dumps(told)}


async def _readable(parts: Parts, caller: Principal, named: Paths) -> tuple[Paths, Mapping[tuple[str, str], Takes]]:
    """Those of the paths that are there, and that the caller may know of; and what arguments they take."""
    rows = await flows.named(parts.database.single, caller.workspace, named)
    found: dict[str, set[str]] = {kind: set() for kind in _KINDS}
    takes: dict[tuple[str, str], Takes] = {}
    for row in rows:
        shares = msgspec.json.decode(row.extra_perms, type=dict[str, bool])
        item = Item(_KINDS[row.kind], parse_path(row.path), shares)
        if permit.decide(caller, Action.READ, item).allowed:
            for name in [row.path] if row.version is None else _written(named.versions, row.version):
                found[row.kind].add(name)
                if (taken := _takes(row)) is not None:
                    takes[row.kind, name] = taken
    there = Paths(
        scripts=frozenset(found["script"]),
        versions=frozenset(found["version"]),
        flows=frozenset(found["flow"]),
        resources=frozenset(found["resource"]),
        variables=frozenset(found["variable"]),
    )
    return there, takes


def _written(hashes: Collection[str], version: int) -> list[str]:
    """The hashes that name a version, as the flow writes them."""
    return [each for each in hashes if each.lower() == f"{version:016x}"]


def _takes(row: NamedItem) -> Takes | None:
    schema = _schema(row.schema or b"null")
    if schema is None or schema.properties is None:
        return None
    required = frozenset(schema.required or ()) & frozenset(schema.properties)
    return Takes(names=frozenset(schema.properties), required=required, takes_any=row.takes_any)


async def _unparsable(parts: Parts, caller: Principal, texts: list[str]) -> Mapping[str, str]:
    """The expressions that cannot be parsed, and why. They are parsed where they would be evaluated."""
    found = {}
    for text in texts:
        try:
            answer = await parts.evaluators.answer(
                f"{caller.workspace}/{caller.actor}", Question(mode="parse", expression=text)
            )
            answer.told()
        except ExpressionFailed as error:
            found[text] = str(error)
    return found


def _arguments(schema: bytes) -> frozenset[str] | None:
    found = _schema(schema)
    return None if found is None or not found.properties else frozenset(found.properties)


def _schema(raw: bytes) -> _Schema | None:
    try:
        return msgspec.json.decode(raw, type=_Schema | None)
    except msgspec.ValidationError:
        return None
