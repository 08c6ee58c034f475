"""Settings of the instance that can be changed while it runs."""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends
from starlette.responses import Response

from tidemill.db import audit, instance_settings
from tidemill.db.root_key import root_key_standing
from tidemill.db.signing_keys import standings
from tidemill.engine import permit
from tidemill.engine.permit import Action, InstanceTarget
from tidemill.model.errors import BadRequest
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts, actor_of
from tidemill.server.wire import ERRORS, TEXT, accepts, json_answer, json_body, raw_answer, returns, text_answer

router = APIRouter(tags=["setting"], responses=ERRORS, route_class=LazyRoute)

KNOWN: Final[dict[str, Any]] = {
    "automate_username_creation": bool,
    "custom_tags": list[str],
    "hub_base_url": str,
}
"""Name -> type of what can be set. None of them is a secret: they are kept in the clear."""

OPEN: Final = frozenset({"automate_username_creation", "custom_tags", "hub_base_url"})
"""What every account may read; clients ask for it."""


class NewSetting(msgspec.Struct):
    """`null` goes back to the default."""

    value: bool | str | list[str] | None = None


class GlobalSetting(msgspec.Struct):
    """A setting that was made."""

    name: str
    value: msgspec.Raw


class SigningKeyStanding(msgspec.Struct):
    """A key that signs identity tokens, or that did; `published_until` is null for the one that signs."""

    id: str
    created_at: datetime
    published_until: datetime | None


class KeysStanding(msgspec.Struct):
    """The id of the root key, and how many keys it wraps; others wrap some only while it is being changed."""

    root_key_id: str
    wrapped: int
    wrapped_by_others: int
    signing_keys: list[SigningKeyStanding]


@router.get("/api/settings/global/{key}", response_class=Response, responses={200: returns(Any)})
async def get_global(key: str, parts: InParts, caller: Caller) -> Response:
    """A setting; `null` where it was not made."""
    permit.require(caller, Action.READ, InstanceTarget("setting", superadmin=key not in OPEN))
    return raw_answer(await instance_settings.find(parts.database.single, key) or b"null")


@router.post(
    "/api/settings/global/{key}", response_class=Response, responses={200: TEXT}, openapi_extra=accepts(NewSetting)
)
async def set_global(
    key: str, parts: InParts, caller: Caller, body: Annotated[NewSetting, Depends(json_body(NewSetting))]
) -> Response:
    """Make a setting."""
    permit.require(caller, Action.MANAGE, InstanceTarget("setting"))
    value = _checked(key, msgspec.json.encode(body.value))
    async with parts.database.system(actor=actor_of(caller)) as tx:
        await instance_settings.put(tx, key, value)
        await audit.record(tx, caller, "settings.update", "Update", key)
    return text_answer(f"{key} was set")


@router.get("/api/settings/list_global", response_class=Response, responses={200: returns(list[GlobalSetting])})
async def list_global(parts: InParts, caller: Caller) -> Response:
    """All settings that were made."""
    permit.require(caller, Action.READ, InstanceTarget("setting"))
    found = await instance_settings.all_of(parts.database.single)
    return json_answer([GlobalSetting(name, msgspec.Raw(value)) for name, value in found.items()])


@router.get("/api/settings/keys", response_class=Response, responses={200: returns(KeysStanding)})
async def keys_standing(parts: InParts, caller: Caller) -> Response:
    """How the keys of the instance stand. The keys themselves leave the server by no route."""
    permit.require(caller, Action.READ, InstanceTarget("setting"))
    root = await root_key_standing(parts.database.single)
    signing = await standings(parts.database.single)
    shown = [SigningKeyStanding(each.id, each.created_at, each.published_until) for each in signing]
    return json_answer(KeysStanding(root.root_key_id, root.wrapped, root.wrapped_by_others, shown))


def _checked(name: str, value: bytes) -> bytes:
    """`value`, if it fits the setting; raises BadRequest."""
    if name not in KNOWN:
        raise BadRequest(f"{name[:80]!r} is not a setting that can be made: {', '.join(sorted(KNOWN))} can.")
    try:
        msgspec.json.decode(value, type=KNOWN[name] | None)
    except msgspec.ValidationError as error:
        raise BadRequest(f"{name}: {error}.") from error
    return value
