"""Trying to connect to what resources describe, stored or not."""

from collections.abc import Awaitable
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends
from starlette.responses import Response

from tidemill.db import references
from tidemill.engine.permit import Action
from tidemill.model.errors import BadRequest, Conflict, StorageMisconfigured
from tidemill.model.identity import Principal
from tidemill.model.jsontext import loads
from tidemill.model.object_address import Address
from tidemill.model.path import check_name
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.objects.way import subject_of
from tidemill.server.parts import Caller, InParts, Parts
from tidemill.server.resources_seen import interpolated, require_resource
from tidemill.server.wire import ERRORS, accepts, json_answer, json_body, returns
from tidemill.stores.connection_tests import BY_IDENTITY, ConnectionTest, tester_of
from tidemill.stores.objects.examination import summed_up

router = APIRouter(tags=["resources"], responses=ERRORS, route_class=LazyRoute)

_W: Final = "/api/w/{workspace}/resources"


class TypedValue(msgspec.Struct):
    """A value that is not stored, and its type."""

    resource_type: str
    value: msgspec.Raw


class TestResult(msgspec.Struct):
    """A connection that could be made, and what answered."""

    success: bool
    message: str


@router.post(f"{_W}/test/{{path:path}}", response_class=Response, responses={200: returns(TestResult)})
async def test_resource(path: str, parts: InParts, caller: Caller) -> Response:
    """Try to connect to what a resource describes."""
    found = await require_resource(parts, caller, path, Action.READ_VALUE)
    if found.resource_type in BY_IDENTITY:
        return await _told(_tried_out(parts, caller, path))
    tester = tester_of(found.resource_type, parts.options.egress)
    return await _tested(tester, found.resource_type, await interpolated(parts, caller, found))


@router.post(
    f"{_W}/test_value",
    response_class=Response,
    responses={200: returns(TestResult)},
    openapi_extra=accepts(TypedValue),
)
async def test_resource_value(
    parts: InParts, caller: Caller, body: Annotated[TypedValue, Depends(json_body(TypedValue))]
) -> Response:
    """Try to connect to what a value describes that is not stored; references in it are replaced."""
    tester = tester_of(check_name("resource type", body.resource_type), parts.options.egress)
    value, _ = await references.resolve(parts.database, parts.keyring, caller, bytes(body.value))
    return await _tested(tester, body.resource_type, value)


async def _tested(tester: ConnectionTest, resource_type: str, value: bytes) -> Response:
    loaded = loads(value)
    if not isinstance(loaded, dict):
        raise BadRequest(f"The value of a {resource_type} must be a JSON object.")
    return await _told(tester.test(loaded))


async def _tried_out(parts: Parts, caller: Principal, path: str) -> str:
    """As `ConnectionTest.test`, of a bucket that is opened as the resource at this path."""
    at = Address(resource=path)
    try:
        async with parts.objects.storage(caller, at) as storage:
            return await summed_up(storage.store, egress=parts.options.egress)
    except (Conflict, StorageMisconfigured) as error:
        raise Conflict(
            f"{error} It asked as '{subject_of(caller.workspace, at)}'; a storage asks by its own name: "
            "where that one is trusted, test the storage (tidemill doctor storage)."
        ) from error


async def _told(testing: Awaitable[str]) -> Response:
    try:
        return json_answer(TestResult(success=True, message=await testing))
    except Conflict as error:
        return json_answer(TestResult(success=False, message=str(error)))
