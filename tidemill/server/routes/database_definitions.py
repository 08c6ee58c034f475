"""Definitions of tables in users' databases: steps become statements, which are shown before they are run."""

from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends
from msgspec import Raw
from starlette.responses import Response

from tidemill.engine.sql.definitions import NewColumn, Step, StepKind
from tidemill.server.exploring import answers, explorer_for, plain
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts
from tidemill.server.wire import ERRORS, json_answer, json_body

router = APIRouter(tags=["databases"], responses=ERRORS, route_class=LazyRoute)

_W: Final = "/api/w/{workspace}"


class WireNewColumn(msgspec.Struct):
    """A column that is to be. `type` and `default` are SQL."""

    name: str
    type: str
    nullable: bool = True
    default: str = ""


class WireReferences(msgspec.Struct):
    """Where a foreign key leads to."""

    schema: str = ""
    table: str = ""
    columns: list[str] = []


class WireStep(msgspec.Struct, kw_only=True):
    """One step. Which members it needs follows from `kind`; docs/guides/databases.md lists them."""

    kind: StepKind
    schema: str
    table: str = ""
    column: str = ""
    to: str = ""
    type: str = ""
    using: str = ""
    nullable: bool = True
    default: str = ""
    name: str = ""
    unique: bool = False
    columns: list[WireNewColumn] = []
    names: list[str] = []
    references: WireReferences = msgspec.field(default_factory=WireReferences)
    options: Raw = msgspec.field(default_factory=lambda: Raw(b""))


class Definitions(msgspec.Struct, kw_only=True):
    """Steps in their order. `dry_run`: their SQL is shown, and nothing is sent."""

    resource: str
    steps: list[WireStep]
    dry_run: bool = True


class DefinedTables(msgspec.Struct):
    """The statements. `atomic`: all or none take effect; otherwise each does for itself."""

    statements: list[str]
    applied: bool
    atomic: bool


@router.post(_W + "/databases/define", **answers(DefinedTables, Definitions))
async def define_tables(
    parts: InParts, caller: Caller, body: Annotated[Definitions, Depends(json_body(Definitions))]
) -> Response:
    """Create, change and drop tables, columns, indexes and keys."""
    steps = [_step(each) for each in body.steps]
    async with explorer_for(parts, caller, body.resource) as explorer:
        if not body.dry_run:
            parts.access_log.note_other(caller, "database", plain(body.resource), "write")
        done = await explorer.define(steps, is_trial=body.dry_run)
    return json_answer(DefinedTables(done.statements, applied=not body.dry_run, atomic=done.is_atomic))


def _step(wire: WireStep) -> Step:
    to = wire.references
    return Step(
        kind=wire.kind,
        schema=wire.schema,
        table=wire.table,
        column=wire.column,
        to=wire.to,
        type=wire.type,
        using=wire.using,
        is_nullable=wire.nullable,
        default=wire.default,
        name=wire.name,
        is_unique=wire.unique,
        columns=tuple(
            NewColumn(name=each.name, type=each.type, is_nullable=each.nullable, default=each.default)
            for each in wire.columns
        ),
        names=tuple(wire.names),
        references=(to.schema, to.table, tuple(to.columns)),
        options=bytes(wire.options),
    )
