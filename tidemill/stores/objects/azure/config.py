"""How a container of Azure Blob Storage is reached, from the value of a resource `azure_blob`."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Self
from urllib.parse import parse_qsl

from tidemill.model.errors import StorageMisconfigured
from tidemill.stores.objects.remote.fields import Endpoint, Fields, endpoint

_ACCOUNT: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,48}[a-z0-9]")
_CONTAINER: Final = re.compile(r"\$?[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_SUFFIX: Final = "blob.core.windows.net"
LOGIN: Final = "https://login.microsoftonline.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """An identity of Entra ID, with a secret; without one a federated token proves it.

    `login` is not for users to say: tokens of ours are sent there.
    """

    tenant: str
    client: str
    secret: str = field(default="", repr=False)
    login: str = LOGIN


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureConfig:
    """A container and who asks for it: by the account's key, a shared access signature, or an identity.

    Attributes:
        access_key: decoded; b"" where there is none.
        signature: the pairs of a shared access signature.
        prefix: all keys are below it; it ends with `/` unless it is empty.
        ca_certificate: PEM, of authorities to trust beside the usual ones.
    """

    account: str
    container: str
    endpoint: Endpoint
    access_key: bytes = field(default=b"", repr=False)
    signature: Sequence[tuple[str, str]] = field(default=(), repr=False)
    identity: Identity | None = None
    prefix: str = ""
    ca_certificate: str = ""

    @property
    def origin(self) -> str:
        """Scheme, host and port that requests go to."""
        return f"{self.endpoint.scheme}://{self.endpoint.authority}"

    @property
    def root(self) -> str:
        """The path of the container."""
        return f"{self.endpoint.path}/{self.container}"

    @classmethod
    def of(cls, value: Mapping[str, object]) -> Self:
        """From the value of a resource; `federatedTokenFile` is for whoever opens the store to read, and to allow.

        Raises:
            StorageMisconfigured: a field is missing or wrong.
        """
        fields = Fields(value)
        config = replace(
            cls._place(fields),
            access_key=_key(fields.text("accessKey")),
            signature=parse_qsl(fields.text("sasToken").removeprefix("?"), keep_blank_values=True),
            identity=_identity(fields),
        )
        if not config.access_key and not config.signature and config.identity is None:
            raise StorageMisconfigured(
                "The storage's resource has no credentials: fill in accessKey or sasToken, or tenantId and clientId "
                "(with clientSecret, or without where a token proves the identity)."
            )
        return config

    @classmethod
    def of_identity(cls, value: Mapping[str, object]) -> Self:
        """From the value of a resource `azure_workload_identity`, which holds no secret.

        Raises:
            StorageMisconfigured: a field is missing or wrong.
        """
        fields = Fields(value)
        identity = Identity(tenant=fields.needed("tenantId"), client=fields.needed("clientId"))
        return replace(cls._place(fields), identity=identity)

    @classmethod
    def of_machine(cls, value: Mapping[str, object]) -> Self:
        """Of the instance's own container, which is reached by what the machine lends.

        Raises:
            StorageMisconfigured: a field is missing or wrong.
        """
        return cls._place(Fields(value))

    @classmethod
    def _place(cls, fields: Fields) -> Self:
        """Where the container is, without who asks."""
        account, container = fields.needed("accountName"), fields.needed("containerName")
        if _ACCOUNT.fullmatch(account) is None:
            raise StorageMisconfigured(f"{account[:80]!r} is no name of a storage account: check accountName.")
        if _CONTAINER.fullmatch(container) is None:
            raise StorageMisconfigured(f"{container[:80]!r} is no name of a container: check containerName.")
        return cls(
            account=account,
            container=container,
            endpoint=_endpoint(fields, account),
            prefix=fields.prefix(),
            ca_certificate=fields.text("caCertificate"),
        )


def _endpoint(fields: Fields, account: str) -> Endpoint:
    """Azure has a host for each account; emulators have a folder for each."""
    found = endpoint(fields.text("endPoint", f"{account}.{_SUFFIX}"), tls=fields.truth("useSSL", default=True))
    if found.is_address:
        return Endpoint(found.scheme, found.host, found.port, found.path or f"/{account}")
    if found.host.startswith(f"{account}."):
        return found
    return Endpoint(found.scheme, f"{account}.{found.host}", found.port, found.path)


def _key(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise StorageMisconfigured("The field accessKey is none of Azure: it is Base64 with == at its end.") from error


def _identity(fields: Fields) -> Identity | None:
    secret = fields.text("clientSecret")
    if not any((secret, fields.text("tenantId"), fields.text("clientId"), fields.text("federatedTokenFile"))):
        return None
    return Identity(tenant=fields.needed("tenantId"), client=fields.needed("clientId"), secret=secret)
