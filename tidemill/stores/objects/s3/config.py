"""How a bucket of S3 is reached, from the value of a resource `s3` or `s3_aws_oidc`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from tidemill.model.errors import StorageMisconfigured
from tidemill.stores.objects.remote.fields import Endpoint, Fields, endpoint

_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{1,253}[A-Za-z0-9]")
DEFAULT_REGION: Final = "us-east-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Config:
    """A bucket and who asks for it.

    Attributes:
        endpoint: of the service, without the bucket.
        path_style: the bucket stands in the path and not in the host name.
        access_key: "" where there is no key: then requests are not signed, for buckets that are open to all.
        token: the session token of temporary keys.
        role: ARN of the role to take on with a token that proves who asks, in place of keys.
        prefix: all keys are below it; it ends with `/` unless it is empty.
        ca_certificate: PEM, of authorities to trust beside the usual ones.
        sts: where roles are taken on.
    """

    bucket: str
    region: str = DEFAULT_REGION
    endpoint: Endpoint
    path_style: bool = False
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    role: str = ""
    prefix: str = ""
    ca_certificate: str = ""
    sts: Endpoint | None = None

    @property
    def host(self) -> str:
        """Host and port that requests go to."""
        return self.endpoint.authority if self.path_style else f"{self.bucket}.{self.endpoint.authority}"

    @property
    def origin(self) -> str:
        """Scheme, host and port that requests go to."""
        return f"{self.endpoint.scheme}://{self.host}"

    @property
    def root(self) -> str:
        """The path of the bucket, without a slash at its end."""
        return f"{self.endpoint.path}/{self.bucket}" if self.path_style else self.endpoint.path

    @classmethod
    def of(cls, value: Mapping[str, object]) -> Self:
        """From the value of a resource `s3`. Beside its fields there may be `prefix` and `caCertificate`.

        Raises:
            StorageMisconfigured: a field is missing or wrong.
        """
        fields = Fields(value)
        region = fields.text("region", DEFAULT_REGION)
        place = _endpoint(fields, region)
        bucket = _bucket(fields)
        access_key, secret_key = fields.text("accessKey"), fields.text("secretKey")
        if bool(access_key) != bool(secret_key):
            missing = "secretKey" if access_key else "accessKey"
            raise StorageMisconfigured(f"The field {missing} of the storage's resource is empty, but not its twin.")
        return cls(
            bucket=bucket,
            region=region,
            endpoint=place,
            path_style=_is_path_style(fields, bucket, place),
            access_key=access_key,
            secret_key=secret_key,
            token=fields.text("token"),
            prefix=fields.prefix(),
            ca_certificate=fields.text("caCertificate"),
        )

    @classmethod
    def of_role(cls, value: Mapping[str, object]) -> Self:
        """From the value of a resource `s3_aws_oidc`; `endPoint` and `stsEndPoint` are Amazon's unless they are given.

        Raises:
            StorageMisconfigured: a field is missing or wrong.
        """
        fields = Fields(value)
        region = fields.text("region", DEFAULT_REGION)
        place = _endpoint(fields, region)
        bucket = _bucket(fields)
        tls = fields.truth("useSSL", default=True)
        return cls(
            bucket=bucket,
            region=region,
            endpoint=place,
            path_style=_is_path_style(fields, bucket, place),
            role=fields.needed("roleArn"),
            sts=endpoint(fields.text("stsEndPoint", f"sts.{region}.{_suffix(region)}"), tls=tls),
            prefix=fields.prefix(),
            ca_certificate=fields.text("caCertificate"),
        )


def _endpoint(fields: Fields, region: str) -> Endpoint:
    text = fields.text("endPoint", f"s3.{region}.{_suffix(region)}")
    return endpoint(text, tls=fields.truth("useSSL", default=True), port=fields.number("port"))


def _suffix(region: str) -> str:
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


def _bucket(fields: Fields) -> str:
    bucket = fields.needed("bucket")
    if _BUCKET.fullmatch(bucket) is None:
        raise StorageMisconfigured(f"{bucket[:80]!r} is no name of a bucket: check bucket.")
    return bucket


def _is_path_style(fields: Fields, bucket: str, place: Endpoint) -> bool:
    """Also where there can be no host name of the bucket's own: below an address, or with TLS and dots in its name."""
    wanted = fields.truth("pathStyle", default=False)
    return wanted or place.is_address or (place.scheme == "https" and "." in bucket)
