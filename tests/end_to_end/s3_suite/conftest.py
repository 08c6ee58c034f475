"""`s3` is a server with a fresh bucket: Tidemill over a folder of the instance, and Ceph itself."""

import secrets
from dataclasses import dataclass
from typing import Any, Final

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests import object_servers_ceph as ceph
from tests.end_to_end.running import Tidemill
from tests.object_servers import ObjectServers

DIFFERENCES: Final[dict[str, str]] = {
    "test_a_key_has_its_limit": "InvalidObjectName",
    "test_a_range_that_is_none": "bytes=-0 gives the whole object",
    "test_a_token_that_is_none": "an empty continuation token is none",
    "test_an_upload_is_aborted": "NoSuchKey where an upload is listed that is gone",
    "test_attributes_are_told": "GetObjectAttributes is answered with 500",
    "test_checksums_are_kept": "checksums are neither kept nor told",
    "test_copies": "the ETag of a copy is told without quotes",
    "test_deletes_on_a_condition": "If-Match is ignored on deletes",
    "test_keys_are_encoded_where_that_is_asked_for": "the prefix is told as it is",
    "test_many_deletes": "1,001 keys are refused without a code",
    "test_part_numbers_have_bounds": "part number 0 is taken",
    "test_parts_that_are_not_named_are_left_out": "an upload is completed with all of its parts or not at all",
    "test_single_parts_are_read": "partNumber is ignored",
    "test_the_answer_to_a_completion_tells_the_etag": "the ETag is empty",
    "test_uploads_are_completed_on_a_condition": "conditions are ignored when an upload is completed",
    "test_what_cannot_be_completed": "parts are looked at before their order",
    "test_what_is_not_modified_is_told_with_its_etag": "the ETag is left out",
    "test_what_is_not_what_was_promised_is_refused": "checksums but Content-MD5 are not compared",
    "test_writes_that_replace": "an ETag in quotes never matches",
}
"""Test -> what Ceph 16 does in its place. They are told in docs/reference/s3-api.md."""


@dataclass(frozen=True)
class Bucket:
    """A client and an empty bucket."""

    client: Any
    name: str
    endpoint: str

    def call(self, operation: str, **arguments: Any) -> Any:
        """An operation on the bucket."""
        return getattr(self.client, operation)(Bucket=self.name, **arguments)

    def put(self, key: str, body: bytes = b"x", **more: Any) -> Any:
        return self.call("put_object", Key=key, Body=body, **more)

    def get(self, key: str, **more: Any) -> bytes:
        return bytes(self.call("get_object", Key=key, **more)["Body"].read())

    def refusal(self, operation: str, **arguments: Any) -> tuple[int, str]:
        """Status and code of an operation that is refused."""
        with pytest.raises(ClientError) as caught:
            self.call(operation, **arguments)
        answer = caught.value.response
        return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]

    def fill(self, *keys: str) -> None:
        for key in keys:
            self.put(key, key.encode())


def client_of(endpoint: str, access_key: str, secret_key: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name="us-east-1",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )


@pytest.fixture(scope="module", params=["tidemill", "ceph"])
def server(request: pytest.FixtureRequest) -> tuple[str, Any, str]:
    """Its name, a client of it, and where it is."""
    if request.param == "ceph":
        servers: ObjectServers = request.getfixturevalue("object_servers")
        endpoint = servers.get("ceph").endpoint
        return "ceph", client_of(endpoint, ceph.ACCESS_KEY, ceph.SECRET_KEY), endpoint
    tidemill: Tidemill = request.getfixturevalue("tidemill")
    return "tidemill", tidemill.s3_client(), tidemill.s3["endpoint"]


@pytest.fixture
def s3(request: pytest.FixtureRequest, server: tuple[str, Any, str]) -> Bucket:
    kind, client, endpoint = server
    if kind == "ceph" and (reason := DIFFERENCES.get(request.node.originalname)):
        request.applymarker(pytest.mark.xfail(reason=reason))
    name = f"suite-{secrets.token_hex(6)}"
    client.create_bucket(Bucket=name)
    return Bucket(client, name, endpoint)
