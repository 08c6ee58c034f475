"""The instance's bucket of TIDEMILL_OBJECTS_URL: which kind of store it is, and what opens it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from tidemill.engine.egress import EVERYWHERE
from tidemill.model.errors import StorageMisconfigured
from tidemill.settings import Settings
from tidemill.stores.objects import open_store
from tidemill.stores.objects.port import ObjectStore
from tidemill.stores.objects.remote.identity import Prove, by_file, nobody
from tidemill.stores.objects.s3.machine import CONTAINERS

_CANNOT: Final = "TIDEMILL_OBJECTS_URL: the bucket cannot be opened."


@dataclass(frozen=True, slots=True)
class _Opened:
    """A kind of store, the value that leads to it, and what proves an identity to it."""

    kind: str
    value: dict[str, object]
    prove: Prove = nobody


def bucket_url(settings: Settings) -> SplitResult | None:
    """The URL of the bucket; None where the instance keeps its objects in folders."""
    url = urlsplit(settings.objects_url)
    return None if url.scheme in {"", "file"} else url


def open_bucket(settings: Settings, place: str = "") -> ObjectStore:
    """The store of what lies at `place` in the bucket, below the prefix of its URL.

    Raises:
        StorageMisconfigured: there is no such kind of bucket, or nothing that opens it; the message says what to set.
    """
    url = bucket_url(settings)
    if url is None or url.scheme not in _KINDS:
        raise StorageMisconfigured(
            f"TIDEMILL_OBJECTS_URL={settings.objects_url!r} is none of {', '.join(f'{each}://…' for each in _KINDS)}."
        )
    found = _KINDS[url.scheme](settings, url.netloc)
    prefix = "/".join(part for part in (url.path.strip("/"), place) if part)
    return open_store(found.kind, {**found.value, "prefix": prefix}, egress=EVERYWHERE, prove=found.prove)


def _s3(settings: Settings, bucket: str) -> _Opened:
    value: dict[str, object] = {
        "bucket": bucket,
        "region": settings.aws_region,
        "endPoint": settings.aws_endpoint_url,
        "pathStyle": settings.aws_endpoint_url != "",
    }
    if settings.objects_identity == "machine":
        path = settings.aws_container_credentials_path
        lender: dict[str, object] = {
            "metadataEndPoint": settings.aws_metadata_url,
            "containerUrl": settings.aws_container_credentials_url or (f"{CONTAINERS}{path}" if path else ""),
            "containerTokenFile": str(settings.aws_container_token_file or ""),
        }
        return _Opened("s3_machine", value | lender)
    if settings.aws_access_key_id:
        keys: dict[str, object] = {
            "accessKey": settings.aws_access_key_id,
            "secretKey": settings.aws_secret_access_key,
            "token": settings.aws_session_token,
        }
        return _Opened("s3", value | keys)
    if settings.aws_role_arn and settings.aws_web_identity_token_file:
        role: dict[str, object] = {"roleArn": settings.aws_role_arn, "stsEndPoint": settings.aws_endpoint_url_sts}
        return _Opened("s3_aws_oidc", value | role, by_file(settings.aws_web_identity_token_file))
    raise StorageMisconfigured(
        f"{_CANNOT} Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE, "
        "or TIDEMILL_OBJECTS_IDENTITY=machine to be lent keys by the machine."
    )


def _gs(settings: Settings, bucket: str) -> _Opened:
    value: dict[str, object] = {"bucket": bucket, "endPoint": settings.google_storage_url}
    if settings.objects_identity == "machine":
        host = settings.google_metadata_host
        return _Opened("gcloud_machine", {**value, "metadataEndPoint": f"http://{host}" if host else ""})
    if settings.google_credentials is not None:
        return _Opened("gcloud_storage", {**value, "serviceAccountKey": _content(settings.google_credentials)})
    if settings.google_storage_url:
        return _Opened("gcloud_storage", value)
    raise StorageMisconfigured(
        f"{_CANNOT} Set GOOGLE_APPLICATION_CREDENTIALS to the key file of a service account, or "
        "TIDEMILL_OBJECTS_IDENTITY=machine to be lent tokens by the machine."
    )


def _az(settings: Settings, container: str) -> _Opened:
    value: dict[str, object] = {
        "accountName": settings.azure_account,
        "containerName": container,
        "endPoint": settings.azure_endpoint_url,
        "loginEndPoint": settings.azure_authority_host,
    }
    if not settings.azure_account:
        raise StorageMisconfigured(f"{_CANNOT} Set AZURE_STORAGE_ACCOUNT_NAME to the name of the storage account.")
    if settings.objects_identity == "machine":
        lender: dict[str, object] = {
            "metadataEndPoint": settings.azure_metadata_url,
            "identityEndPoint": settings.azure_identity_endpoint,
            "identityHeader": settings.azure_identity_header,
            "clientId": settings.azure_client_id,
        }
        return _Opened("azure_machine", value | lender)
    if settings.azure_key:
        return _Opened("azure_instance", {**value, "accessKey": settings.azure_key})
    if settings.azure_sas_token:
        return _Opened("azure_instance", {**value, "sasToken": settings.azure_sas_token})
    identity: dict[str, object] = {"tenantId": settings.azure_tenant_id, "clientId": settings.azure_client_id}
    if settings.azure_client_secret:
        return _Opened("azure_instance", {**value, **identity, "clientSecret": settings.azure_client_secret})
    if settings.azure_federated_token_file is not None:
        return _Opened("azure_instance", value | identity, by_file(settings.azure_federated_token_file))
    raise StorageMisconfigured(
        f"{_CANNOT} Set AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN, or AZURE_TENANT_ID and AZURE_CLIENT_ID "
        "with AZURE_FEDERATED_TOKEN_FILE or AZURE_CLIENT_SECRET, or TIDEMILL_OBJECTS_IDENTITY=machine to be lent "
        "tokens by the machine."
    )


def _content(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise StorageMisconfigured(f"{_CANNOT} GOOGLE_APPLICATION_CREDENTIALS={path} cannot be read.") from error


_KINDS: Final[dict[str, Callable[[Settings, str], _Opened]]] = {"s3": _s3, "gs": _gs, "az": _az}
