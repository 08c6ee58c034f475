"""Bodies in and out. User data passes through as raw JSON text (`msgspec.Raw`), so nothing is rounded on the way."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, TypeVar

import anyio.to_thread
import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from tidemill.model.errors import BadRequest, InvalidJson, TooLarge
from tidemill.model.jsontext import check
from tidemill.server.lazy_route import Later

T = TypeVar("T")

MAX_BODY_BYTES: Final = 16 * 1024 * 1024
"""Bound of bodies that describe something; bodies that carry arguments have the bound of values."""

_THREAD_FROM_BYTES: Final = 1024 * 1024


async def read_json(request: Request, *, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """The request's body, checked against the JSON policy; an empty body is `{}`.

    Raises:
        InvalidJson: it is not JSON that we keep faithfully.
        TooLarge: it has more than `max_bytes` bytes.
    """
    raw = await _body(request, max_bytes) or b"{}"
    if len(raw) < _THREAD_FROM_BYTES:
        check(raw, max_bytes=max_bytes)
    else:
        await anyio.to_thread.run_sync(lambda: check(raw, max_bytes=max_bytes))
    return raw


async def _body(request: Request, max_bytes: int) -> bytes:
    """The body, of which no more is taken in than is allowed, whatever it was announced as."""
    pieces: list[bytes] = []
    taken, has_more = 0, True
    while has_more:  # the framework's generator would cost more than reading most bodies
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        piece, has_more = message.get("body", b""), message.get("more_body", False)
        taken += len(piece)
        if taken > max_bytes:
            raise TooLarge(f"The body has more than {max_bytes} bytes.")
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def decode(raw: bytes, wanted: type[T]) -> T:
    """`raw` as a `wanted` struct. Members that it does not know are ignored, as Windmill does.

    Raises:
        BadRequest: a member is missing or of the wrong type; the message names it.
        InvalidJson: it is not JSON at all.
    """
    try:
        value = msgspec.json.decode(raw, type=wanted)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The body does not fit: {error}.") from error
    except msgspec.DecodeError as error:
        raise InvalidJson(f"The body is not JSON: {error}.") from error
    if b"\\u0000" in raw:
        _refuse_nul(value, "$")
    return value


def _refuse_nul(value: object, place: str) -> None:
    """Plain text columns cannot hold NUL; raw JSON can and is let through."""
    if isinstance(value, str) and "\x00" in value:
        raise BadRequest(f"{place} holds the character NUL (\\u0000), which text cannot hold here.")
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            _refuse_nul(getattr(value, name), f"{place}.{name}")
    elif isinstance(value, dict):
        for key, member in value.items():
            _refuse_nul(key, place)
            _refuse_nul(member, f"{place}.{key}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            _refuse_nul(member, f"{place}[{index}]")


def json_body(wanted: type[T], *, max_bytes: int = MAX_BODY_BYTES) -> Callable[[Request], Awaitable[T]]:
    """A dependency that reads the body as `wanted`: `body: Annotated[New, Depends(json_body(New))]`."""

    async def read(request: Request) -> T:
        return decode(await read_json(request, max_bytes=max_bytes), wanted)

    return read


def accepts(wanted: type, *, required: bool = True) -> dict[str, Any]:
    """The `openapi_extra` of a route whose body is read by `json_body(wanted)`."""
    return {"requestBody": {"required": required, "content": _json_of(wanted)}}


def returns(wanted: Any, description: str = "Successful Response") -> dict[str, Any]:
    """One entry of a route's `responses` for a JSON body of the type `wanted`."""
    return {"description": description, "content": _json_of(wanted)}


def _json_of(wanted: Any) -> dict[str, Any]:
    return {"application/json": {"schema": Later(lambda: schema_of(wanted))}}


TEXT: Final[dict[str, Any]] = {
    "description": "Successful Response",
    "content": {"text/plain": {"schema": {"type": "string"}}},
}
"""One entry of a route's `responses` for a plain text body."""

EVENTS: Final[dict[str, Any]] = {
    "description": "Updates as events.",
    "content": {"text/event-stream": {"schema": {"description": "Server-sent events; the data of each is JSON."}}},
}
"""One entry of a route's `responses` for a stream. Without a type: some readers apply the schema to each event."""

ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {
        "description": "What is wrong and how to mend it; the code is in X-Tidemill-Error.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    },
    "501": {
        "description": "The request asks for something of Windmill's that is not supported here.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    },
    "503": {
        "description": "Something that the server needs does not answer now; try again after Retry-After.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    },
}
"""The `responses` that every route has."""


def schema_of(wanted: Any) -> dict[str, Any]:
    """The JSON schema of `wanted` with everything in its place (no references), as OpenAPI operations need it."""
    (schema,), parts = msgspec.json.schema_components([wanted], ref_template="{name}")
    inlined = _inline(schema, parts)
    assert isinstance(inlined, dict)
    return inlined


def _inline(schema: object, parts: dict[str, Any]) -> object:
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _inline(parts[schema["$ref"]], parts)
        return {key: _inline(member, parts) for key, member in schema.items() if key != "title"}
    if isinstance(schema, list):
        return [_inline(member, parts) for member in schema]
    return schema


def json_answer(value: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """`value` (structs, lists, `msgspec.Raw`, ...) as a JSON response."""
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")


def raw_answer(raw: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON text as it is."""
    return Response(raw, status, headers, media_type="application/json")


def text_answer(text: str, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Plain text, without a newline at its end: clients take the whole body for the value."""
    return PlainTextResponse(text, status, headers)


async def streamed_text(texts: AsyncIterator[str]) -> Response:
    """Plain text in pieces as they come. Trouble with the first is told as an error; later the answer breaks off."""
    return await _streamed(texts, "text/plain")


async def streamed_json(pieces: AsyncIterator[bytes]) -> Response:
    """JSON text in pieces as they come; as `streamed_text`."""
    return await _streamed(pieces, "application/json")


async def _streamed(pieces: AsyncIterator[str | bytes], media_type: str) -> Response:
    first = await anext(pieces, "")

    async def all_pieces() -> AsyncIterator[str | bytes]:
        yield first
        async for piece in pieces:
            yield piece

    return StreamingResponse(all_pieces(), media_type=media_type)
