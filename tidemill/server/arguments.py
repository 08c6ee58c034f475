"""From a request to the arguments of a job: one JSON object, whose values are passed on exactly as they were sent."""

import base64
import binascii
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import anyio.to_thread
from fastapi import Query
from starlette.requests import Request

from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, InvalidJson, TooLarge
from tidemill.server.form import Field, KeepFile, parse_urlencoded, read_multipart
from tidemill.server.objects.incoming import body_of

BODY: Final = "body"
"""The argument that holds a body which is no JSON object."""
RAW: Final = "raw_string"
"""The argument that holds the text of the body, when it was asked for."""

EVENT: Final = "event"
"""What a preprocessor calls its argument."""

MULTIPART: Final = "multipart/form-data"
_URLENCODED: Final = "application/x-www-form-urlencoded"
_THREAD_FROM_BYTES: Final = 1024 * 1024
_CREDENTIALS: Final = frozenset({"authorization", "proxy-authorization", "cookie", "token"})
_JSON_TYPES: Final = frozenset({"integer", "number", "boolean", "object", "array"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a request asks to be put into the arguments beside its body; names separated by commas."""

    include_header: str = ""
    include_query: str = ""
    wrap_body: bool = False
    raw: bool = False
    payload: str = ""


async def shape(
    *,
    include_header: Annotated[str, Query(description="Headers to pass on as arguments: names, with commas.")] = "",
    include_query: Annotated[str, Query(description="Query parameters to pass on as arguments.")] = "",
    wrap_body: Annotated[bool, Query(description="Pass the whole body as the argument 'body'.")] = False,
    raw: Annotated[bool, Query(description="Also pass the text of the body as 'raw_string'.")] = False,
    payload: Annotated[str, Query(description="For GET: the arguments as base64 of a JSON object.")] = "",
) -> Shape:
    """Reads a `Shape` from the query."""
    return Shape(
        include_header=include_header, include_query=include_query, wrap_body=wrap_body, raw=raw, payload=payload
    )


async def arguments(
    request: Request, wanted: Shape, *, schema: bytes | None, max_bytes: int, keep_file: KeepFile
) -> bytes:
    """The arguments in a request, as the JSON text of an object. `schema` is that of the script.

    Files of a form go to `keep_file` as they arrive, but those for parameters of the type bytes.

    Raises:
        InvalidJson, BadRequest: the body cannot be read; the message says why.
        TooLarge: it has more than `max_bytes` bytes beside such files.
    """
    if request.method != "GET" and _kind(request) == MULTIPART:
        return await _from_multipart(request, wanted, schema, max_bytes, keep_file)
    body = await request.body()
    read = _from_query if request.method == "GET" else _from_body
    if len(body) < _THREAD_FROM_BYTES:
        return read(request, body, wanted, schema, max_bytes)
    return await anyio.to_thread.run_sync(read, request, body, wanted, schema, max_bytes)


async def webhook(request: Request, wanted: Shape, *, max_bytes: int, keep_file: KeepFile) -> tuple[bytes, bytes]:
    """What a preprocessor is called with for a request, and what of it makes it the same request when it comes again.

    `event` holds the body as it was sent (a form: its fields), the headers and the query, both without credentials.

    Raises:
        InvalidJson, BadRequest, TooLarge: as `arguments`.
    """
    plain = Shape(wrap_body=True, raw=wanted.raw, payload=wanted.payload)
    sent = await arguments(request, plain, schema=None, max_bytes=max_bytes, keep_file=keep_file)
    fields = jsontext.object_fields(sent)
    text = fields.pop(RAW, b"null")
    is_wrapped = request.method != "GET" and _kind(request) not in {_URLENCODED, MULTIPART}
    body = fields.get(BODY, b"{}") if is_wrapped else jsontext.build_object(fields)
    event = {
        "kind": b'"webhook"',
        "body": body,
        "raw_string": text,
        "query": _without_credentials(request.query_params.items()),
        "headers": _without_credentials(request.headers.items()),
    }
    return jsontext.build_object({EVENT: jsontext.build_object(event)}), sent


def _without_credentials(pairs: Iterable[tuple[str, str]]) -> bytes:
    return jsontext.dumps({name: value for name, value in pairs if name.lower() not in _CREDENTIALS})


def reads_schema(request: Request) -> bool:
    """Whether what becomes of the body depends on the schema of the script."""
    return request.method != "GET" and _kind(request) in {_URLENCODED, MULTIPART}


def checked_object(raw: bytes, *, what: str, max_bytes: int) -> bytes:
    """`raw`, if it is the JSON text of an object that we keep faithfully.

    Raises:
        InvalidJson: it is not; `what` names it.
    """
    jsontext.check(raw, max_bytes=max_bytes)
    return require_object(raw, what=what)


def require_object(raw: bytes, *, what: str) -> bytes:
    """`raw`, JSON that was checked already, if it is an object.

    Raises:
        InvalidJson: it is not; `what` names it.
    """
    if not raw.lstrip().startswith(b"{"):
        raise InvalidJson(f"{what} must be a JSON object whose members are the arguments.")
    return raw


def _from_query(request: Request, _body: bytes, wanted: Shape, _schema: bytes | None, max_bytes: int) -> bytes:
    raw = b"{}"
    if wanted.payload:
        text = wanted.payload.replace("-", "+").replace("_", "/").replace(" ", "+").rstrip("=")
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadRequest("payload must be the base64 text of a JSON object.") from error
    return _with_extras(checked_object(raw, what="payload", max_bytes=max_bytes), request, wanted)


def _from_body(request: Request, body: bytes, wanted: Shape, schema: bytes | None, max_bytes: int) -> bytes:
    kind = _kind(request)
    if not body:
        raw = b"{}"
    elif kind in {"", "application/json"} or kind.endswith("+json"):
        raw = _from_json(body, wrap=wanted.wrap_body, max_bytes=max_bytes)
    elif kind == _URLENCODED:
        raw = _from_fields(_urlencoded(body), _described(schema))
    elif kind.startswith("text/"):
        raw = jsontext.build_object({BODY: jsontext.dumps(_text(body))})
    else:
        raise BadRequest(
            f"A body of the type {kind[:80]!r} cannot be made into arguments: send JSON, a form, or plain text."
        )
    if wanted.raw:
        raw = jsontext.build_object({**jsontext.object_fields(raw), RAW: jsontext.dumps(_text(body))})
    return _with_extras(raw, request, wanted)


async def _from_multipart(
    request: Request, wanted: Shape, schema: bytes | None, max_bytes: int, keep_file: KeepFile
) -> bytes:
    described = _described(schema)
    text = bytearray()
    fields = await read_multipart(
        request.headers["content-type"],
        _also_to(text, body_of(request), max_bytes) if wanted.raw else body_of(request),
        keep=keep_file,
        holds=lambda name: _takes_bytes(described.get(name, {})),
        max_bytes=max_bytes,
    )

    def read() -> bytes:
        raw = _from_fields(fields, described)
        if wanted.raw:
            raw = jsontext.build_object({**jsontext.object_fields(raw), RAW: jsontext.dumps(_text(bytes(text)))})
        return _with_extras(raw, request, wanted)

    if sum(len(each.value) for each in fields) + len(text) < _THREAD_FROM_BYTES:
        return read()
    return await anyio.to_thread.run_sync(read)


async def _also_to(text: bytearray, pieces: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[bytes]:
    async for piece in pieces:
        text += piece
        if len(text) > max_bytes:
            raise TooLarge(
                f"The form has more than {max_bytes} bytes (TIDEMILL_MAX_VALUE_BYTES), too many to be passed on as a "
                "text: leave out raw=true."
            )
        yield piece


def _kind(request: Request) -> str:
    """The type of the body without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _from_json(body: bytes, *, wrap: bool, max_bytes: int) -> bytes:
    is_passed_on = body.lstrip().startswith(b"{") and not wrap
    jsontext.check(body, max_bytes=max_bytes, max_depth=jsontext.MAX_DEPTH - (0 if is_passed_on else 1))
    return body if is_passed_on else jsontext.build_object({BODY: body})


def _urlencoded(body: bytes) -> list[Field]:
    if body.lstrip().startswith((b"{", b"[")):
        raise BadRequest("The body looks like JSON but is announced as a form: send 'Content-Type: application/json'.")
    return parse_urlencoded(body)


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"The body is not UTF-8 text: {error.reason} at byte {error.start}.") from error


def _described(schema: bytes | None) -> Mapping[str, dict[str, Any]]:
    """What the schema says of each parameter that it describes."""
    whole: Any = json.loads(schema) if schema else {}  # a default may be too large for msgspec
    properties = whole.get("properties") if isinstance(whole, dict) else None
    properties = properties if isinstance(properties, dict) else {}
    return {name: each for name, each in properties.items() if isinstance(each, dict)}


def _from_fields(form: list[Field], described: Mapping[str, dict[str, Any]]) -> bytes:
    """One argument a name; a list where a name comes several times, and always for files that were kept."""
    values: dict[str, list[bytes]] = {}
    lists = {each.name for each in form if each.is_kept}
    for each in form:
        found = values.setdefault(each.name, [])
        if each.value or not each.is_kept:
            found.append(_value(each, described.get(each.name, {})))
    return jsontext.build_object(
        {
            name: found[0] if len(found) == 1 and name not in lists else b"[" + b",".join(found) + b"]"
            for name, found in values.items()
        }
    )


def _value(field: Field, described: dict[str, Any]) -> bytes:
    """The JSON text for one field: base64 for the bytes of a file, JSON where the parameter asks for a number or so."""
    if field.is_kept:
        return field.value
    if field.is_file:
        return jsontext.dumps(base64.b64encode(field.value).decode())
    text = _text(field.value)
    if described.get("type") in _JSON_TYPES:
        try:
            jsontext.check(field.value, max_bytes=len(field.value), max_depth=jsontext.MAX_DEPTH - 2)
        except InvalidJson:
            return jsontext.dumps(text)
        return field.value
    return jsontext.dumps(text)


def _takes_bytes(described: dict[str, Any]) -> bool:
    """Whether a parameter is of the type bytes, or a list of them."""
    items = described.get("items")
    return _is_bytes(described) or (isinstance(items, dict) and _is_bytes(items))


def _is_bytes(described: dict[str, Any]) -> bool:
    return described.get("type") == "string" and described.get("contentEncoding") == "base64"


def _with_extras(raw: bytes, request: Request, wanted: Shape) -> bytes:
    """`raw` with the headers and query parameters that were asked for; a header's `-` becomes `_`."""
    extras: dict[str, bytes] = {}
    for name in [*_names(wanted.include_header), *_names(wanted.include_query)]:
        if name.lower() in _CREDENTIALS:
            raise BadRequest(f"{name!r} holds the credential of the request: it is not kept among arguments.")
    for name in _names(wanted.include_header):
        if not name.isascii():
            raise BadRequest(f"include_header names {name[:80]!r}: the names of headers are plain ASCII.")
        if (value := request.headers.get(name)) is not None:
            extras[name.lower().replace("-", "_")] = jsontext.dumps(value)
    for name in _names(wanted.include_query):
        if (value := request.query_params.get(name)) is not None:
            extras[name] = jsontext.dumps(value)
    return jsontext.build_object({**jsontext.object_fields(raw), **extras}) if extras else raw


def _names(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip())]
