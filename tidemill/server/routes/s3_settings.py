"""What S3 libraries are set up with, as the helpers of Windmill's clients ask for it.

Without a resource it is our S3 endpoint, with credentials of the caller's own token: a storage of any kind is reached
by it, under the storage's rules, and its keys stay here. With one it is what the resource says, for who may read it.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec
from fastapi import APIRouter, Depends, Query
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from tidemill.engine.permit import Action
from tidemill.model.errors import BadRequest
from tidemill.model.identity import Principal
from tidemill.model.jsontext import loads
from tidemill.model.object_address import DEFAULT, Address, named
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts, Parts
from tidemill.server.resources_seen import interpolated, require_resource
from tidemill.server.s3.access import own_credentials
from tidemill.server.wire import ERRORS, accepts, json_answer, json_body, returns

router = APIRouter(tags=["helpers"], responses=ERRORS, route_class=LazyRoute)

_HELPERS: Final = "/api/w/{workspace}/job_helpers"
REGION: Final = "us-east-1"
"""Taken by our endpoint as any other."""
_BREAKS: Final = frozenset("'\\\r\n\0")


class Which(msgspec.Struct):
    """A resource, or nothing for a storage of the workspace, by name: nothing for the default one."""

    s3_resource_path: str | None = None
    storage: str | None = None


class S3Resource(msgspec.Struct, kw_only=True):
    """The value of an `s3` resource, in its own spelling."""

    bucket: str
    region: str = ""
    endPoint: str = ""  # noqa: N815
    useSSL: bool = True  # noqa: N815
    pathStyle: bool = True  # noqa: N815
    accessKey: str = ""  # noqa: N815
    secretKey: str = ""  # noqa: N815
    port: int | UnsetType = UNSET
    token: str | UnsetType = UNSET


class Given(msgspec.Struct):
    """The value of a resource, or nothing for the default storage."""

    s3_resource: S3Resource | None = None


class DuckDbSettings(msgspec.Struct, omit_defaults=True):
    """SQL statements that let DuckDB reach the bucket. `s3_bucket` is how it is called in addresses."""

    connection_settings_str: str
    s3_bucket: str | None = None


class S3fsArgs(msgspec.Struct, kw_only=True):
    """Arguments of `s3fs.S3FileSystem`."""

    endpoint_url: str
    key: str
    secret: str
    use_ssl: bool
    cache_regions: bool = False
    client_kwargs: dict[str, str]
    config_kwargs: dict[str, Any]


class PolarsSettings(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Arguments of s3fs, and the `storage_options` of Polars."""

    s3fs_args: S3fsArgs
    storage_options: dict[str, str]
    s3_bucket: str | None = None


class ProxyBucket(msgspec.Struct):
    """How S3 clients call the storage at our endpoint."""

    bucket: str | None


@dataclass(frozen=True, slots=True)
class Target:
    """Where an S3 library connects to. `host` may hold a path; it has the port where there is one."""

    host: str
    resource: S3Resource

    @property
    def url(self) -> str:
        """The address of the endpoint."""
        return f"{'https' if self.resource.useSSL else 'http'}://{self.host}"

    @property
    def region(self) -> str:
        """As the resource says it, or where most buckets are."""
        return self.resource.region or REGION


@router.post(
    f"{_HELPERS}/v2/s3_resource_info",
    response_class=Response,
    responses={200: returns(S3Resource)},
    openapi_extra=accepts(Which, required=False),
)
async def resource_info(
    request: Request, parts: InParts, caller: Caller, body: Annotated[Which, Depends(json_body(Which))]
) -> Response:
    """As the value of an `s3` resource."""
    return json_answer((await _target(request, parts, caller, body)).resource)


@router.post(
    f"{_HELPERS}/v2/duckdb_connection_settings",
    response_class=Response,
    responses={200: returns(DuckDbSettings)},
    openapi_extra=accepts(Which, required=False),
)
async def duckdb_settings(
    request: Request, parts: InParts, caller: Caller, body: Annotated[Which, Depends(json_body(Which))]
) -> Response:
    """For DuckDB."""
    return json_answer(_duckdb(await _target(request, parts, caller, body)))


@router.post(
    f"{_HELPERS}/v2/polars_connection_settings",
    response_class=Response,
    responses={200: returns(PolarsSettings)},
    openapi_extra=accepts(Which, required=False),
)
async def polars_settings(
    request: Request, parts: InParts, caller: Caller, body: Annotated[Which, Depends(json_body(Which))]
) -> Response:
    """For Polars and s3fs."""
    return json_answer(_polars(await _target(request, parts, caller, body)))


@router.post(
    f"{_HELPERS}/duckdb_connection_settings",
    response_class=Response,
    responses={200: returns(DuckDbSettings)},
    openapi_extra=accepts(Given, required=False),
)
async def duckdb_settings_of_value(
    request: Request, parts: InParts, caller: Caller, body: Annotated[Given, Depends(json_body(Given))]
) -> Response:
    """For DuckDB, of a value that the caller has."""
    return json_answer(_duckdb(await _given(request, parts, caller, body)))


@router.post(
    f"{_HELPERS}/polars_connection_settings",
    response_class=Response,
    responses={200: returns(S3fsArgs)},
    openapi_extra=accepts(Given, required=False),
)
async def polars_settings_of_value(
    request: Request, parts: InParts, caller: Caller, body: Annotated[Given, Depends(json_body(Given))]
) -> Response:
    """For s3fs, of a value that the caller has."""
    return json_answer(_polars(await _given(request, parts, caller, body)).s3fs_args)


@router.get(f"{_HELPERS}/v2/s3_proxy_bucket", response_class=Response, responses={200: returns(ProxyBucket)})
async def proxy_bucket(
    parts: InParts,
    caller: Caller,
    storage: Annotated[str, Query(description="The name of a storage; nothing for the default one.")] = "",
) -> Response:
    """How S3 clients call a storage at our endpoint: it is reached there whatever its kind is."""
    return json_answer(ProxyBucket(await _bucket(parts, caller, storage)))


async def _target(request: Request, parts: Parts, caller: Principal, which: Which) -> Target:
    path = (which.s3_resource_path or "").removeprefix("$res:").removeprefix("res://")
    if not path:
        return await _own(request, parts, caller, which.storage or "")
    found = await require_resource(parts, caller, path, Action.READ_VALUE)
    if found.resource_type not in {"s3", "s3_aws_oidc"}:
        raise BadRequest(
            f"'{path}' is a resource of type {found.resource_type}, which S3 libraries cannot use: let an admin make "
            "it a storage of the workspace, and leave out s3_resource_path to reach it by the S3 endpoint."
        )
    value = loads(await interpolated(parts, caller, found))
    try:
        return _of_value(msgspec.convert(value, S3Resource))
    except msgspec.ValidationError as error:
        raise BadRequest(f"The value of the resource '{path}' does not fit its type: {error}.") from error


async def _given(request: Request, parts: Parts, caller: Principal, given: Given) -> Target:
    return await _own(request, parts, caller, "") if given.s3_resource is None else _of_value(given.s3_resource)


async def _own(request: Request, parts: Parts, caller: Principal, storage: str) -> Target:
    """Our own endpoint, at the address by which the caller has just reached us: only it gets this answer."""
    bucket = await _bucket(parts, caller, storage)
    credentials = own_credentials(request, parts, caller)
    base = urlsplit(parts.options.base_url)
    host = request.headers.get("host", "") if caller.is_job else base.netloc
    host = f"{host}/api/w/{caller.workspace}/s3_proxy"
    resource = S3Resource(
        bucket=bucket,
        region=REGION,
        endPoint=host,
        useSSL=base.scheme == "https" and not caller.is_job,
        pathStyle=True,
        accessKey=credentials.access_key,
        secretKey=credentials.secret_key,
    )
    return Target(host, resource)


async def _bucket(parts: Parts, caller: Principal, storage: str) -> str:
    """The name of a storage that is there."""
    async with parts.objects.storage(caller, Address(named(storage))) as found:
        return found.name or DEFAULT


def _of_value(value: S3Resource) -> Target:
    """Clients put the scheme before `endPoint` themselves, so the answer has none, and one that is there decides."""
    scheme, _, host = value.endPoint.rpartition("://")
    host = host.rstrip("/") or f"s3.{value.region or REGION}.amazonaws.com"
    resource = msgspec.structs.replace(value, endPoint=host, useSSL=scheme == "https" if scheme else value.useSSL)
    return Target(host if value.port is UNSET else f"{host}:{value.port}", resource)


def _duckdb(target: Target) -> DuckDbSettings:
    resource = target.resource
    lines = [
        "SET home_directory='./';",
        "INSTALL 'httpfs';",
        "LOAD 'httpfs';",
        f"SET s3_url_style='{'path' if resource.pathStyle else 'vhost'}';",
        f"SET s3_region={_quoted(target.region)};",
        f"SET s3_endpoint={_quoted(target.host)};",
        f"SET s3_access_key_id={_quoted(resource.accessKey)};",
        f"SET s3_secret_access_key={_quoted(resource.secretKey)};",
    ]
    if resource.token:
        lines.append(f"SET s3_session_token={_quoted(resource.token)};")
    if not resource.useSSL:
        lines.append("SET s3_use_ssl=0;")
    return DuckDbSettings("\n".join(lines) + "\n", resource.bucket)


def _polars(target: Target) -> PolarsSettings:
    resource = target.resource
    options = {
        "aws_endpoint_url": target.url,
        "aws_access_key_id": resource.accessKey,
        "aws_secret_access_key": resource.secretKey,
        "aws_region": target.region,
        "aws_allow_http": str(not resource.useSSL).lower(),
        "aws_virtual_hosted_style_request": str(not resource.pathStyle).lower(),
    }
    if resource.token:
        options["aws_session_token"] = resource.token
    style = "path" if resource.pathStyle else "virtual"
    arguments = S3fsArgs(
        endpoint_url=target.url,
        key=resource.accessKey,
        secret=resource.secretKey,
        use_ssl=resource.useSSL,
        client_kwargs={"region_name": target.region},
        config_kwargs={"s3": {"addressing_style": style}},
    )
    return PolarsSettings(s3fs_args=arguments, storage_options=options, s3_bucket=resource.bucket)


def _quoted(text: str) -> str:
    """A text in SQL."""
    if _BREAKS & set(text) - {"'"}:
        raise BadRequest("A field of the resource holds a backslash or a line break, which no S3 setting has.")
    return "'" + text.replace("'", "''") + "'"
