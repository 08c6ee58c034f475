"""How users' databases would run a statement, or have run it."""

from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends
from msgspec import Raw
from starlette.responses import Response

from tidemill.server.exploring import answers, explorer_for, plain
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts
from tidemill.server.wire import ERRORS, json_answer, json_body

router = APIRouter(tags=["databases"], responses=ERRORS, route_class=LazyRoute)

_W: Final = "/api/w/{workspace}"


class ToExplain(msgspec.Struct, kw_only=True):
    """A script of one statement, with its arguments. `analyze`: run it, in a transaction that is rolled back."""

    resource: str
    content: str
    args: dict[str, Raw] = {}
    analyze: bool = False


class ExplainedStatement(msgspec.Struct):
    """`plan` is the database's own: JSON where `form` is `json`, a text where it is `text`."""

    form: str
    plan: Raw
    sql: str


@router.post(_W + "/databases/explain", **answers(ExplainedStatement, ToExplain))
async def explain_statement(
    parts: InParts, caller: Caller, body: Annotated[ToExplain, Depends(json_body(ToExplain))]
) -> Response:
    """The plan of a statement."""
    args = {name: bytes(raw) for name, raw in body.args.items()}
    async with explorer_for(parts, caller, body.resource) as explorer:
        found = await explorer.explain(body.content, args, runs=body.analyze)
    parts.access_log.note_other(caller, "database", plain(body.resource), "read")
    return json_answer(ExplainedStatement(found.form, found.plan, found.sql))
